"""`Framer`: messages of the server as WebSocket frames (RFC 6455 section 5.2), the same for all their receivers."""

from __future__ import annotations

import struct
from typing import Final

from ..protocol.listing import ListSerialiser
from ..protocol.messages import ConsumerList, Event, Peer, ProducerList
from ..protocol.wire import serialise_event

__all__ = ["Framer", "text_frame"]

_FINAL_TEXT: Final = 0x81

_LISTS: Final = 16
_LISTS_BYTES: Final = 8 * 2**20
"""Maximum number of lists that are kept as frames, and of their bytes together."""


def text_frame(payload: bytes) -> bytes:
    """A text frame without a mask, as servers send it.

    Args:
        payload: UTF-8.

    Returns:
        The frame, ready to send.
    """
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 2**16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, size) + payload


class Framer:
    """Makes frames of messages. A list is serialised once until it changes."""

    def __init__(self) -> None:
        self._serialiser = ListSerialiser()
        # The newest lists, the oldest of them first. There are several, because peers with restricted grants get other lists.
        # Each tuple is kept alive as long as its id is the key.
        self._lists: dict[int, tuple[tuple[Peer, ...], type, bytes]] = {}

    def frame(self, event: Event) -> bytes:
        """Serialise a message.

        Args:
            event: The message. A list that has not changed must have the same tuple object.

        Returns:
            The frame, ready to send.
        """
        if not isinstance(event, ProducerList | ConsumerList):
            return text_frame(serialise_event(event).encode())
        peers = event.producers if isinstance(event, ProducerList) else event.consumers
        known = self._lists.get(id(peers))
        if known is not None and known[1] is type(event):
            return known[2]
        framed = text_frame(self._serialiser.serialise(event).encode())
        if len(framed) <= _LISTS_BYTES:
            self._lists.pop(id(peers), None)
            self._lists[id(peers)] = peers, type(event), framed
            while sum(len(frame) for _, _, frame in self._lists.values()) > _LISTS_BYTES or len(self._lists) > _LISTS:
                del self._lists[next(iter(self._lists))]
        return framed
