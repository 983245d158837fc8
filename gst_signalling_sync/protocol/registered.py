"""`RegisteredPeer` and `RegisteredSession`: peers and sessions as a signalling server knows them."""

from __future__ import annotations

from dataclasses import dataclass

from .messages import Peer, ProtocolVersion, Role

__all__ = ["RegisteredPeer", "RegisteredSession"]


@dataclass(frozen=True, slots=True)
class RegisteredPeer(Peer):
    """A peer as the server knows it.

    Attributes:
        roles: The roles that it registered; empty until it does, and for an ordinary consumer.
        version: The protocol version that it announced.
    """

    roles: tuple[Role, ...] = ()
    version: ProtocolVersion = ProtocolVersion.V1_0

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class RegisteredSession:
    """A session between two peers.

    Attributes:
        id: The id that the server gave it (a UUID4).
        producer_id: The peer that makes the offer, or answers the offer in `StartSession`.
        consumer_id: The other peer.
    """

    id: str
    producer_id: str
    consumer_id: str

    def other_end(self, peer_id: str) -> str | None:
        """The id of the peer at the other end.

        Args:
            peer_id: One end.

        Returns:
            The id of the other end; None: the peer is not part of the session.
        """
        if peer_id == self.producer_id:
            return self.consumer_id
        if peer_id == self.consumer_id:
            return self.producer_id
        return None
