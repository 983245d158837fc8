"""`ListSerialiser`: serialises lists of peers, each peer once per change."""

from __future__ import annotations

from typing import Final

from .messages import ConsumerList, Peer, ProducerList
from .wire import join_list, serialise_peer

__all__ = ["ListSerialiser"]

_SPARE: Final = 16
"""Remembered parts beyond twice the length of the longest list, so that short lists are not cleaned up each time."""


class ListSerialiser:
    """Serialises lists, and remembers the part of each peer for the next list."""

    def __init__(self) -> None:
        self._parts: dict[type, dict[str, tuple[Peer, str]]] = {}
        self._longest: dict[type, int] = {}

    def serialise(self, event: ProducerList | ConsumerList) -> str:
        """Serialise a list.

        Args:
            event: The list.

        Returns:
            The same string as `wire.serialise_event`.
        """
        parts = self._parts.setdefault(type(event), {})
        peers = event.producers if isinstance(event, ProducerList) else event.consumers
        for peer in peers:
            known = parts.get(peer.id)
            if known is None or known[0] is not peer:
                parts[peer.id] = peer, serialise_peer(peer)
        listed = [parts[peer.id] for peer in peers]
        longest = self._longest[type(event)] = max(self._longest.get(type(event), 0), len(peers))
        if len(parts) > 2 * longest + _SPARE:
            # Many peers have left. Not every list has all peers, so an absent one may come again.
            self._parts[type(event)] = {known[0].id: known for known in listed}
            self._longest[type(event)] = len(peers)
        return join_list(event, [part for _, part in listed])
