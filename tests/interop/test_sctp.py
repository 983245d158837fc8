"""Data channels between this library's SCTP and webrtcbin's, which is usrsctp: channels of every kind, also closed early."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, Session, SignallingServer

from ..helpers.waiting import Heard
from ..peers.gst_signalling import GstProcess, find_gst_signalling, gst_producer
from ..peers.require import require

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def _gst_signalling() -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")


@pytest.fixture
def their_producer(embedded_server: SignallingServer) -> Iterator[GstProcess]:
    """A producer of gst-signalling that echoes on its channels."""
    with gst_producer(embedded_server.uri, "theirs", ("data", "second")) as process:
        process.wait_for("ready")
        yield process


@pytest.fixture
def our_session(embedded_server: SignallingServer, their_producer: GstProcess) -> Iterator[Session]:
    with Consumer(embedded_server.uri) as consumer:
        yield consumer.start_session(name="theirs", timeout=30)


@pytest.mark.parametrize(
    ("ordered", "retransmits", "life_time"),
    [
        (True, None, None),
        (False, None, None),
        (True, 3, None),
        (False, 0, None),
        (True, None, 5000),
        (False, None, 5000),
    ],
    ids=["reliable", "unordered", "retransmits", "unordered, no retransmits", "lifetime", "unordered, lifetime"],
)
def test_our_channel_of_every_kind_carries_messages_both_ways(
    our_session: Session, their_producer: GstProcess, ordered: bool, retransmits: int | None, life_time: int | None
) -> None:
    channel = our_session.create_channel(
        "ours", ordered=ordered, max_retransmits=retransmits, max_packet_life_time=life_time, protocol="p"
    )
    opened = their_producer.wait_for("channel", label="ours")
    assert (opened["ordered"], opened["protocol"]) == (ordered, "p")
    assert opened["max_retransmits"] == (-1 if retransmits is None else retransmits)
    assert opened["max_packet_lifetime"] == (-1 if life_time is None else life_time)
    # webrtcbin 1.22 receives empty messages, a string as bytes and bytes as a string, but sends none.
    channel.send("")
    channel.send(b"")
    for message in ("ünïcödé", b"\x00", bytes(1083), bytes(1084), bytes(1085), bytes(1200), bytes(16_384)):
        channel.send(message)
        assert channel.recv() == message
    assert {their_producer.wait_for_message("ours") for _ in range(2)} == {"", b""}


@pytest.mark.parametrize(
    "options",
    [
        ("--unordered",),
        ("--max-retransmits=3",),
        ("--unordered", "--max-retransmits=0"),
        ("--max-packet-lifetime=5000",),
    ],
    ids=" ".join,
)
def test_their_channel_of_every_kind_carries_messages_both_ways(
    embedded_server: SignallingServer, options: tuple[str, ...]
) -> None:
    with (
        gst_producer(embedded_server.uri, "theirs", ("data",), *options) as process,
        Consumer(embedded_server.uri) as consumer,
    ):
        process.wait_for("ready")
        channel = consumer.start_session(name="theirs", timeout=30).channel("data", timeout=30)
        assert channel.ordered is ("--unordered" not in options)
        for message in ("ünïcödé", b"\x00", bytes(16_384)):
            channel.send(message)
            assert channel.recv() == message


def test_channel_that_we_close_while_we_send_carries_what_was_sent(
    our_session: Session, their_producer: GstProcess
) -> None:
    channel = our_session.create_channel("ours")
    their_producer.wait_for("channel", label="ours")
    for number in range(300):
        channel.send(str(number).ljust(4000))
    channel.close()
    for number in range(300):
        their_producer.wait_for("message", text=str(number).ljust(4000))
    their_producer.wait_for("channel_closed", label="ours")
    after = our_session.create_channel("after it")
    after.send("hello")
    assert after.recv() == "hello"


def test_channel_that_they_close_while_both_send_is_closed(our_session: Session, their_producer: GstProcess) -> None:
    channel = our_session.channel("data", timeout=30)
    closed = Heard(channel.closed)
    their_producer.wait_for("channel", label="data")
    their_producer.command("send_numbers", label="data", count=2000)
    for _ in range(100):
        channel.send(bytes(4000))
    their_producer.command("close_channel", label="data")
    closed.next()
    numbers = [message for message in channel if isinstance(message, str)]
    assert numbers == [str(number) for number in range(len(numbers))]
    assert our_session.channel("second", timeout=30).state == "open"


def test_channels_are_opened_and_closed_again_and_again(our_session: Session, their_producer: GstProcess) -> None:
    for number in range(20):
        channel = our_session.create_channel(f"visit {number}")
        channel.send("hello")
        assert channel.recv() == "hello"
        channel.close()
    their_producer.wait_for("channel_closed", label="visit 19")
