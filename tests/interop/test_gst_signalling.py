"""Data channels with gst-signalling 1.1.2 on GStreamer's webrtcbin, in both roles and on both servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, DataChannel, MessageTooLarge, Producer, Session

from ..helpers.waiting import Heard, wait_until
from ..peers.gst_signalling import GstProcess, find_gst_signalling, gst_consumer, gst_producer
from ..peers.require import require

pytestmark = pytest.mark.interop

WEBRTCBIN_MAX_MESSAGE_SIZE = 65536
"""Its offers have no max-message-size, which means this (RFC 8841 section 6.1)."""


@pytest.fixture(autouse=True)
def _gst_signalling() -> None:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")


@pytest.fixture
def their_producer(signalling_uri: str) -> Iterator[GstProcess]:
    """A producer of gst-signalling that echoes on its channels."""
    with gst_producer(signalling_uri, "theirs", ("data", "second")) as process:
        process.wait_for("ready")
        yield process


@pytest.fixture
def our_session(signalling_uri: str, their_producer: GstProcess) -> Iterator[Session]:
    with Consumer(signalling_uri) as consumer:
        yield consumer.start_session(name="theirs", timeout=30)


@pytest.fixture
def our_producer(signalling_uri: str) -> Iterator[Producer]:
    """A producer of this library that echoes on its channel."""
    producer = Producer(signalling_uri, name="ours")
    channel = producer.add_channel("data")
    channel.message.connect(lambda _, session, data: session.channel("data").send(data))
    with producer:
        yield producer


@pytest.fixture
def their_consumer(signalling_uri: str, our_producer: Producer) -> Iterator[GstProcess]:
    """A consumer of gst-signalling that does not echo."""
    with gst_consumer(signalling_uri, "--no-echo", producer_name="ours") as process:
        process.wait_for("channel", label="data")
        yield process


@pytest.mark.parametrize("message", ["ünïcödé", b"\x00bytes\xff", bytes(WEBRTCBIN_MAX_MESSAGE_SIZE)], ids=len)
def test_their_producer_echoes(our_session: Session, message: str | bytes) -> None:
    channel = our_session.channel("data", timeout=30)
    channel.send(message)
    assert channel.recv() == message


def test_their_producers_channels_arrive(our_session: Session) -> None:
    assert {our_session.channel(label, timeout=30).label for label in ("data", "second")} == {"data", "second"}


def test_our_channel_reaches_their_producer(our_session: Session, their_producer: GstProcess) -> None:
    channel = our_session.create_channel("café 中", ordered=False, max_retransmits=2)
    opened = their_producer.wait_for("channel", label="café 中")
    assert (opened["ordered"], opened["max_retransmits"]) == (False, 2)
    channel.send("hello")
    assert their_producer.wait_for_message("café 中") == "hello"


def test_messages_of_their_producer_arrive_in_order(our_session: Session, their_producer: GstProcess) -> None:
    channel = our_session.channel("data", timeout=30)
    their_producer.wait_for("channel", label="data")
    their_producer.command("send_numbers", label="data", count=2000)
    assert [channel.recv() for _ in range(2000)] == [str(number) for number in range(2000)]


def test_message_too_large_for_webrtcbin(our_session: Session) -> None:
    with pytest.raises(MessageTooLarge, match="65536"):
        our_session.channel("data", timeout=30).send(bytes(WEBRTCBIN_MAX_MESSAGE_SIZE + 1))


def test_their_producer_closes_a_channel(our_session: Session, their_producer: GstProcess) -> None:
    channel = our_session.channel("data", timeout=30)
    closed = Heard(channel.closed)
    # The channel opens first at our end. webrtcbin 1.22 forgets a close that comes before it is open at its own end.
    their_producer.wait_for("channel", label="data")
    their_producer.command("close_channel", label="data")
    closed.next()


def test_we_close_a_channel_of_theirs(our_session: Session, their_producer: GstProcess) -> None:
    our_session.channel("data", timeout=30).close()
    their_producer.wait_for("channel_closed", label="data")


def test_their_producer_ends_the_session(our_session: Session, their_producer: GstProcess) -> None:
    closed = Heard(our_session.closed)
    their_producer.command("close_session")
    assert closed.next()["error"].reason == "left"


def test_their_producer_dies(our_session: Session, their_producer: GstProcess) -> None:
    closed = Heard(our_session.closed)
    their_producer.kill()
    closed.next()


def test_we_end_the_session_with_their_producer(our_session: Session, their_producer: GstProcess) -> None:
    our_session.close()
    their_producer.wait_for("session_closed")


def test_their_consumer_gets_text_and_bytes(our_producer: Producer, their_consumer: GstProcess) -> None:
    wait_until(lambda: our_producer.sessions, "our producer is connected")
    channel = our_producer.sessions[0].channel("data")
    for message in ("ünïcödé", b"\x00bytes\xff"):
        channel.send(message)
        assert their_consumer.wait_for_message("data") == message


def test_our_producer_echoes_to_their_consumer(their_consumer: GstProcess) -> None:
    for message in ("ünïcödé", b"\x00bytes\xff"):
        their_consumer.send(message)
        assert their_consumer.wait_for_message("data") == message


def test_everything_sent_before_close_reaches_their_consumer(
    our_producer: Producer, their_consumer: GstProcess
) -> None:
    wait_until(lambda: our_producer.sessions, "our producer is connected")
    session = our_producer.sessions[0]
    channel = session.channel("data")
    for number in range(2000):
        channel.send(str(number))
    session.close()
    their_consumer.wait_for("session_closed")
    for number in range(2000):
        assert their_consumer.wait_for("message", text=str(number))


def test_their_consumer_ends_the_session(our_producer: Producer, their_consumer: GstProcess) -> None:
    ended = Heard(our_producer.session_ended)
    their_consumer.command("close_session")
    assert ended.next()["error"].reason == "left"


def test_their_consumer_dies(our_producer: Producer, their_consumer: GstProcess) -> None:
    ended = Heard(our_producer.session_ended)
    their_consumer.kill()
    ended.next()


def test_one_producer_of_ours_with_four_consumers_half_of_them_theirs(
    signalling_uri: str, our_producer: Producer
) -> None:
    with contextlib.ExitStack() as stack:
        theirs = [
            stack.enter_context(gst_consumer(signalling_uri, "--no-echo", producer_name="ours")) for _ in range(2)
        ]
        ours = [stack.enter_context(Consumer(signalling_uri)).start_session(name="ours", timeout=30) for _ in range(2)]
        for process in theirs:
            process.wait_for("channel", label="data")
        _check_all_get_all(our_producer, [session.channel("data") for session in ours], theirs)


def test_one_producer_of_theirs_with_four_consumers_half_of_them_theirs(
    signalling_uri: str, their_producer: GstProcess
) -> None:
    with contextlib.ExitStack() as stack:
        theirs = [
            stack.enter_context(gst_consumer(signalling_uri, "--no-echo", producer_name="theirs")) for _ in range(2)
        ]
        ours = [
            stack.enter_context(Consumer(signalling_uri)).start_session(name="theirs", timeout=30) for _ in range(2)
        ]
        channels = [session.channel("data", timeout=30) for session in ours]
        for process in theirs:
            process.wait_for("channel", label="data")
        # The channels must be open at their end too, in each session.
        for _ in range(4):
            their_producer.wait_for("channel", label="data")
        their_producer.command("send_numbers", label="data", count=100)
        expected = [str(number) for number in range(100)]
        for channel in channels:
            assert [channel.recv() for _ in range(100)] == expected
        for process in theirs:
            assert [process.wait_for_message("data") for _ in range(100)] == expected


def _check_all_get_all(producer: Producer, channels: list[DataChannel], processes: list[GstProcess]) -> None:
    wait_until(lambda: len(producer.sessions) == 4, "all four sessions are connected")
    senders = [session.channel("data") for session in producer.sessions]
    expected = [str(number) for number in range(100)]

    def send(channel: DataChannel) -> None:
        for text in expected:
            channel.send(text)

    threads = [threading.Thread(target=send, args=(channel,)) for channel in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for channel in channels:
        assert [channel.recv() for _ in range(100)] == expected
    for process in processes:
        assert [process.wait_for_message("data") for _ in range(100)] == expected
