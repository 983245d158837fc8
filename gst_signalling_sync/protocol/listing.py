"""`ListSerialiser`: lists of peers as they are written, each peer serialised once per change."""

from __future__ import annotations

from .messages import ConsumerList, Peer, ProducerList
from .wire import join_list, serialise_peer

__all__ = ["ListSerialiser"]


class ListSerialiser:
    """Serialises lists, and remembers the part of each peer for the next one."""

    def __init__(self) -> None:
        self._parts: dict[type, dict[str, tuple[Peer, str]]] = {}

    def serialise(self, event: ProducerList | ConsumerList) -> str:
        """Serialise a list.

        Args:
            event: The list.

        Returns:
            What `wire.serialise_event` would give.
        """
        before, now = self._parts.get(type(event), {}), {}
        for peer in event.producers if isinstance(event, ProducerList) else event.consumers:
            known = before.get(peer.id)
            now[peer.id] = known if known is not None and known[0] is peer else (peer, serialise_peer(peer))
        self._parts[type(event)] = now
        return join_list(event, [part for _, part in now.values()])
