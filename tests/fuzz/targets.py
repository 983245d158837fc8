"""The targets: functions of bytes that raise when a rule is broken, and return otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request as HttpRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from gst_signalling_sync.errors import ProtocolError
from gst_signalling_sync.protocol.wire import (
    parse_event,
    parse_request,
    serialise_event,
    serialise_request,
)
from gst_signalling_sync.server.origins import OriginRules
from gst_signalling_sync.server.page import Page
from gst_signalling_sync.server.proxies import TrustedProxies
from gst_signalling_sync.server.reception import Reception, Visitor
from gst_signalling_sync.signalling.frames import MessageReader, ProtocolViolation
from gst_signalling_sync.signalling.handshake import NotWebSocket, shake_hands
from gst_signalling_sync.signalling.http_head import HttpHead, NotHttp
from gst_signalling_sync.signalling.resumption_key import ResumptionKey
from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.receiving.reassembly import VideoReassembly
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

from .conversations import Conversation
from .sctp_peer import SctpPeer

__all__ = ["TARGETS", "Target"]

Target = Callable[[bytes], None]


def parser(data: bytes) -> None:
    """A message is parsed or refused by a `ProtocolError`. A parsed message has the same meaning when it is sent on."""
    for text in (data, data.decode(errors="replace"), data.decode("utf-8", "surrogateescape")):
        _parse_as_request(text)
        _parse_as_event(text)


def _parse_as_request(text: str | bytes) -> None:
    try:
        request = parse_request(text)
    except ProtocolError:
        return
    try:
        sent = serialise_request(request)
    except ProtocolError:
        # Other peers could not read this status; the registry drops it too.
        return
    assert parse_request(sent) == request
    json.loads(sent.encode())


def _parse_as_event(text: str | bytes) -> None:
    try:
        event = parse_event(text)
    except ProtocolError:
        return
    try:
        sent = serialise_event(event)
    except ProtocolError:
        return
    assert parse_event(sent) == event
    json.loads(sent.encode())


def handshake(data: bytes) -> None:
    """Each end of the opening handshake and of the WebSocket frames after it accepts any bytes in any pieces."""
    kind, step, rest = data[:1], 1 + data[1] if len(data) > 1 else 1, data[2:]
    pieces = [rest[first : first + step] for first in range(0, len(rest), step)]
    if kind < b"\x55":
        _server_shakes_hands(pieces)
    elif kind < b"\xaa":
        _client_shakes_hands(rest)
    else:
        _client_reads(pieces)


_RECEPTION: Final = Reception(
    OriginRules("192.0.2.1", None, None),
    TrustedProxies(("192.0.2.0/24",)),
    is_secure=False,
    asks_for_tokens=True,
    is_ready=lambda: True,
)


def _server_shakes_hands(pieces: list[bytes]) -> None:
    protocol = ServerProtocol(max_size=2**16)
    for piece in pieces:
        protocol.receive_data(piece)
        for event in protocol.events_received():
            if not isinstance(event, HttpRequest):
                continue
            if protocol.close_expected():
                # The bytes after the request were not WebSocket frames, and the server cuts the client off.
                return
            answer = _RECEPTION.receive(event, "192.0.2.7")
            if isinstance(answer, Page):
                answer.response("GET").serialize()
                protocol.send_response(answer.response("GET"))
                return
            assert isinstance(answer, Visitor)
            protocol.send_response(protocol.accept(event))
        protocol.data_to_send()
        if protocol.close_expected() or protocol.state is State.CLOSED:
            return


def _client_shakes_hands(answer: bytes) -> None:
    try:
        head = HttpHead.of(answer)
    except NotHttp:
        return
    if head is None:
        return
    assert head.size <= len(answer)
    key = ResumptionKey()
    key.update(head.headers)
    name, value = key.header
    assert f"{name}: {value}".isascii()
    assert f"{name}: {value}".isprintable()
    taken: HttpHead = head
    try:
        shake_hands("ws://localhost/", "localhost", [key.header], lambda data: None, lambda: taken)
    except (NotWebSocket, InvalidHandshake):
        return


def _client_reads(pieces: list[bytes]) -> None:
    received = b"".join(pieces)
    place = 0

    def read(size: int) -> bytes:
        nonlocal place
        if place == len(received):
            raise EOFError
        taken = received[place : place + min(size, len(pieces[0]))]
        place += len(taken)
        return taken

    messages = MessageReader(read)
    try:
        while True:
            messages.next()
    except (EOFError, ProtocolViolation):
        return


def registry(data: bytes) -> None:
    """Whatever peers do, the registry's state and messages are consistent, and nothing remains when all peers have left."""
    Conversation(data).carry_on()


_CODECS: Final = tuple(VIDEO)
_MAX_GROWTH: Final = 6
"""Maximum growth of a frame's bytes: a NAL unit of one byte gets a start code of four."""

_PACKET_BYTES: Final = 128
"""Memory of a packet that is held, beside its payload."""


def video(data: bytes) -> None:
    """Any payloads of a codec, in any order and with any gaps, give frames or nothing, and bound the memory that is used."""
    if not data:
        return
    codec, rest = _CODECS[data[0] % len(_CODECS)], data[1:]
    reassembly = VideoReassembly(Timeline(90_000))
    number = timestamp = received = packets = 0
    while len(rest) > 1:
        # The sequence number moves by -1 to 2 and the timestamp by a frame or not. Then come the marker and the payload's size.
        flags, size, rest = rest[0], rest[1], rest[2:]
        number, timestamp = number + (flags & 3) - 1 & 0xFFFF, timestamp + 3000 * (flags >> 2 & 1) & 0xFFFFFFFF
        payload, rest = rest[:size], rest[size:]
        received, packets = received + len(payload), packets + 1
        frames = reassembly.add(codec, number, timestamp, bool(flags & 8), payload, 0.0)
        assert all(0 < len(frame.data) <= _MAX_GROWTH * received for frame in frames)
        assert reassembly.waiting_bytes <= _MAX_GROWTH * received + _PACKET_BYTES * packets
    reassembly.on_time(10.0)


def sctp(data: bytes) -> None:
    """Whatever a peer sends, an association does not raise, sends a bounded amount, and its next timeout is finite."""
    SctpPeer(data).carry_on()


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {"parser": parser, "handshake": handshake, "registry": registry, "video": video, "sctp": sctp}
)
"""The targets by name."""
