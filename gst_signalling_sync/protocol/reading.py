"""Parsing the messages of the wire: `parse_request` for the server, `parse_event` for peers. No sender is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from ..errors import ProtocolError
from . import messages

__all__ = ["parse_event", "parse_request"]

JsonObject = dict[str, Any]
Parsed = TypeVar("Parsed")

_QUOTED_CHARACTERS: Final = 200


def parse_request(text: str | bytes) -> messages.Request:
    """Parse a message of a peer to the server.

    Args:
        text: One WebSocket text frame.

    Returns:
        The message.

    Raises:
        ProtocolError: The frame is not a JSON object of a known type, or a field is missing or of the wrong type.
    """
    return _parse(text, _REQUEST_PARSERS)


def parse_event(text: str | bytes) -> messages.Event:
    """Parse a message of the server to a peer.

    Args:
        text: One WebSocket text frame.

    Returns:
        The message.

    Raises:
        ProtocolError: The frame is not a JSON object of a known type, or a field is missing or of the wrong type.
    """
    return _parse(text, _EVENT_PARSERS)


_decoder: Final = json.JSONDecoder()


def _decode(text: str) -> Any:
    """Decode as ``json.loads``, but without its regular expressions for white space at both ends, which is rare."""
    if text.startswith("{"):
        value, end = _decoder.raw_decode(text)
        if end == len(text):
            return value
    return _decoder.decode(text)


def _parse(text: str | bytes, parsers: Mapping[str, Callable[[JsonObject], Parsed]]) -> Parsed:
    try:
        fields = _decode(text) if isinstance(text, str) else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message must be JSON: {error}: {_quote(text)}") from error
    if not isinstance(fields, dict):
        raise ProtocolError(f"a message must be a JSON object, not {_quote(text)}")
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


def _string(fields: JsonObject, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"field {key!r} must be a string, not {value!r:.100}")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # JSON can escape a lone surrogate, but the peer that it is relayed to could not read it.
        raise ProtocolError(f"field {key!r} must be a string without lone surrogates: {error}") from None
    return value


def _optional_string(fields: JsonObject, key: str) -> str | None:
    return None if fields.get(key) is None else _string(fields, key)


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


_NOUNS: Final[Mapping[type[StrEnum], str]] = {
    messages.ProtocolVersion: "version",
    messages.Role: "a role",
    messages.SdpType: "type",
}
"""How errors name the fields with a choice."""


def _choice(kind: type[_Choice], value: Any) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(repr(str(member)) for member in kind)
        raise ProtocolError(f"{_NOUNS[kind]} must be one of {allowed}, not {value!r:.100}") from None


def _roles(fields: JsonObject) -> tuple[messages.Role, ...]:
    roles = _array(fields, "roles")
    if len(roles) > len(messages.Role):
        raise ProtocolError(f"field 'roles' must hold at most {len(messages.Role)} roles, not {len(roles)}")
    return tuple(_choice(messages.Role, role) for role in roles)


def _peers(fields: JsonObject, key: str) -> tuple[messages.Peer, ...]:
    peers = []
    for item in _array(fields, key):
        if not isinstance(item, dict):
            raise ProtocolError(f"field {key!r} must hold objects, not {item!r:.100}")
        peers.append(messages.Peer(_string(item, "id"), item.get("meta")))
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


def _relayed(fields: JsonObject) -> messages.Relayed:
    session_id = _string(fields, "sessionId")
    if ("sdp" in fields) == ("ice" in fields):
        raise ProtocolError("there must be exactly one of the fields 'sdp' and 'ice'")
    if "sdp" in fields:
        sdp = _object(fields, "sdp")
        return messages.SdpMessage(session_id, _choice(messages.SdpType, sdp.get("type")), _string(sdp, "sdp"))
    ice = _object(fields, "ice")
    return messages.IceMessage(session_id, _string(ice, "candidate"), _line_index(ice))


def _end_session(fields: JsonObject) -> messages.EndSession:
    return messages.EndSession(_string(fields, "sessionId"), _optional_string(fields, "mark"))


def _end_session_v1_1(fields: JsonObject) -> messages.EndSessionV1_1:
    return messages.EndSessionV1_1(
        _string(fields, "sessionId"), _optional_string(fields, "error"), _optional_string(fields, "mark")
    )


_REQUEST_PARSERS: Final[Mapping[str, Callable[[JsonObject], messages.Request]]] = {
    "setProtocolVersion": lambda fields: messages.SetProtocolVersion(
        _choice(messages.ProtocolVersion, fields.get("version"))
    ),
    "setPeerStatus": lambda fields: messages.SetPeerStatus(_roles(fields), fields.get("meta")),
    "startSession": lambda fields: messages.StartSession(_string(fields, "peerId"), _optional_string(fields, "offer")),
    "endSession": _end_session,
    "endSessionV1_1": _end_session_v1_1,
    "peer": _relayed,
    "list": lambda fields: messages.ListProducers(),
    "listConsumers": lambda fields: messages.ListConsumers(),
}


_EVENT_PARSERS: Final[Mapping[str, Callable[[JsonObject], messages.Event]]] = {
    "welcome": lambda fields: messages.Welcome(_string(fields, "peerId"), _kept_sessions(fields)),
    "peerStatusChanged": lambda fields: messages.PeerStatusChanged(
        _string(fields, "peerId"), _roles(fields), fields.get("meta")
    ),
    "sessionStarted": lambda fields: messages.SessionStarted(_string(fields, "peerId"), _string(fields, "sessionId")),
    "startSession": lambda fields: messages.SessionRequested(
        _string(fields, "peerId"), _string(fields, "sessionId"), _optional_string(fields, "offer")
    ),
    "peerAway": lambda fields: messages.PeerAway(_string(fields, "sessionId")),
    "peerBack": lambda fields: messages.PeerBack(_string(fields, "sessionId")),
    "endSession": _end_session,
    "endSessionV1_1": _end_session_v1_1,
    "peer": _relayed,
    "list": lambda fields: messages.ProducerList(_peers(fields, "producers")),
    "listConsumers": lambda fields: messages.ConsumerList(_peers(fields, "consumers")),
    "error": lambda fields: messages.Error(_string(fields, "details")),
}
