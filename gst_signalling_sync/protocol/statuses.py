"""`Statuses`: the signalling server's decisions on ``setPeerStatus``, and the lists that follow from them. No I/O."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from .announcements import Announcements
from .limits import ServerLimits
from .messages import Outgoing, Peer, PeerStatusChanged, Role
from .meta import check_meta
from .peer_table import PeerTable
from .permissions import Permissions
from .refused import Refused
from .registered import RegisteredPeer
from .roster import Roster
from .sessions import Sessions
from .unique_names import UniqueNames
from .usage import MetaUsage

__all__ = ["Statuses"]


class Statuses:
    """Which peer has which roles, name and meta, and what listeners are told of it.

    Args:
        limits: The limits of the peers.
        peers: The peers.
        permissions: What each peer may do.
        sessions: Ends the sessions of a role that a peer gives up.
        unique_names: Whether a producer is refused whose name another one has.

    Attributes:
        announcements: The statuses of peers that listeners have not been told of yet.
    """

    def __init__(
        self,
        limits: ServerLimits,
        peers: PeerTable,
        permissions: Permissions,
        sessions: Sessions,
        *,
        unique_names: bool,
    ) -> None:
        self.announcements = Announcements(self._sees)
        self._peers = peers
        self._permissions = permissions
        self._sessions = sessions
        self._names = UniqueNames() if unique_names else None
        self._roster = Roster()
        self._meta_usage = MetaUsage(limits)

    @property
    def has_unique_names(self) -> bool:
        """Whether a producer is refused whose name another one has."""
        return self._names is not None

    def counts(self) -> dict[str, int]:
        """The number of peers of each role, by the role's name; ``"none"`` counts those without a role."""
        return {**self._roster.counts(), "none": sum(not peer.roles for peer in self._peers.by_id.values())}

    def holder_of(self, name: str | None) -> str | None:
        """The id of the producer that holds a name; None: it is free, or names are not unique."""
        return None if self._names is None else self._names.holder_of(name)

    def listed(self, role: Role, asking: RegisteredPeer) -> tuple[Peer, ...]:
        """The peers of a role that another peer may see.

        Args:
            role: The role.
            asking: The other peer.
        """
        return self._roster.listed(role, self._permissions.sight_of(asking.id), self._peers.by_id)

    def add_peer(self, peer_id: str, address: str | None) -> None:
        """Add a peer without a role.

        Args:
            peer_id: Of the peer.
            address: The address by which limits per address count its meta; None: they do not count it.
        """
        self._meta_usage.add_peer(peer_id, address)

    def remove_peer(self, peer: RegisteredPeer) -> None:
        """Remove a peer that has left, and announce that."""
        self._meta_usage.remove_peer(peer.id)
        self._register(peer.id, (), None)
        self.announcements.announce(PeerStatusChanged(peer.id, (), peer.meta))

    def set(self, peer: RegisteredPeer, roles: tuple[Role, ...], meta: Any) -> Outgoing:
        """Replace the status of a peer, by its own order.

        Args:
            peer: The peer, as it was.
            roles: Its roles from now on.
            meta: Its meta from now on.

        Raises:
            Refused: The peer may not have these roles or this name, or its meta is too long or unreadable for other peers.
        """
        try:
            size = 0 if meta is None else check_meta(meta)
        except ValueError as error:
            details = f"status dropped that other peers could not read: {error}"
            raise Refused(details, "status", is_answered=False) from None
        roles = tuple(dict.fromkeys(roles))
        if roles == peer.roles and _is_same_json(meta, peer.meta):
            return []
        if Role.PRODUCER in roles and Role.CONSUMER in roles:
            raise Refused(f"Cannot register peer {peer.id} as both producer and passive consumer")
        if objection := self._permissions.objection(peer.id, roles, Peer(peer.id, meta).name):
            raise Refused(f"Cannot register peer {peer.id}: {objection}", "grant")
        name = Peer(peer.id, meta).name if Role.PRODUCER in roles else None
        if self.holder_of(name) not in (None, peer.id):
            raise Refused(f"Cannot register peer {peer.id}: there is a producer named {name!r}", "unique_names")
        if excess := self._meta_usage.use(peer.id, size):
            raise Refused(f"Cannot register peer {peer.id}: {excess}", excess.limit)
        outgoing = self._sessions.end_of_lost_role(peer, roles)
        self._peers.by_id[peer.id] = replace(peer, roles=roles, meta=meta)
        self._register(peer.id, roles, name)
        self._announce(PeerStatusChanged(peer.id, roles, meta), before=peer)
        return outgoing

    def _announce(self, status: PeerStatusChanged, before: RegisteredPeer) -> None:
        if self._permissions.is_anybody_restricted and before.name != Peer(status.peer_id, status.meta).name:
            # For listeners that may not see the new name, the peer has left.
            self.announcements.announce(PeerStatusChanged(before.id, (), before.meta), renamed=status)
        self.announcements.announce(status)

    def _sees(self, listener_id: str, status: PeerStatusChanged) -> bool:
        return self._permissions.sees(listener_id, status.peer_id, Peer(status.peer_id, status.meta).name)

    def _register(self, peer_id: str, roles: tuple[Role, ...], name: str | None) -> None:
        """Replace the roles of a peer, and the name that it holds as a producer."""
        if self._names is not None:
            self._names.set_name(peer_id, name)
        self._roster.set_roles(peer_id, roles)
        if Role.LISTENER in roles:
            self.announcements.join(peer_id)
        else:
            self.announcements.leave(peer_id)


def _is_same_json(one: Any, other: Any) -> bool:
    # Python alone would take 1, 1.0 and true for the same value.
    return bool(one == other) and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
