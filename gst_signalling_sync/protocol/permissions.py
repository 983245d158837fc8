"""`Permissions`: which peer may do what, and until when. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Final

from .grant import EVERYBODY, Grant, matches
from .messages import Role
from .quota import Counts

__all__ = ["Admission", "Permissions"]

_SPARE_ENDS: Final = 64
"""Outdated ends of grants that are kept beyond twice the number of peers."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The identity and the grant of a client that the server lets in.

    Attributes:
        identity: The same for every connection of one subject, or of one token without a subject.
        grant: What the client may do.
        credential: The hash of its token, by which the admission can be revoked; None: it cannot.
    """

    identity: str
    grant: Grant
    credential: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return repr(self.grant.subject)[:100] if self.grant.subject is not None else "a token without a subject"


class Permissions:
    """The admissions of all peers. A peer without an admission may do everything, as on a server without tokens.

    Args:
        limit: Maximum number of peers of one identity whose grant does not say; None: any number.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._admissions: dict[str, Admission] = {}
        self._counts: Counts[str] = Counts(None)
        # A heap of the times at which grants end. An entry of a peer that has left, or has another grant, is skipped.
        self._ends: list[tuple[float, str]] = []
        # The grants of peers that may not see all others, by id.
        self._restricted: dict[str, Grant] = {}

    def __len__(self) -> int:
        """The number of peers with an admission."""
        return len(self._admissions)

    @property
    def is_anybody_restricted(self) -> bool:
        """Whether there is a peer that may not see all others."""
        return bool(self._restricted)

    def is_full(self, admission: Admission) -> bool:
        """Whether an identity has as many peers as it may have."""
        limit = admission.grant.connections or self._limit
        return limit is not None and self._counts.of(admission.identity) >= limit

    def admit(self, peer_id: str, admission: Admission) -> None:
        """Let a peer do what its grant says, from now on.

        Args:
            peer_id: Of a new peer, or of a peer of the same identity that resumes.
            admission: Its identity and its grant.
        """
        if peer_id not in self._admissions:
            self._counts.add(admission.identity)
        self._admissions[peer_id] = admission
        if admission.grant.expires is not None:
            heappush(self._ends, (admission.grant.expires, peer_id))
            self._drop_outdated_ends()
        if admission.grant.peers == EVERYBODY:
            self._restricted.pop(peer_id, None)
        else:
            self._restricted[peer_id] = admission.grant

    def remove(self, peer_id: str) -> None:
        """Forget a peer."""
        admission = self._admissions.pop(peer_id, None)
        if admission is not None:
            self._counts.remove(admission.identity)
            self._restricted.pop(peer_id, None)

    def of(self, peer_id: str) -> Admission | None:
        """The admission of a peer; None: it has no admission."""
        return self._admissions.get(peer_id)

    def may_replace(self, peer_id: str, admission: Admission | None) -> bool:
        """Whether a new connection has the identity and the rights of a peer, and may take its place.

        Args:
            peer_id: Of the peer.
            admission: Of the new connection.
        """
        before = self._admissions.get(peer_id)
        if before is None or admission is None:
            return before is admission
        return before.identity == admission.identity and _lets_do_the_same(before.grant, admission.grant)

    def expired(self, time: float) -> list[str]:
        """The peers whose grants have ended, each returned once.

        Args:
            time: Seconds as of `time.time`.
        """
        expired = []
        while self._ends and self._ends[0][0] <= time:
            end, peer_id = heappop(self._ends)
            admission = self._admissions.get(peer_id)
            if admission is not None and admission.grant.expires == end:
                expired.append(peer_id)
        return list(dict.fromkeys(expired))

    def revise(self, decide: Callable[[Admission], Grant | None]) -> list[str]:
        """Check for every peer whether its grant is still valid.

        A new grant takes the place of the former one only if it gives the same rights, with another end for instance: the
        peer's registration, sessions and knowledge of other peers follow from the former one.

        Args:
            decide: Returns the present grant of an admission; None: it was revoked.

        Returns:
            The peers whose grants were revoked, or give other rights now.
        """
        revoked = []
        for peer_id, admission in list(self._admissions.items()):
            grant = decide(admission)
            if grant is None or not _lets_do_the_same(admission.grant, grant):
                revoked.append(peer_id)
            elif grant != admission.grant:
                self.admit(peer_id, replace(admission, grant=grant))
        return revoked

    def sees(self, peer_id: str, other_id: str, name: str | None) -> bool:
        """Whether a peer may list, be told of and start sessions with another peer.

        Args:
            peer_id: Of the peer.
            other_id: Of the other peer; every peer sees itself.
            name: Of the other peer; None: it has no name.
        """
        grant = self._restricted.get(peer_id)
        return grant is None or peer_id == other_id or matches(name, grant.peers)

    def sight_of(self, peer_id: str) -> tuple[str, ...] | None:
        """The patterns of the names that a peer may see; None: it sees all peers."""
        grant = self._restricted.get(peer_id)
        return None if grant is None else grant.peers

    def objection(self, peer_id: str, roles: Collection[Role], name: str | None) -> str | None:
        """Why a peer may not register.

        Args:
            peer_id: Of the peer.
            roles: The roles to register.
            name: The name to register; None: no name.

        Returns:
            The reason, in words; None: it may register.
        """
        admission = self._admissions.get(peer_id)
        if admission is None:
            return None
        for role in roles:
            if role not in admission.grant.roles:
                return f"its token does not allow the role {role}"
        is_found_by_name = not {Role.PRODUCER, Role.CONSUMER}.isdisjoint(roles)
        if (is_found_by_name or name is not None) and not matches(name, admission.grant.names):
            return "its token requires a name" if name is None else f"its token does not allow the name {name!r:.100}"
        return None

    def _drop_outdated_ends(self) -> None:
        """Remove the ends of grants of peers that have left, once there are many."""
        if len(self._ends) > 2 * len(self._admissions) + _SPARE_ENDS:
            self._ends = [
                (admission.grant.expires, peer_id)
                for peer_id, admission in self._admissions.items()
                if admission.grant.expires is not None
            ]
            heapify(self._ends)


def _lets_do_the_same(one: Grant, other: Grant) -> bool:
    return (set(one.roles), set(one.names), set(one.peers)) == (set(other.roles), set(other.names), set(other.peers))
