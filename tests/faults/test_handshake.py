"""A peer is killed at each point of the handshake, and while messages flow: the other end detects it soon, and goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import Consumer, Producer, SessionClosed, connect

from ..figures import Figures, Stopwatch
from ..helpers.waiting import wait_until
from ..peers.peer_process import ROOT
from .mortal_peer import POINTS

KNOWS_SECONDS = 10.0
LINE_SECONDS = 60.0


class Mortal:
    """Peers, one after another, that kill themselves at a point of the handshake."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.mortal_peer"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
        )

    def begin(self, uri: str, role: str, point: str) -> None:
        """Start a peer.

        Args:
            uri: The signalling server's.
            role: ``"producer"``, or the id of the producer whose consumer it is.
            point: The point at which it dies.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{uri} {role} {point}\n")
        self._process.stdin.flush()

    def next_line(self) -> str:
        """Its next line: that it is ready, or how it died. Empty if there is no line in time."""
        assert self._process.stdout is not None
        timer = threading.Timer(LINE_SECONDS, self._process.kill)
        timer.start()
        line = self._process.stdout.readline().strip()
        timer.cancel()
        return line

    def end(self) -> None:
        """Stop the process that starts peers."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    mortal = Mortal()
    yield mortal
    mortal.end()


@pytest.mark.parametrize("point", POINTS)
def test_producer_dies(signalling_uri: str, mortal: Mortal, figures: Figures, point: str) -> None:
    mortal.begin(signalling_uri, "producer", point)
    peer_id = mortal.next_line().removeprefix("ready ")
    with ThreadPoolExecutor(1) as pool, Consumer(signalling_uri) as consumer:

        def talk() -> None:
            session = consumer.start_session(peer_id, timeout=2 * KNOWS_SECONDS)
            while True:
                session.channel("data").send("hello")
                threading.Event().wait(0.01)

        talking = pool.submit(talk)
        assert mortal.next_line() == "died 9"
        watch = Stopwatch()
        with pytest.raises((SessionClosed, ConnectionError), match=r"left|closed|gone|broke"):
            talking.result(2 * KNOWS_SECONDS)
        figures.add(f"known after the producer died when {point}", watch.seconds, KNOWS_SECONDS)
        assert consumer.sessions == []


@pytest.mark.parametrize("point", POINTS)
def test_consumer_dies(signalling_uri: str, mortal: Mortal, figures: Figures, point: str) -> None:
    producer = Producer(signalling_uri, name="robot")
    data = producer.add_channel("data")
    data.message.connect(lambda channel, session, data: channel.send(data, session=session))
    with producer:
        assert producer.peer_id is not None
        mortal.begin(signalling_uri, producer.peer_id, point)
        assert mortal.next_line() == "died 9"
        watch = Stopwatch()
        wait_until(lambda: not producer.sessions, "the session has ended", KNOWS_SECONDS)
        figures.add(f"known after the consumer died when {point}", watch.seconds, KNOWS_SECONDS)
        with connect(signalling_uri, name="robot") as session:
            session.channel("data").send("the next one is served")
            assert session.channel("data").recv() == "the next one is served"
