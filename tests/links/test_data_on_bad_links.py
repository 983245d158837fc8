"""Data channels of this library's SCTP over bad links, with webrtcbin's SCTP (usrsctp) for comparison and as the other end."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from benchmarks.data.contestants import GST_SIGNALLING, LIBRARY_UVLOOP
from benchmarks.data.links import BAD_LINKS, BULK
from benchmarks.data.run import measure_link
from gst_signalling_sync import DataChannel, Session, SignallingServer, connect
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..figures import Figures
from ..helpers.waiting import wait_until
from ..peers.gst_signalling import find_gst_signalling, gst_producer
from ..peers.require import require

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

_SECONDS = 60.0
_SHORT_BULK = replace(BULK, bulk_messages=80)


@pytest.fixture(autouse=True)
def _gst_signalling() -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")


@pytest.fixture(params=BAD_LINKS)
def bad_link(request: pytest.FixtureRequest, embedded_server: SignallingServer) -> Iterator[Callable[[], Session]]:
    """Start sessions, over a bad link, with a producer on webrtcbin that echoes."""
    with (
        gst_producer(embedded_server.uri, "theirs", ("data",), "--no-report") as process,
        SimulatedNetwork(embedded_server.uri, BAD_LINKS[request.param]) as network,
    ):
        process.wait_for("ready")
        sessions: list[Session] = []

        def join() -> Session:
            sessions.append(connect(network.uri, name="theirs", timeout=_SECONDS))
            return sessions[-1]

        yield join
        for session in sessions:
            session.close()


@pytest.mark.slow
@pytest.mark.parametrize("link", BAD_LINKS)
def test_throughput_beside_webrtcbin(embedded_server: SignallingServer, figures: Figures, link: str) -> None:
    reached = {LIBRARY_UVLOOP: 0.0, GST_SIGNALLING: 0.0}
    for seed in range(2):
        for contestant in reached:
            reached[contestant] += measure_link(contestant, embedded_server.uri, BAD_LINKS[link], seed, _SHORT_BULK)

    # Both figures depend on chance, and one wait for a retransmission may last as long as all else. Medians of more rounds, by
    # `python -m benchmarks data --bad-links`, are above 1.
    figures.add_ratio(f"throughput to webrtcbin's, {link}", reached[LIBRARY_UVLOOP] / reached[GST_SIGNALLING], 0.5)


def test_all_bytes_arrive_in_order_both_ways(bad_link: Callable[[], Session]) -> None:
    channel = bad_link().channel("data", timeout=_SECONDS)
    generator = random.Random(1)
    messages = [generator.randbytes(generator.choice((1, 100, 1200, 20_000))) for _ in range(80)]

    def send() -> None:
        for each in messages:
            channel.send(each, timeout=_SECONDS)

    sender = threading.Thread(target=send)
    sender.start()

    received = [channel.recv(timeout=_SECONDS) for _ in messages]
    sender.join()

    assert received == messages


@pytest.mark.parametrize(
    ("ordered", "retransmits", "life_time"),
    [(False, 0, None), (True, 1, None), (True, None, 50)],
    ids=["unordered, not repeated", "ordered, repeated once", "ordered, 50 ms"],
)
def test_messages_that_are_given_up_hold_up_no_other(
    bad_link: Callable[[], Session], ordered: bool, retransmits: int | None, life_time: int | None
) -> None:
    session = bad_link()
    reliable = session.channel("data", timeout=_SECONDS)
    channel = session.create_channel(
        "partial", ordered=ordered, max_retransmits=retransmits, max_packet_life_time=life_time, timeout=_SECONDS
    )
    for number in range(200):
        channel.send(str(number))
        # The message gets a packet of its own, so that it can be lost alone.
        wait_until(lambda: channel.buffered_amount == 0, "it is sent", timeout=_SECONDS)
    reliable.send("behind them")

    assert reliable.recv(timeout=_SECONDS) == "behind them"
    received = [int(message) for message in _what_came(channel)]
    assert len(set(received)) == len(received)
    assert 50 < len(received) <= 200
    if ordered:
        assert received == sorted(received)


def _what_came(channel: DataChannel) -> list[str | bytes]:
    """All messages that arrive until the channel is closed."""
    channel.close()
    return list(channel)
