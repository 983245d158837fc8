"""`Roster`: which peers have which role, and the lists of them that peers ask for. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .grant import matches
from .messages import Peer, Role

__all__ = ["Roster"]

Sight = tuple[str, ...] | None
"""The patterns of the names that a peer may see; None: all names."""


class Roster:
    """The members of each role, in the order in which they took it."""

    def __init__(self) -> None:
        # Dicts without values are sets in the order of insertion, so that lists have a stable order.
        self._members: dict[Role, dict[str, None]] = {role: {} for role in Role}
        self._lists: dict[Role, dict[Sight, tuple[Peer, ...]]] = {}

    def counts(self) -> dict[str, int]:
        """The number of peers of each role, by the role's name."""
        return {str(role): len(members) for role, members in self._members.items()}

    def set_roles(self, peer_id: str, roles: Iterable[Role]) -> None:
        """Replace the roles of a peer.

        Args:
            peer_id: Of the peer.
            roles: Its roles from now on; empty: none.
        """
        for role, members in self._members.items():
            if role in roles:
                members[peer_id] = None
                self._lists.pop(role, None)
            elif peer_id in members:
                del members[peer_id]
                self._lists.pop(role, None)

    def listed(self, role: Role, sight: Sight, peers: Mapping[str, Peer]) -> tuple[Peer, ...]:
        """The peers of a role that somebody may see.

        Args:
            role: The role.
            sight: What may be seen.
            peers: All peers, by id.

        Returns:
            The same tuple object until a member of the role changes, so that it is serialised once.
        """
        lists = self._lists.setdefault(role, {})
        if sight not in lists:
            members = map(peers.__getitem__, self._members[role])
            lists[sight] = tuple(peer for peer in members if sight is None or matches(peer.name, sight))
        return lists[sight]
