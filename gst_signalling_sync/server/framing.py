"""`Framer`: messages of the server as WebSocket frames, which are the same for all that they are sent to."""

from __future__ import annotations

import struct
from typing import Final

from ..protocol.listing import ListSerialiser
from ..protocol.messages import ConsumerList, Event, Peer, ProducerList
from ..protocol.wire import serialise_event

__all__ = ["Framer", "text_frame"]

_FINAL_TEXT: Final = 0x81


def text_frame(payload: bytes) -> bytes:
    """Frame a text (RFC 6455, section 5.2), without a mask, as servers do.

    Args:
        payload: UTF-8.

    Returns:
        The bytes to send.
    """
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 2**16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, size) + payload


class Framer:
    """Frames messages; a list is serialised and framed once as long as it stays the same."""

    def __init__(self) -> None:
        self._serialiser = ListSerialiser()
        self._lists: dict[type, tuple[tuple[Peer, ...], bytes]] = {}

    def frame(self, event: Event) -> bytes:
        """Serialise a message and frame it.

        Args:
            event: The message; of a list that has not changed, its tuple is the same object.

        Returns:
            The bytes to send.
        """
        if not isinstance(event, ProducerList | ConsumerList):
            return text_frame(serialise_event(event).encode())
        peers = event.producers if isinstance(event, ProducerList) else event.consumers
        framed = self._lists.get(type(event))
        if framed is None or framed[0] is not peers:
            framed = self._lists[type(event)] = peers, text_frame(self._serialiser.serialise(event).encode())
        return framed[1]
