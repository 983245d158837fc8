"""WebSocket frames and messages (RFC 6455), byte by byte: what a server may send, and what ends the connection."""

from __future__ import annotations

import contextlib
import json

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF

from gst_signalling_sync import list_producers
from gst_signalling_sync.signalling.frames import (
    MAX_FRAGMENTS,
    MAX_MESSAGE_BYTES,
    Message,
    MessageReader,
    ProtocolViolation,
    close_frame,
    closing_words,
    frame_of,
)

from ..helpers.hostile import BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT, Conversation, frame, signalling_server


class Wire:
    """The bytes that a server has sent. Reading beyond them raises a timeout, after which more may be added."""

    def __init__(self, data: bytes = b"", most: int = 65536) -> None:
        self.data = data
        self._most = most

    def receive(self, size: int) -> bytes:
        if not self.data:
            raise TimeoutError
        size = min(size, self._most)
        data, self.data = self.data[:size], self.data[size:]
        return data


def messages_of(data: bytes, most: int = 65536) -> list[Message]:
    wire = Wire(data, most)
    reader = MessageReader(wire.receive)
    messages = []
    while wire.data:
        messages.append(reader.next())
    return messages


def violation_of(data: bytes) -> ProtocolViolation:
    with pytest.raises(ProtocolViolation) as caught:
        messages_of(data)
    return caught.value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
@pytest.mark.parametrize("most", [1, 7, 65536])
def test_message_of_any_size_comes_in_any_pieces(size: int, most: int) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(range(size % 256))

    assert messages_of(frame(FIN | BINARY, payload), most) == [Message(ABNF.OPCODE_BINARY, payload)]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=10), st.integers(1, 20))
def test_fragments_are_joined_and_a_ping_between_them_is_not_lost(pieces: list[bytes], most: int) -> None:
    data = frame(TEXT, b"") + b"".join(frame(CONTINUATION, piece) + frame(FIN | PING, b"?") for piece in pieces)

    messages = messages_of(data + frame(FIN | CONTINUATION, b""), most)

    assert messages == [Message(ABNF.OPCODE_PING, b"?")] * len(pieces) + [Message(ABNF.OPCODE_TEXT, b"".join(pieces))]


def test_frame_that_is_interrupted_by_timeouts_goes_on_where_it_was() -> None:
    wire = Wire()
    reader = MessageReader(wire.receive)
    data = frame(FIN | TEXT, b"x" * 200)

    for byte in data[:-1]:
        wire.data = bytes([byte])
        with pytest.raises(TimeoutError):
            reader.next()
    wire.data = data[-1:]

    assert reader.next() == Message(ABNF.OPCODE_TEXT, b"x" * 200)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x81\x80", "must not mask its frames"),
        (frame(FIN | 0x3, b""), "unknown opcode"),
        (frame(FIN | 0x40 | TEXT, b""), "reserved bits"),
        (frame(FIN | CONTINUATION, b""), "must continue a message"),
        (frame(TEXT, b"") + frame(FIN | TEXT, b""), "before the previous one was complete"),
        (frame(PING, b""), "control frame"),
        (frame(FIN | PING, b"x" * 126), "control frame"),
        (frame(FIN | CLOSE, b"\x03"), "close"),
        (frame(FIN | CLOSE, b"\x03\xed"), "close"),
    ],
)
def test_what_is_no_frame_of_a_server_is_a_protocol_error(data: bytes, words: str) -> None:
    violation = violation_of(data)

    assert violation.code == websocket.STATUS_PROTOCOL_ERROR
    assert words in str(violation)


@pytest.mark.parametrize(
    "data",
    [
        frame(FIN | TEXT, b"", length=MAX_MESSAGE_BYTES + 1),
        frame(TEXT, b"x") + frame(FIN | CONTINUATION, b"", length=MAX_MESSAGE_BYTES),
        frame(FIN | BINARY, b"", length=2**63 - 1),
    ],
)
def test_message_is_refused_by_its_announced_length(data: bytes) -> None:
    violation = violation_of(data)

    assert violation.code == websocket.STATUS_MESSAGE_TOO_BIG
    assert "at most" in str(violation)


def test_limit_is_that_of_one_message() -> None:
    data = frame(FIN | BINARY, b"x" * (MAX_MESSAGE_BYTES // 2 + 1)) * 2

    assert len(messages_of(data)) == 2


def test_fragments_have_a_maximum() -> None:
    allowed = frame(TEXT, b"x") + frame(CONTINUATION, b"x") * (MAX_FRAGMENTS - 2)

    assert messages_of(allowed + frame(FIN | CONTINUATION, b"x")) == [Message(ABNF.OPCODE_TEXT, b"x" * MAX_FRAGMENTS)]
    assert violation_of(allowed + frame(CONTINUATION, b"x") * 2).code == websocket.STATUS_POLICY_VIOLATION


@given(st.binary(max_size=400))
def test_anything_is_messages_or_a_violation(junk: bytes) -> None:
    with contextlib.suppress(ProtocolViolation, TimeoutError):
        messages_of(junk)


@given(st.binary(max_size=1000))
def test_own_frames_are_masked(payload: bytes) -> None:
    sent = frame_of(ABNF.OPCODE_BINARY, payload)

    assert sent[0] == FIN | BINARY
    assert sent[1] & 0x80
    mask, masked = sent[-len(payload) - 4 :][:4], sent[len(sent) - len(payload) :]
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == payload


@pytest.mark.parametrize("reason", ["", "a reason", "ä" * 100])
def test_own_closing_frame_is_a_control_frame(reason: str) -> None:
    assert len(close_frame(websocket.STATUS_POLICY_VIOLATION, reason)) <= 2 + 4 + 125


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", ""),
        (b"\x03\xe9", "1001 going away"),
        (b"\x03\xe9closing now", "1001 closing now"),
        (b"\x0f\xa0", "4000"),
        (b"\x03\xe9a\nb", "1001 a b"),
    ],
)
def test_words_of_a_closing_frame(payload: bytes, words: str) -> None:
    assert closing_words(payload) == words


def test_closing_frame_whose_reason_is_no_text() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        closing_words(b"\x03\xe8\xff")

    assert caught.value.code == websocket.STATUS_INVALID_PAYLOAD


def test_fragments_are_joined() -> None:
    text = json.dumps(
        {"type": "list", "producers": [{"id": "robot", "meta": {"name": "ä" * 1000}}]}, ensure_ascii=False
    )

    def list_in_pieces(server: Conversation) -> None:
        from ..helpers.hostile import CONTINUATION, FIN, TEXT, frame

        server.welcome()
        server.expect("list")
        data = text.encode()
        pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
        server.send_raw(frame(TEXT, pieces[0]))
        for piece in pieces[1:-1]:
            server.send_raw(frame(CONTINUATION, piece))
        server.send_raw(frame(FIN | CONTINUATION, pieces[-1]))
        server.hold()

    with signalling_server(list_in_pieces) as uri:
        [peer] = list_producers(uri)

    assert peer.name == "ä" * 1000
