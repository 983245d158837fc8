"""A robot's process is killed in mid-stream and started again, while its consumer has ``resume=True``."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import pytest

from gst_signalling_sync import (
    Consumer,
    Producer,
    Retry,
    SessionClosed,
    SessionLimits,
    SignallingServer,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.race import Race
from gst_signalling_sync.webrtc.farewell import Farewell
from gst_signalling_sync.webrtc.live_session import LiveSession

from ..figures import Figures
from ..helpers.mortal_server import mortal_server
from ..helpers.processes import exit_of, start_script
from ..helpers.proofs import short_and_long
from ..helpers.waiting import Heard, wait_until, wait_until_waiting

pytestmark = pytest.mark.slow

QUICK = Retry(maximum=1.5)
SECONDS = 20.0

ROBOT = """
    import sys, threading, time
    import numpy as np
    from gst_signalling_sync import Producer

    robot = Producer(sys.argv[1], name="robot")
    echo = robot.add_channel("echo")
    echo.message.connect(lambda channel, session, data: channel.send(data, session=session))
    camera = robot.add_video(fps=15) if "video" in sys.argv else None
    with robot:
        print(robot.peer_id, flush=True)
        frame = np.zeros((120, 160, 3), np.uint8)
        while True:
            frame += 3
            if camera is not None:
                camera.write(frame)
            time.sleep(1 / 15)
"""


class Robot:
    """A robot's program, which can be killed and started again.

    Args:
        uri: The signalling server's.
        arguments: ``"video"``: it has a camera.
    """

    def __init__(self, uri: str, *arguments: str) -> None:
        self._uri = uri
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.peer_id = ""

    def start(self) -> None:
        self._process = start_script(ROBOT, self._uri, *self._arguments)
        assert self._process.stdout is not None
        self.peer_id = self._process.stdout.readline().strip()
        assert self.peer_id

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            exit_of(self._process)
            self._process = None


@pytest.fixture
def robot(request: pytest.FixtureRequest, embedded_server: SignallingServer) -> Iterator[Robot]:
    robot = Robot(embedded_server.uri, *getattr(request, "param", ()))
    robot.start()
    yield robot
    robot.kill()


def test_the_same_objects_go_on(robot: Robot, embedded_server: SignallingServer) -> None:
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session:
        states = Heard(session.state_changed)
        channel = session.channel("echo")
        resumed = Heard(channel.resumed)
        first = (session.id, session.peer_id)
        channel.send("before")
        assert channel.recv() == "before"

        robot.kill()
        state = states.next(SECONDS)["state"]
        # The change to "connected" may have been reported late.
        assert (states.next(SECONDS)["state"] if state == "connected" else state) == "resuming"
        assert session.is_open
        robot.start()
        assert states.next(SECONDS)["state"] == "connected"

        assert resumed.next(SECONDS)["unconfirmed"] == []
        assert session.channel("echo") is channel
        assert session.peer_id == robot.peer_id
        assert (session.id, session.peer_id) != first
        channel.send("after")
        assert channel.recv() == "after"


def test_close_at_the_moment_of_the_return_closes(
    robot: Robot, embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on_with = LiveSession.go_on_with
    with Consumer(embedded_server.uri, retry=QUICK) as consumer, ThreadPoolExecutor() as pool:
        session = consumer.start_session(name="robot", resume=True)
        closing: list[Future[None]] = []

        def go_on_while_somebody_closes(before: LiveSession, successor: LiveSession) -> None:
            closing.append(pool.submit(session.close, 5))
            wait_until_waiting(session.close)
            go_on_with(before, successor)

        monkeypatch.setattr(LiveSession, "go_on_with", go_on_while_somebody_closes)
        robot.kill()
        wait_until(lambda: session.state == "resuming", "the loss is known", SECONDS)
        robot.start()
        wait_until(lambda: closing, "it goes on", SECONDS)
        closing[0].result(SECONDS)

        assert session.state == "closed"


def test_session_that_has_gone_on_is_not_ended_by_the_attempt_that_brought_it_back(
    robot: Robot, embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Consumer(embedded_server.uri, retry=QUICK) as consumer:
        session = consumer.start_session(name="robot", resume=True)
        channel = session.channel("echo")
        late = threading.Event()

        def see_too_late(race: Race) -> None:
            if session.state == "connected":
                late.set()
                raise WaitTimeout("too late")

        monkeypatch.setattr(Race, "winner", None)
        monkeypatch.setattr(Race, "check_time", see_too_late)
        robot.kill()
        wait_until(lambda: session.state == "resuming", "the loss is known", SECONDS)
        robot.start()
        assert late.wait(SECONDS)
        channel.send("after")

        assert channel.recv(timeout=SECONDS) == "after"
        assert session.state == "connected"


def test_limits_that_were_met_before_count_on(robot: Robot, embedded_server: SignallingServer) -> None:
    limits = SessionLimits(label_bytes=3)
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True, limits=limits) as session:
        wait_until(lambda: session.refusals, "the robot's channels have longer labels")
        before = session.refusals["label_bytes"]
        robot.kill()
        robot.start()
        wait_until(lambda: session.refusals["label_bytes"] == 2 * before, "its new channels have them too")


def test_who_waits_in_recv_goes_on_waiting(robot: Robot, embedded_server: SignallingServer) -> None:
    with (
        connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session,
        ThreadPoolExecutor() as pool,
    ):
        channel = session.channel("echo")
        resumed = Heard(channel.resumed)
        receiving = pool.submit(channel.recv, SECONDS)
        robot.kill()
        robot.start()
        resumed.next(SECONDS)
        channel.send("hello again")
        assert receiving.result(SECONDS) == "hello again"


def test_what_was_sent_meanwhile_arrives(robot: Robot, embedded_server: SignallingServer) -> None:
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session:
        channel = session.channel("echo")
        robot.kill()
        wait_until(lambda: session.state == "resuming", "the loss is known")
        channel.send("sent while resuming")
        robot.start()
        assert channel.recv(SECONDS) == "sent while resuming"


def test_channels_of_this_end_are_created_again(robot: Robot, embedded_server: SignallingServer) -> None:
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session:
        own = session.create_channel("echo.own", protocol="echo.gst-signalling-sync")
        own.send("before")
        assert own.recv() == "before"
        resumed = Heard(own.resumed)
        robot.kill()
        robot.start()
        resumed.next(SECONDS)
        own.send("after")
        assert own.recv() == "after"


@pytest.mark.parametrize("robot", [("video",)], indirect=True)
def test_a_reader_of_frames_goes_on(robot: Robot, embedded_server: SignallingServer) -> None:
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session:
        video = session.video
        assert video.read(timeout=SECONDS).shape == (120, 160, 3)
        robot.kill()
        wait_until(lambda: session.state == "resuming", "the loss is known")
        count = video.frames_received
        robot.start()
        wait_until(lambda: session.state == "connected", "it is back", SECONDS)
        wait_until(lambda: video.frames_received > count, "frames come", SECONDS)
        assert session.video is video
        assert video.read().shape == (120, 160, 3)


@pytest.mark.parametrize("robot", [("video",)], indirect=True)
def test_a_recording_goes_on_in_its_file(robot: Robot, embedded_server: SignallingServer, tmp_path: Path) -> None:
    path = tmp_path / "drive.mkv"
    with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True) as session:
        with session.record(path) as recorder:
            wait_until(lambda: recorder.frames > 15, "something is recorded", SECONDS)
            robot.kill()
            wait_until(lambda: session.state == "resuming", "the loss is known")
            robot.start()
            wait_until(lambda: session.state == "connected", "it is back", SECONDS)
            count = recorder.frames
            wait_until(lambda: recorder.frames > count + 15, "more is recorded", SECONDS)
        assert recorder.error is None
    with av.open(str(path)) as file:
        times = [float(frame.time) for frame in file.decode(video=0) if frame.time is not None]
    assert len(times) > 30
    assert all(after > before for before, after in itertools.pairwise(times))


def test_a_session_of_before_the_server_returned_is_resumed_only_if_it_has_to_be() -> None:
    with mortal_server() as server:
        robot = Robot(server.uri)
        robot.start()
        try:
            with connect(server.uri, name="robot", retry=QUICK, resume=True) as session:
                first = session.id
                server.go()
                server.come()
                wait_until(lambda: len(server.peer_ids) == 2, "both ends are registered again", SECONDS)
                # Both ends have new ids now, which must not matter for the silence that begins afterwards.
                wait_until(lambda: session.silence > 0.4, "both ends know", SECONDS)
                session.channel("echo").send("the peer is heard")
                assert session.channel("echo").recv(SECONDS) == "the peer is heard"
                robot.freeze()
                wait_until(lambda: session.state == "interrupted", "nothing is heard", SECONDS)
                wait_until(lambda: session.silence > 3.0, "time to look for another address", SECONDS)
                robot.thaw()
                wait_until(lambda: session.state != "interrupted", "it is heard again", SECONDS)
                assert session.state == "connected"
                assert session.id == first
        finally:
            robot.kill()


def test_a_session_that_is_closed_on_purpose_is_not_resumed(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        session = connect(embedded_server.uri, name="robot", retry=QUICK, resume=True)
        closed = Heard(session.closed)
        wait_until(lambda: producer.sessions, "connected")
        producer.sessions[0].close()
        assert closed.next(SECONDS)["error"] is None
        assert session.state == "closed"


def test_without_resume_the_session_ends_with_its_reason(robot: Robot, embedded_server: SignallingServer) -> None:
    with connect(embedded_server.uri, name="robot", retry=QUICK) as session:
        closed = Heard(session.closed)
        robot.kill()
        error = closed.next(SECONDS)["error"]
        assert isinstance(error, SessionClosed)
        assert error.reason == "left"


def test_close_ends_a_session_that_is_resuming(robot: Robot, embedded_server: SignallingServer) -> None:
    with Consumer(embedded_server.uri, retry=QUICK) as consumer:
        session = consumer.start_session(name="robot", resume=True)
        channel = session.channel("echo")
        robot.kill()
        wait_until(lambda: session.state == "resuming", "the loss is known")
        session.close()
        assert session.state == "closed"
        with pytest.raises(Exception, match="closed"):
            channel.send("too late")
        assert consumer.sessions == []


def test_close_while_the_broken_connection_is_still_ending_ends_its_successor_too(
    robot: Robot, embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Farewell.close

    async def end_slowly(farewell: Farewell, negotiation: Any) -> None:
        await asyncio.sleep(1.0)
        await end(farewell, negotiation)

    monkeypatch.setattr(Farewell, "close", end_slowly)
    with Consumer(embedded_server.uri, retry=QUICK) as consumer:
        session = consumer.start_session(name="robot", resume=True)
        robot.kill()
        robot.start()
        wait_until(lambda: session.state == "resuming", "the loss is known")
        session.close()
        assert session.state == "closed"
        wait_until(lambda: not embedded_server.sessions, "the server has no session left")


def test_close_of_the_consumer_ends_what_is_resuming(robot: Robot, embedded_server: SignallingServer) -> None:
    consumer = Consumer(embedded_server.uri, retry=QUICK).start()
    session = consumer.start_session(name="robot", resume=True)
    robot.kill()
    wait_until(lambda: session.state == "resuming", "the loss is known")
    consumer.close()
    assert session.state == "closed"


def test_it_gives_up_when_it_was_told_when(robot: Robot, embedded_server: SignallingServer) -> None:
    retry = Retry(first=0.1, maximum=0.2, give_up_after=0.5)
    with Consumer(embedded_server.uri, retry=retry, timeout=2) as consumer:
        session = consumer.start_session(name="robot", resume=True, timeout=SECONDS)
        closed = Heard(session.closed)
        robot.kill()
        error = closed.next(SECONDS)["error"]
        assert error.reason == "left"
        assert "was not resumed in time" in str(error)


@pytest.mark.parametrize("resend", [False, True])
@short_and_long("rounds", 3, 200)
def test_what_was_not_acknowledged_is_told_and_sent_again_where_that_was_asked_for(
    embedded_server: SignallingServer, figures: Figures, resend: bool, rounds: int
) -> None:
    robot = Robot(embedded_server.uri)
    robot.start()
    echoed: list[str | bytes] = []
    numbers = itertools.count()
    try:
        with connect(embedded_server.uri, name="robot", retry=QUICK, resume=True, resend=resend) as session:
            channel = session.channel("echo")
            channel.message.connect(lambda channel, data: echoed.append(data))
            resumed = Heard(channel.resumed)

            def send(count: int) -> list[str]:
                sent = [f"message {next(numbers)}" for _ in range(count)]
                for message in sent:
                    channel.send(message, timeout=SECONDS)
                return sent

            for _ in range(rounds):
                answered = send(20)
                wait_until(lambda answered=answered: set(answered) <= set(echoed), "echoed", SECONDS)  # type: ignore[misc]
                # The robot acknowledges nothing from now on, and is then killed in mid-stream.
                robot.freeze()
                in_flight = send(50)
                robot.kill()
                wait_until(lambda: session.state == "resuming", "the loss is known", SECONDS)
                waiting = send(10)
                robot.start()
                back = time.monotonic()
                assert resumed.next(SECONDS)["unconfirmed"][-50:] == in_flight
                figures.add("resumed after the return", time.monotonic() - back, QUICK.maximum + 4.0)
                expected = set(waiting) | (set(in_flight) if resend else set())
                wait_until(lambda expected=expected: expected <= set(echoed), "what is sent arrives", SECONDS)  # type: ignore[misc]
                if not resend:
                    assert not set(in_flight) & set(echoed)
    finally:
        robot.kill()
