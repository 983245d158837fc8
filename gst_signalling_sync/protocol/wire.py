"""The messages as they are written: one JSON object per WebSocket text frame, tagged by ``type``.

Unknown keys are ignored, as the reference server (``gst-plugin-webrtc-signalling``) ignores them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from ..errors import ProtocolError
from .messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
    Event,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    PeerAway,
    PeerBack,
    PeerStatusChanged,
    ProducerList,
    ProtocolVersion,
    Relayed,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SessionRequested,
    SessionStarted,
    SetPeerStatus,
    SetProtocolVersion,
    StartSession,
    Welcome,
)
from .meta import check_meta

__all__ = ["join_list", "parse_event", "parse_request", "serialise_event", "serialise_peer", "serialise_request"]

JsonObject = dict[str, Any]
Parsed = TypeVar("Parsed")

_QUOTED_CHARACTERS: Final = 200


def parse_request(text: str | bytes) -> Request:
    """Parse what a peer sent to the server.

    Args:
        text: One WebSocket text frame.

    Returns:
        The message.

    Raises:
        ProtocolError: It is not JSON, not an object, of unknown type, or a field is missing or of the wrong type.
    """
    return _parse(text, _REQUEST_PARSERS)


def parse_event(text: str | bytes) -> Event:
    """Parse what the server sent to a peer.

    Args:
        text: One WebSocket text frame.

    Returns:
        The message.

    Raises:
        ProtocolError: It is not JSON, not an object, of unknown type, or a field is missing or of the wrong type.
    """
    return _parse(text, _EVENT_PARSERS)


def serialise_request(request: Request) -> str:
    """Serialise what a peer sends to the server.

    Args:
        request: The message.

    Returns:
        One WebSocket text frame.

    Raises:
        ProtocolError: `meta` is not a JSON value, or other peers could not read it.
    """
    match request:
        case SetProtocolVersion(version):
            return _dump("setProtocolVersion", version=version)
        case SetPeerStatus(roles, meta):
            try:
                check_meta(meta)
            except ValueError as error:
                raise ProtocolError(f"cannot send 'setPeerStatus': {error}") from None
            return _dump("setPeerStatus", roles=roles, meta=meta)
        case StartSession(peer_id, offer):
            return _dump("startSession", peerId=peer_id, offer=offer)
        case ListProducers():
            return _dump("list")
        case ListConsumers():
            return _dump("listConsumers")
        case _:
            return _EVENT_WRITERS[type(request)](request)


def serialise_event(event: Event) -> str:
    """Serialise what the server sends to a peer.

    Args:
        event: The message.

    Returns:
        One WebSocket text frame.

    Raises:
        ProtocolError: `meta` is not a JSON value.
    """
    return _EVENT_WRITERS[type(event)](event)


def serialise_peer(peer: Peer) -> str:
    """Serialise a peer as lists have it, for `join_list`.

    Args:
        peer: The peer.

    Returns:
        A JSON object.

    Raises:
        ProtocolError: `meta` is not a JSON value.
    """
    try:
        text = _encode({"id": peer.id, "meta": peer.meta})
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsendable("list", error) from error
    _check_unicode("list", text)
    return text


def join_list(event: ProducerList | ConsumerList, peers: Iterable[str]) -> str:
    """Serialise a list of which every peer has been serialised already.

    Args:
        event: The list.
        peers: What `serialise_peer` returned for each of its peers.

    Returns:
        One WebSocket text frame.
    """
    type_, key = ("list", "producers") if isinstance(event, ProducerList) else ("listConsumers", "consumers")
    return f'{{"type": "{type_}", "{key}": [{", ".join(peers)}]}}'


_encode: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
"""Made once: ``json.dumps`` with options makes an encoder for each call."""

_decoder: Final = json.JSONDecoder()


def _decode(text: str) -> Any:
    """Decode as ``json.loads``, which looks for blanks at both ends with an expression each; hardly anybody sends any."""
    if text.startswith("{"):
        value, end = _decoder.raw_decode(text)
        if end == len(text):
            return value
    return _decoder.decode(text)


def _welcome(event: Welcome) -> str:
    if event.sessions is None:
        return _dump("welcome", peerId=event.peer_id)
    return _dump("welcome", peerId=event.peer_id, resumed=True, sessions=event.sessions)


def _session_end(message: EndSession) -> str:
    return _dump("endSession", sessionId=message.session_id, **_mark(message.mark))


def _session_end_v1_1(message: EndSessionV1_1) -> str:
    return _dump("endSessionV1_1", sessionId=message.session_id, error=message.error, **_mark(message.mark))


def _description(message: SdpMessage) -> str:
    return _peer(message, f'"sdp": {{"type": "{message.type}", "sdp": {_text_of_peer(message.sdp)}}}')


def _candidate(message: IceMessage) -> str:
    try:
        index = f"{message.sdp_m_line_index:d}"
    except (TypeError, ValueError) as error:
        raise _unsendable("peer", error) from error
    return _peer(message, f'"ice": {{"candidate": {_text_of_peer(message.candidate)}, "sdpMLineIndex": {index}}}')


def _peer(message: Relayed, content: str) -> str:
    """What a server does most of all: by hand, as in `_dump`."""
    text = f'{{"type": "peer", "sessionId": {_text_of_peer(message.session_id)}, {content}}}'
    _check_unicode("peer", text)
    return text


def _text_of_peer(text: str) -> str:
    try:
        return _encode(text)
    except TypeError as error:
        raise _unsendable("peer", error) from error


def _dump(type_: str, **fields: Any) -> str:
    """Write a message. Each field by itself: the encoder takes a string at once, and sets up for everything else."""
    try:
        written = [f', "{key}": {"null" if value is None else _encode(value)}' for key, value in fields.items()]
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsendable(type_, error) from error
    text = f'{{"type": "{type_}"{"".join(written)}}}'
    _check_unicode(type_, text)
    return text


def _check_unicode(type_: str, text: str) -> None:
    """A lone surrogate is no Unicode text; the other ends' parsers would drop the whole message."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _unsendable(type_, error) from error


def _unsendable(type_: str, error: Exception) -> ProtocolError:
    return ProtocolError(f"cannot send {type_!r}: not representable as JSON: {error}")


def _parse(text: str | bytes, parsers: Mapping[str, Callable[[JsonObject], Parsed]]) -> Parsed:
    try:
        fields = _decode(text) if isinstance(text, str) else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON text: {error}: {_quote(text)}") from error
    if not isinstance(fields, dict):
        raise ProtocolError(f"not a JSON object: {_quote(text)}")
    type_ = fields.get("type")
    parser = parsers.get(type_) if isinstance(type_, str) else None
    if parser is None:
        raise ProtocolError(f"unknown message type {type_!r:.100}: {_quote(text)}")
    try:
        return parser(fields)
    except ProtocolError as error:
        raise ProtocolError(f"in message {type_!r}: {error}: {_quote(text)}") from error


def _quote(text: str | bytes) -> str:
    shown = repr(text[:_QUOTED_CHARACTERS])
    return shown if len(text) <= _QUOTED_CHARACTERS else f"{shown}... ({len(text)} characters)"


def _text(fields: JsonObject, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"field {key!r} must be a text, not {value!r:.100}")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can escape a lone surrogate; whoever it is relayed to could not read it.
        raise ProtocolError(f"field {key!r} is no Unicode text: {error}") from None
    return value


def _optional_text(fields: JsonObject, key: str) -> str | None:
    return None if fields.get(key) is None else _text(fields, key)


def _object(fields: JsonObject, key: str) -> JsonObject:
    value = fields.get(key)
    if not isinstance(value, dict):
        raise ProtocolError(f"field {key!r} must be an object, not {value!r:.100}")
    return value


def _array(fields: JsonObject, key: str) -> list[Any]:
    value = fields.get(key)
    if not isinstance(value, list):
        raise ProtocolError(f"field {key!r} must be an array, not {value!r:.100}")
    return value


_Choice = TypeVar("_Choice", bound=StrEnum)


def _choice(kind: type[_Choice], value: Any) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(repr(str(member)) for member in kind)
        raise ProtocolError(f"{value!r:.100} is none of {allowed}") from None


def _roles(fields: JsonObject) -> tuple[Role, ...]:
    roles = _array(fields, "roles")
    if len(roles) > len(Role):
        raise ProtocolError(f"field 'roles' must hold at most {len(Role)} roles, not {len(roles)}")
    return tuple(_choice(Role, role) for role in roles)


def _peers(fields: JsonObject, key: str) -> tuple[Peer, ...]:
    peers = []
    for item in _array(fields, key):
        if not isinstance(item, dict):
            raise ProtocolError(f"field {key!r} must hold objects, not {item!r:.100}")
        peers.append(Peer(_text(item, "id"), item.get("meta")))
    return tuple(peers)


def _kept_sessions(fields: JsonObject) -> tuple[str, ...] | None:
    if fields.get("resumed") is not True:
        return None
    return tuple(session_id for session_id in _array(fields, "sessions") if isinstance(session_id, str))


def _line_index(fields: JsonObject) -> int:
    value = fields.get("sdpMLineIndex")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise ProtocolError(f"field 'sdpMLineIndex' must be an unsigned 32-bit integer, not {value!r:.100}")
    return value


def _relayed(fields: JsonObject) -> Relayed:
    session_id = _text(fields, "sessionId")
    if ("sdp" in fields) == ("ice" in fields):
        raise ProtocolError("exactly one of 'sdp' and 'ice' must be there")
    if "sdp" in fields:
        sdp = _object(fields, "sdp")
        return SdpMessage(session_id, _choice(SdpType, sdp.get("type")), _text(sdp, "sdp"))
    ice = _object(fields, "ice")
    return IceMessage(session_id, _text(ice, "candidate"), _line_index(ice))


def _end_session(fields: JsonObject) -> EndSession:
    return EndSession(_text(fields, "sessionId"), _optional_text(fields, "mark"))


def _end_session_v1_1(fields: JsonObject) -> EndSessionV1_1:
    return EndSessionV1_1(_text(fields, "sessionId"), _optional_text(fields, "error"), _optional_text(fields, "mark"))


def _mark(mark: str | None) -> JsonObject:
    """The extra key of a server that ended a session by itself."""
    return {} if mark is None else {"mark": mark}


_REQUEST_PARSERS: Final[Mapping[str, Callable[[JsonObject], Request]]] = {
    "setProtocolVersion": lambda fields: SetProtocolVersion(_choice(ProtocolVersion, fields.get("version"))),
    "setPeerStatus": lambda fields: SetPeerStatus(_roles(fields), fields.get("meta")),
    "startSession": lambda fields: StartSession(_text(fields, "peerId"), _optional_text(fields, "offer")),
    "endSession": _end_session,
    "endSessionV1_1": _end_session_v1_1,
    "peer": _relayed,
    "list": lambda fields: ListProducers(),
    "listConsumers": lambda fields: ListConsumers(),
}

_EVENT_PARSERS: Final[Mapping[str, Callable[[JsonObject], Event]]] = {
    "welcome": lambda fields: Welcome(_text(fields, "peerId"), _kept_sessions(fields)),
    "peerStatusChanged": lambda fields: PeerStatusChanged(_text(fields, "peerId"), _roles(fields), fields.get("meta")),
    "sessionStarted": lambda fields: SessionStarted(_text(fields, "peerId"), _text(fields, "sessionId")),
    "startSession": lambda fields: SessionRequested(
        _text(fields, "peerId"), _text(fields, "sessionId"), _optional_text(fields, "offer")
    ),
    "peerAway": lambda fields: PeerAway(_text(fields, "sessionId")),
    "peerBack": lambda fields: PeerBack(_text(fields, "sessionId")),
    "endSession": _end_session,
    "endSessionV1_1": _end_session_v1_1,
    "peer": _relayed,
    "list": lambda fields: ProducerList(_peers(fields, "producers")),
    "listConsumers": lambda fields: ConsumerList(_peers(fields, "consumers")),
    "error": lambda fields: Error(_text(fields, "details")),
}

_EVENT_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    Welcome: _welcome,
    PeerStatusChanged: lambda event: _dump(
        "peerStatusChanged", peerId=event.peer_id, roles=event.roles, meta=event.meta
    ),
    SessionStarted: lambda event: _dump("sessionStarted", peerId=event.peer_id, sessionId=event.session_id),
    SessionRequested: lambda event: _dump(
        "startSession", peerId=event.peer_id, sessionId=event.session_id, offer=event.offer
    ),
    PeerAway: lambda event: _dump("peerAway", sessionId=event.session_id),
    PeerBack: lambda event: _dump("peerBack", sessionId=event.session_id),
    EndSession: _session_end,
    EndSessionV1_1: _session_end_v1_1,
    SdpMessage: _description,
    IceMessage: _candidate,
    ProducerList: lambda event: join_list(event, map(serialise_peer, event.producers)),
    ConsumerList: lambda event: join_list(event, map(serialise_peer, event.consumers)),
    Error: lambda event: _dump("error", details=event.details),
}
"""A table, as most messages are of the last kinds that a chain of comparisons would come to."""
