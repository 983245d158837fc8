"""`ListSerialiser`: lists of peers as they are written, each peer serialised once per change."""

from __future__ import annotations

from typing import Final

from .messages import ConsumerList, Peer, ProducerList
from .wire import join_list, serialise_peer

__all__ = ["ListSerialiser"]

_SPARE: Final = 16
"""Parts of peers that are not here any more, beyond as many as the longest list has."""


class ListSerialiser:
    """Serialises lists, and remembers the part of each peer for the next one."""

    def __init__(self) -> None:
        self._parts: dict[type, dict[str, tuple[Peer, str]]] = {}
        self._longest: dict[type, int] = {}

    def serialise(self, event: ProducerList | ConsumerList) -> str:
        """Serialise a list.

        Args:
            event: The list.

        Returns:
            What `wire.serialise_event` would give.
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
            # Many are not here any more. Not every list is of all peers.
            self._parts[type(event)] = {known[0].id: known for known in listed}
            self._longest[type(event)] = len(peers)
        return join_list(event, [part for _, part in listed])
