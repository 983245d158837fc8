"""`SessionUsage` and `MetaUsage`: how much of a server's limits peers use."""

from __future__ import annotations

from dataclasses import dataclass

from .limits import ServerLimits
from .quota import Counts

__all__ = ["Excess", "MetaUsage", "SessionUsage"]


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that would be exceeded.

    Attributes:
        limit: The name of an attribute of `ServerLimits`.
        details: The explanation, in words.
    """

    limit: str
    details: str

    def __str__(self) -> str:
        return self.details


class SessionUsage:
    """The number of sessions of each pair, consumer and producer.

    Args:
        limits: Their maximums.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self._pairs: Counts[tuple[str, str]] = Counts(limits.sessions_per_pair)
        self._consumers: Counts[str] = Counts(limits.sessions_per_consumer)
        self._producers: Counts[str] = Counts(limits.sessions_per_producer)

    def excess(self, producer_id: str, consumer_id: str) -> Excess | None:
        """The limit that another session would exceed.

        Args:
            producer_id: One end.
            consumer_id: The other end.

        Returns:
            The limit; None: there may be another session.
        """
        if self._pairs.is_full((producer_id, consumer_id)):
            return Excess("sessions_per_pair", f"the two have {self._pairs.limit} sessions already")
        if self._consumers.is_full(consumer_id):
            return Excess("sessions_per_consumer", f"the consumer has {self._consumers.limit} sessions already")
        if self._producers.is_full(producer_id):
            return Excess("sessions_per_producer", f"the producer has {self._producers.limit} sessions already")
        return None

    def add(self, producer_id: str, consumer_id: str) -> None:
        """Count a session that begins."""
        self._pairs.add((producer_id, consumer_id))
        self._consumers.add(consumer_id)
        self._producers.add(producer_id)

    def remove(self, producer_id: str, consumer_id: str) -> None:
        """Count a session that has ended."""
        self._pairs.remove((producer_id, consumer_id))
        self._consumers.remove(consumer_id)
        self._producers.remove(producer_id)


class MetaUsage:
    """The bytes of all peers' metas.

    Args:
        limits: Their maximums.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._total = 0
        self._of_address: dict[str, int] = {}
        self._of_peer: dict[str, int] = {}
        self._address_of: dict[str, str] = {}

    def add_peer(self, peer_id: str, address: str | None) -> None:
        """Add a peer without a meta.

        Args:
            peer_id: Of the peer.
            address: The address whose share it uses; None: no address.
        """
        if address is not None:
            self._address_of[peer_id] = address

    def remove_peer(self, peer_id: str) -> None:
        """Forget a peer and its meta."""
        self._set(peer_id, 0)
        self._address_of.pop(peer_id, None)

    def use(self, peer_id: str, size: int) -> Excess | None:
        """Replace the meta of a peer, if there is room for it.

        Args:
            peer_id: Of the peer.
            size: Bytes of the new meta, as JSON.

        Returns:
            The limit that would be exceeded; None: the new meta is counted.
        """
        limits, more = self._limits, size - self._of_peer.get(peer_id, 0)
        if limits.meta_bytes is not None and size > limits.meta_bytes:
            return Excess(
                "meta_bytes", f"its meta must have at most {limits.meta_bytes} bytes as JSON (meta_bytes), not {size}"
            )
        if more > 0 and limits.metas_bytes is not None and self._total + more > limits.metas_bytes:
            return Excess(
                "metas_bytes", f"all metas together must have at most {limits.metas_bytes} bytes (metas_bytes)"
            )
        address, share = self._address_of.get(peer_id), limits.metas_bytes_per_address
        if more > 0 and address is not None and share is not None and self._of_address.get(address, 0) + more > share:
            return Excess(
                "metas_bytes_per_address",
                f"the metas of one address must have at most {share} bytes (metas_bytes_per_address)",
            )
        self._set(peer_id, size)
        return None

    def _set(self, peer_id: str, size: int) -> None:
        more = size - self._of_peer.pop(peer_id, 0)
        if size:
            self._of_peer[peer_id] = size
        self._total += more
        address = self._address_of.get(peer_id)
        if address is None:
            return
        left = self._of_address.pop(address, 0) + more
        if left:
            self._of_address[address] = left
