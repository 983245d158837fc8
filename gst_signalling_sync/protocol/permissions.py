"""`Permissions`: which peer may do what, and until when, without I/O and without a clock."""

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
"""Ends of grants that are not looked through yet, beyond twice as many as there are peers."""


@dataclass(frozen=True, slots=True)
class Admission:
    """That somebody was let in.

    Attributes:
        identity: Who it is: the same for every connection of one subject, or of one token without a subject.
        grant: What it may do.
        credential: The hash of the token that it came with, by which it can be taken back; None: it cannot.
    """

    identity: str
    grant: Grant
    credential: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return repr(self.grant.subject)[:100] if self.grant.subject is not None else "a token without a subject"


class Permissions:
    """The admissions of all peers. A peer without one may do everything, as on a server that asks for no token.

    Args:
        limit: Peers of one identity whose grant does not say how many; None: any number.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._admissions: dict[str, Admission] = {}
        self._counts: Counts[str] = Counts(None)
        # Of peers whose grants end, the next first. A peer that has left, or has another grant, is skipped when it comes up.
        self._ends: list[tuple[float, str]] = []
        # Of peers that may not see everybody, by id.
        self._restricted: dict[str, Grant] = {}

    def __len__(self) -> int:
        """How many peers have an admission."""
        return len(self._admissions)

    @property
    def is_anybody_restricted(self) -> bool:
        """Whether there is a peer that may not see all others."""
        return bool(self._restricted)

    def is_full(self, admission: Admission) -> bool:
        """Whether there may be no more peers of an identity."""
        limit = admission.grant.connections or self._limit
        return limit is not None and self._counts.of(admission.identity) >= limit

    def admit(self, peer_id: str, admission: Admission) -> None:
        """Let a peer do what a grant says, from now on.

        Args:
            peer_id: Of a new peer, or of one of the same identity that came back.
            admission: Who it is, and the grant.
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
        """The admission of a peer; None: it has none."""
        return self._admissions.get(peer_id)

    def may_replace(self, peer_id: str, admission: Admission | None) -> bool:
        """Whether who has just been let in is the same as a peer, and may do the same.

        Args:
            peer_id: Of the peer.
            admission: Of the one that has just been let in.
        """
        before = self._admissions.get(peer_id)
        if before is None or admission is None:
            return before is admission
        return before.identity == admission.identity and _lets_do_the_same(before.grant, admission.grant)

    def expired(self, time: float) -> list[str]:
        """The peers whose grants have ended, each told once.

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
        """Ask for every peer whether its grant is still valid.

        Only a grant that lets a peer do the same may take the place of another one, with another end for instance: what it
        registered, whom it was told of and its sessions are by the grant of before.

        Args:
            decide: Returns the grant that stands for an admission now; None: there is none any more.

        Returns:
            The peers whose grants were taken back, or let them do something else now.
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
        """Whether a peer may list, be told of and start sessions with another one.

        Args:
            peer_id: Of the peer.
            other_id: Of the other one; everybody sees itself.
            name: Of the other one; None: it has none.
        """
        grant = self._restricted.get(peer_id)
        return grant is None or peer_id == other_id or matches(name, grant.peers)

    def sight_of(self, peer_id: str) -> tuple[str, ...] | None:
        """The patterns of the names that a peer sees; None: it sees everybody."""
        grant = self._restricted.get(peer_id)
        return None if grant is None else grant.peers

    def objection(self, peer_id: str, roles: Collection[Role], name: str | None) -> str | None:
        """Why a peer may not register so.

        Args:
            peer_id: Of the peer.
            roles: What it would be.
            name: What it would be called; None: it names itself in no way.

        Returns:
            Why, in words; None: it may.
        """
        admission = self._admissions.get(peer_id)
        if admission is None:
            return None
        for role in roles:
            if role not in admission.grant.roles:
                return f"its token does not allow the role {role}"
        is_found_by_name = not {Role.PRODUCER, Role.CONSUMER}.isdisjoint(roles)
        if (is_found_by_name or name is not None) and not matches(name, admission.grant.names):
            return "its token wants a name" if name is None else f"its token does not allow the name {name!r:.100}"
        return None

    def _drop_outdated_ends(self) -> None:
        """Keep the ends of a year's worth of peers that came and went from piling up."""
        if len(self._ends) > 2 * len(self._admissions) + _SPARE_ENDS:
            self._ends = [
                (admission.grant.expires, peer_id)
                for peer_id, admission in self._admissions.items()
                if admission.grant.expires is not None
            ]
            heapify(self._ends)


def _lets_do_the_same(one: Grant, other: Grant) -> bool:
    return (set(one.roles), set(one.names), set(one.peers)) == (set(other.roles), set(other.names), set(other.peers))
