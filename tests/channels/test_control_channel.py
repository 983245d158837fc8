"""The control channel with a peer that is not trusted, and its messages between two peers of this library."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from gst_signalling_sync import Consumer, Producer, SessionClosed
from gst_signalling_sync.errors import SESSION_CLOSED_REASONS, ProtocolError, SessionClosedReason
from gst_signalling_sync.protocol.control import (
    MAX_CONTROL_BYTES,
    ControlMessage,
    Goodbye,
    InBandDescription,
    serialise_control,
)
from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.webrtc.control_channel import ControlChannel
from gst_signalling_sync.webrtc.engine.data import ChannelObserver, ChannelState, SentMessage
from gst_signalling_sync.webrtc.message import Message
from gst_signalling_sync.webrtc.session import behind_session

from ..helpers.waiting import Heard

GOODBYE = serialise_control(Goodbye())


class Wire:
    """An open `WireChannel` whose other end is the test."""

    id = 65534
    label = protocol = ""
    ordered = True
    max_retransmits = max_packet_life_time = max_age = None
    message_age = 0.0
    message_sent_at = None
    tells_time = False
    expired = 0
    state: ChannelState = "open"
    buffered_amount = 0
    unacknowledged: list[SentMessage] = []  # noqa: RUF012 - the protocol's attribute

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_receiving = True
        self._observer: ChannelObserver | None = None

    def observe(self, observer: ChannelObserver, room_below: int) -> None:
        self._observer = observer

    def receive(self, message: Message) -> None:
        if self._observer is not None and self.is_receiving:
            self._observer.on_message(message)

    def release(self) -> None: ...

    def stop_receiving(self) -> None:
        self.is_receiving = False

    def transmit(self, messages: Sequence[Message], dates: Sequence[float] = ()) -> None:
        self.sent += messages

    def drop_waiting(self) -> None:
        raise AssertionError("the control channel is reliable")

    def close(self) -> None:
        self.state = "closed"


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def heard() -> list[ControlMessage]:
    return []


@pytest.fixture
def channel(wire: Wire, heard: list[ControlMessage]) -> ControlChannel:
    channel = ControlChannel(wire, "session 1", heard.append)
    channel.version = 1
    return channel


def test_what_is_said_goes_out(channel: ControlChannel, wire: Wire) -> None:
    assert channel.say(Goodbye())
    assert wire.sent == [GOODBYE]


def test_nothing_is_said_to_a_peer_that_does_not_speak_it(channel: ControlChannel, wire: Wire) -> None:
    channel.version = 0
    assert not channel.say(Goodbye())
    assert wire.sent == []


def test_nothing_is_heard_from_a_peer_that_did_not_announce_it(
    channel: ControlChannel, wire: Wire, heard: list[ControlMessage]
) -> None:
    channel.version = 0
    wire.receive(GOODBYE)
    assert heard == []


def test_nothing_is_said_on_a_closed_channel(channel: ControlChannel, wire: Wire) -> None:
    wire.close()
    assert not channel.say(Goodbye())


def test_a_description_that_is_too_large_is_an_error(channel: ControlChannel) -> None:
    with pytest.raises(ProtocolError, match="must have at most"):
        channel.say(InBandDescription(SdpType.OFFER, "x" * MAX_CONTROL_BYTES))


def test_a_flood_is_heard_up_to_the_limit_and_logged_once(
    channel: ControlChannel, wire: Wire, heard: list[ControlMessage], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5000):
        wire.receive(GOODBYE)
    assert 200 <= len(heard) < 400
    assert [record.levelno for record in caplog.records if record.levelno >= logging.WARNING] == [logging.WARNING]


def test_rubbish_is_logged_once_and_soon_not_read_any_more(
    channel: ControlChannel, wire: Wire, heard: list[ControlMessage], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        wire.receive("rubbish")
    wire.receive(GOODBYE)
    assert heard == []
    assert not wire.is_receiving
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_message_of_a_later_version_is_ignored(
    channel: ControlChannel, wire: Wire, heard: list[ControlMessage], caplog: pytest.LogCaptureFixture
) -> None:
    wire.receive('{"type": "call"}')
    wire.receive(GOODBYE)
    assert heard == [Goodbye()]
    assert not caplog.records


@pytest.mark.parametrize("reason", SESSION_CLOSED_REASONS)
def test_both_ends_get_the_reason_whatever_the_server_speaks(signalling_uri: str, reason: SessionClosedReason) -> None:
    # Today's reference server speaks 1.0, which has no reasons.
    producer = Producer(signalling_uri, name="robot")
    started, ended = Heard(producer.session_started), Heard(producer.session_ended)
    with producer, Consumer(signalling_uri) as consumer:
        session = consumer.start_session(name="robot")
        closed = Heard(session.closed)
        robots = started.next()["session"]
        behind_session(robots).abandon(SessionClosed("the robot has its reasons", reason), "it has its reasons")

        ours, theirs = closed.next()["error"], ended.next()["error"]
    assert (ours.reason, theirs.reason) == (reason, reason)
    assert "ended by the peer: it has its reasons" in str(ours)


def test_a_program_sees_nothing_of_it(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot"), Consumer(signalling_uri) as consumer:
        session = consumer.start_session(name="robot")
        assert session.channels == []
        assert not [each for each in session.stats().values() if each["type"] == "data-channel"]
