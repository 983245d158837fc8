from __future__ import annotations

from typing import Any, cast

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters

from gst_signalling_sync.webrtc.engine.data import SentMessage
from gst_signalling_sync.webrtc.engine.outgoing import (
    Dated,
    as_sent,
    channel_of,
    count_buffered,
    has_expired,
    outgoing,
    set_date,
    uncount_buffered,
)
from gst_signalling_sync.webrtc.message import Message
from gst_signalling_sync.webrtc.message_dates import IDENTIFIERS, Dating, undated
from gst_signalling_sync.webrtc.sctp import Message as SctpMessage


def channel(life_time: int | None = None) -> RTCDataChannel:
    """A channel that no transport carries."""
    parameters = RTCDataChannelParameters(label="data", maxPacketLifeTime=life_time)
    return RTCDataChannel(cast(Any, None), parameters, False)


@pytest.mark.parametrize("message", ["text ☃", "", b"bytes", b""])
@pytest.mark.parametrize("life_time", [None, 5000], ids=["reliable", "lifetime"])
def test_message_of_the_program_comes_back(message: Message, life_time: int | None) -> None:
    made = outgoing(channel(life_time), message, 100.0, Dating.NONE)

    assert as_sent(made) == SentMessage(message, None if life_time is None else 100.0)


@pytest.mark.parametrize("message", ["", b""])
def test_empty_message_has_a_payload(message: Message) -> None:
    assert outgoing(channel(), message, None, Dating.NONE).data == b"\0"


def test_message_knows_its_channel() -> None:
    plain, dated = channel(), channel(5000)

    assert channel_of(outgoing(plain, "a", None, Dating.NONE)) is plain
    assert channel_of(outgoing(dated, "a", 1.0, Dating.NONE)) is dated


def test_lifetime_counts_from_the_date_of_the_message() -> None:
    made = outgoing(channel(5000), "a", 100.0, Dating.NONE)

    assert not has_expired(made, 105.0)
    assert has_expired(made, 105.1)


def test_reliable_message_never_expires() -> None:
    assert not has_expired(outgoing(channel(), "a", 100.0, Dating.NONE), 1e9)


def set_date_of(made: SctpMessage, is_told: bool) -> SctpMessage:
    context = made.context
    assert isinstance(context, Dated)
    set_date(made, context, is_told)
    return made


@pytest.mark.parametrize("message", ["text", "", b"bytes", b""])
def test_peer_that_reads_dates_gets_the_date(message: Message) -> None:
    made = set_date_of(outgoing(channel(5000), message, 100.0, Dating.AGE), is_told=True)

    assert made.expires_at == 105.0
    read = undated(made.identifier, made.data)
    assert read is not None
    assert (read.data.decode() if read.is_text else read.data) == message
    assert as_sent(made) == SentMessage(message, 100.0)


def test_peer_that_reads_no_dates_gets_the_message_alone() -> None:
    made = set_date_of(outgoing(channel(5000), "text", 100.0, Dating.AGE), is_told=False)

    assert (made.expires_at, made.data) == (105.0, b"text")
    assert made.identifier not in IDENTIFIERS


def test_buffered_amount_counts_a_message_once() -> None:
    data = channel()
    made = outgoing(data, "four", None, Dating.NONE)

    count_buffered(made)
    assert data.bufferedAmount == 4

    uncount_buffered(made)
    uncount_buffered(made)
    assert data.bufferedAmount == 0


def test_buffered_amount_is_without_the_date() -> None:
    data = channel(5000)
    made = set_date_of(outgoing(data, "four", 100.0, Dating.AGE), is_told=True)

    count_buffered(made)

    assert data.bufferedAmount == 4
