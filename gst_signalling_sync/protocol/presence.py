"""`Presence`: which peers are there, which may come back, and whether a client is one of these. No I/O and no clock."""

from __future__ import annotations

from .lease import Leases
from .permissions import Admission, Permissions
from .resumption import NEW, Resumption, ResumptionKeys

__all__ = ["Presence"]


class Presence:
    """The leases and resumption keys of all peers.

    Args:
        permissions: What each peer may do: a peer is resumed only by its own identity.
        lease: Seconds that a peer may leave pings unanswered.
        now: The time, in seconds.

    Attributes:
        keys: The peers' resumption keys.
    """

    def __init__(self, permissions: Permissions, lease: float, now: float) -> None:
        self.keys = ResumptionKeys()
        self._permissions = permissions
        self._leases = Leases(lease, now)
        # Peers without a connection.
        self._away: set[str] = set()

    def kept(self, key: str, admission: Admission | None) -> str | None:
        """The peer that a client resumes by a key; None: there is no such peer, or it may not.

        Args:
            key: The key that it presented.
            admission: Its identity and what it may do; None: it may do everything.
        """
        peer_id = self.keys.peer_of(key)
        return peer_id if peer_id is not None and self._permissions.may_replace(peer_id, admission) else None

    def has_room(self, key: str | None, admission: Admission) -> bool:
        """Whether there may be another peer of an identity.

        Args:
            key: The resumption key that the client presented, by which it may be a peer that is here already; None: no key.
            admission: Its identity.
        """
        return not self._permissions.is_full(admission) or (key is not None and self.kept(key, admission) is not None)

    def objection_to_return(self, key: str, admission: Admission | None) -> tuple[str, str] | None:
        """Why a client becomes a new peer although it presents a resumption key.

        Args:
            key: The key that it presented.
            admission: Its identity and what it may do; None: it may do everything.

        Returns:
            The name of the rule, and the reason in words; None: it has no key yet, or it resumes.
        """
        if key == NEW or self.kept(key, admission) is not None:
            return None
        if self.keys.peer_of(key) is not None:
            return "resumption", "its resumption key belongs to another identity, so it is a new peer"
        if self.keys.is_spent(key):
            return "resumption", "its resumption key was used before, so it is a new peer"
        return "late", "its resumption key is unknown, or its lease is over, so it is a new peer"

    def connected(self, peer_id: str, now: float, resumption: Resumption | None, admission: Admission | None) -> None:
        """Record that a peer has connected, for the first time or again.

        Args:
            peer_id: Of the peer.
            now: The time, in seconds.
            resumption: The key that it presented, and the one for the next time; None: it cannot resume.
            admission: Its identity and what it may do; None: it may do everything.
        """
        self._away.discard(peer_id)
        self._leases.begin(peer_id, now)
        if admission is not None:
            self._permissions.admit(peer_id, admission)
        if resumption is not None:
            self.keys.issue(peer_id, resumption)

    def heard(self, peer_id: str, now: float) -> float | None:
        """Renew the lease of a peer that has answered a ping.

        Args:
            peer_id: Of the peer; an unknown one changes nothing.
            now: The time, in seconds.

        Returns:
            Seconds since the ping; None: there is no such peer.
        """
        self.keys.confirm(peer_id)
        return self._leases.renew(peer_id, now)

    def begin_lease(self, peer_id: str, now: float) -> None:
        """Give a peer another lease, because this end did not read what it sent.

        Args:
            peer_id: Of the peer.
            now: The time, in seconds.
        """
        self._leases.begin(peer_id, now)

    def may_return(self, peer_id: str) -> bool:
        """Whether a peer whose connection broke is kept until its lease is over, because it has a resumption key.

        Args:
            peer_id: Of the peer.
        """
        return self.keys.has(peer_id)

    def disconnected(self, peer_id: str) -> None:
        """Record that the connection of a peer broke."""
        self._away.add(peer_id)

    def is_away(self, peer_id: str) -> bool:
        """Whether a peer has no connection."""
        return peer_id in self._away

    def to_ping(self, now: float, maximum: int) -> list[str]:
        """The peers to ping now, which counts as done.

        Args:
            now: The time, in seconds.
            maximum: Maximum number to return; the others remain due.
        """
        return self._leases.to_ping(now, maximum)

    def over(self, now: float) -> list[str]:
        """The peers whose leases are over, to be removed with `Registry.remove_peer`.

        Args:
            now: The time, in seconds.
        """
        return self._leases.over(now)

    def remove(self, peer_id: str) -> None:
        """Forget a peer, which cannot come back."""
        self._away.discard(peer_id)
        self._leases.end(peer_id)
        self.keys.forget(peer_id)
        self._permissions.remove(peer_id)

    def shrink(self) -> None:
        """Give back the memory of peers that were removed."""
        self._leases.shrink()
