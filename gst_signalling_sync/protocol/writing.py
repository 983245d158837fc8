"""Serialising the messages of the wire: `serialise_request` for peers, `serialise_event` for the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..errors import ProtocolError
from . import messages
from .meta import check_meta

__all__ = ["join_list", "serialise_event", "serialise_peer", "serialise_request"]

JsonObject = dict[str, Any]


def serialise_request(request: messages.Request) -> str:
    """Serialise a message of a peer to the server.

    Args:
        request: The message.

    Returns:
        One WebSocket text frame.

    Raises:
        ProtocolError: `meta` is not a JSON value that other peers can read.
    """
    match request:
        case messages.SetProtocolVersion(version):
            return _dump("setProtocolVersion", version=version)
        case messages.SetPeerStatus(roles, meta):
            try:
                check_meta(meta)
            except ValueError as error:
                raise ProtocolError(f"cannot send 'setPeerStatus': {error}") from None
            return _dump("setPeerStatus", roles=roles, meta=meta)
        case messages.StartSession(peer_id, offer):
            return _dump("startSession", peerId=peer_id, offer=offer)
        case messages.ListProducers():
            return _dump("list")
        case messages.ListConsumers():
            return _dump("listConsumers")
        case _:
            return _EVENT_WRITERS[type(request)](request)


def serialise_event(event: messages.Event) -> str:
    """Serialise a message of the server to a peer.

    Args:
        event: The message.

    Returns:
        One WebSocket text frame.

    Raises:
        ProtocolError: `meta` is not a JSON value.
    """
    return _EVENT_WRITERS[type(event)](event)


def serialise_peer(peer: messages.Peer) -> str:
    """Serialise a peer as an element of a list, for `join_list`.

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


def join_list(event: messages.ProducerList | messages.ConsumerList, peers: Iterable[str]) -> str:
    """Serialise a list of peers that were serialised one by one.

    Args:
        event: The list.
        peers: The results of `serialise_peer` for its peers.

    Returns:
        One WebSocket text frame.
    """
    type_, key = ("list", "producers") if isinstance(event, messages.ProducerList) else ("listConsumers", "consumers")
    return f'{{"type": "{type_}", "{key}": [{", ".join(peers)}]}}'


_encode: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
"""Made once, because ``json.dumps`` with options makes an encoder for each call."""


def _welcome(event: messages.Welcome) -> str:
    if event.sessions is None:
        return _dump("welcome", peerId=event.peer_id)
    return _dump("welcome", peerId=event.peer_id, resumed=True, sessions=event.sessions)


def _session_end(message: messages.EndSession) -> str:
    return _dump("endSession", sessionId=message.session_id, **_mark(message.mark))


def _session_end_v1_1(message: messages.EndSessionV1_1) -> str:
    return _dump("endSessionV1_1", sessionId=message.session_id, error=message.error, **_mark(message.mark))


def _description(message: messages.SdpMessage) -> str:
    return _peer(message, f'"sdp": {{"type": "{message.type}", "sdp": {_string_of_peer(message.sdp)}}}')


def _candidate(message: messages.IceMessage) -> str:
    try:
        index = f"{message.sdp_m_line_index:d}"
    except (TypeError, ValueError) as error:
        raise _unsendable("peer", error) from error
    return _peer(message, f'"ice": {{"candidate": {_string_of_peer(message.candidate)}, "sdpMLineIndex": {index}}}')


def _peer(message: messages.Relayed, content: str) -> str:
    """A relayed message, which is the most frequent one: written without a dict, as in `_dump`."""
    text = f'{{"type": "peer", "sessionId": {_string_of_peer(message.session_id)}, {content}}}'
    _check_unicode("peer", text)
    return text


def _string_of_peer(text: str) -> str:
    try:
        return _encode(text)
    except TypeError as error:
        raise _unsendable("peer", error) from error


def _mark(mark: str | None) -> JsonObject:
    """The extra key by which a server marks that it ended the session by itself."""
    return {} if mark is None else {"mark": mark}


def _dump(type_: str, **fields: Any) -> str:
    """Write a message field by field, because the encoder is much faster for a string than for a dict of strings."""
    try:
        written = [f', "{key}": {"null" if value is None else _encode(value)}' for key, value in fields.items()]
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsendable(type_, error) from error
    text = f'{{"type": "{type_}"{"".join(written)}}}'
    _check_unicode(type_, text)
    return text


def _check_unicode(type_: str, text: str) -> None:
    """Refuse lone surrogates, because of which the other end's parser would drop the whole message."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _unsendable(type_, error) from error


def _unsendable(type_: str, error: Exception) -> ProtocolError:
    return ProtocolError(f"cannot send {type_!r}: it must be representable as JSON: {error}")


_EVENT_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    messages.Welcome: _welcome,
    messages.PeerStatusChanged: lambda event: _dump(
        "peerStatusChanged", peerId=event.peer_id, roles=event.roles, meta=event.meta
    ),
    messages.SessionStarted: lambda event: _dump("sessionStarted", peerId=event.peer_id, sessionId=event.session_id),
    messages.SessionRequested: lambda event: _dump(
        "startSession", peerId=event.peer_id, sessionId=event.session_id, offer=event.offer
    ),
    messages.PeerAway: lambda event: _dump("peerAway", sessionId=event.session_id),
    messages.PeerBack: lambda event: _dump("peerBack", sessionId=event.session_id),
    messages.EndSession: _session_end,
    messages.EndSessionV1_1: _session_end_v1_1,
    messages.SdpMessage: _description,
    messages.IceMessage: _candidate,
    messages.ProducerList: lambda event: join_list(event, map(serialise_peer, event.producers)),
    messages.ConsumerList: lambda event: join_list(event, map(serialise_peer, event.consumers)),
    messages.Error: lambda event: _dump("error", details=event.details),
}
"""A table, because most messages are of kinds that a chain of comparisons would reach last."""
