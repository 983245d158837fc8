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
            return _serialise_shared(request)


def serialise_event(event: Event) -> str:
    """Serialise what the server sends to a peer.

    Args:
        event: The message.

    Returns:
        One WebSocket text frame.

    Raises:
        ProtocolError: `meta` is not a JSON value.
    """
    match event:
        case Welcome(peer_id, None):
            return _dump("welcome", peerId=peer_id)
        case Welcome(peer_id, sessions):
            return _dump("welcome", peerId=peer_id, resumed=True, sessions=sessions)
        case PeerStatusChanged(peer_id, roles, meta):
            return _dump("peerStatusChanged", peerId=peer_id, roles=roles, meta=meta)
        case SessionStarted(peer_id, session_id):
            return _dump("sessionStarted", peerId=peer_id, sessionId=session_id)
        case SessionRequested(peer_id, session_id, offer):
            return _dump("startSession", peerId=peer_id, sessionId=session_id, offer=offer)
        case PeerAway(session_id):
            return _dump("peerAway", sessionId=session_id)
        case PeerBack(session_id):
            return _dump("peerBack", sessionId=session_id)
        case ProducerList(producers):
            return join_list(event, map(serialise_peer, producers))
        case ConsumerList(consumers):
            return join_list(event, map(serialise_peer, consumers))
        case Error(details):
            return _dump("error", details=details)
        case _:
            return _serialise_shared(event)


def serialise_peer(peer: Peer) -> str:
    """Serialise a peer as lists have it, for `join_list`.

    Args:
        peer: The peer.

    Returns:
        A JSON object.

    Raises:
        ProtocolError: `meta` is not a JSON value.
    """
    return _dump_object("list", {"id": peer.id, "meta": peer.meta})


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


def _serialise_shared(message: EndSession | EndSessionV1_1 | SdpMessage | IceMessage) -> str:
    match message:
        case EndSession(session_id, mark):
            return _dump("endSession", sessionId=session_id, **_mark(mark))
        case EndSessionV1_1(session_id, error, mark):
            return _dump("endSessionV1_1", sessionId=session_id, error=error, **_mark(mark))
        case SdpMessage(session_id, sdp_type, sdp):
            return _dump("peer", sessionId=session_id, sdp={"type": sdp_type, "sdp": sdp})
        case IceMessage(session_id, candidate, index):
            return _dump("peer", sessionId=session_id, ice={"candidate": candidate, "sdpMLineIndex": index})


_encode: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
"""Made once: ``json.dumps`` with options makes an encoder for each call."""


def _dump(type_: str, **fields: Any) -> str:
    return _dump_object(type_, {"type": type_, **fields})


def _dump_object(type_: str, fields: JsonObject) -> str:
    try:
        text = _encode(fields)
        # A lone surrogate is no Unicode text; the other ends' parsers would drop the whole message.
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"cannot send {type_!r}: not representable as JSON: {error}") from error
    return text


def _parse(text: str | bytes, parsers: Mapping[str, Callable[[JsonObject], Parsed]]) -> Parsed:
    try:
        fields = json.loads(text)
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
