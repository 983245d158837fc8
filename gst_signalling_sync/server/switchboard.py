"""`Switchboard`: maps connections to peers, and carries out what the registry decides."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterable
from typing import Final

from ..errors import ProtocolError, SessionClosedReason
from ..protocol.grant import Grant
from ..protocol.messages import ListConsumers, ListProducers, Request, SetPeerStatus, StartSession
from ..protocol.permissions import Admission
from ..protocol.quota import Charge
from ..protocol.registry import Outgoing, Registry
from ..protocol.resumption import Resumption
from ..protocol.wire import parse_request
from .acceptor import Acceptor
from .authorizer import Authorizer
from .commons import Commons
from .connection import Connection
from .connections import Connections
from .door import Door
from .fan_out import FanOut
from .framing import Framer
from .housekeeping import Housekeeping
from .mailbox import Mailbox
from .metrics import Snapshot, metrics_page
from .own_thread import run_on_own_thread
from .reception import Visitor
from .refusals import Refusals
from .reloading import Reloading
from .settings import Settings
from .token_file import TokenFile
from .turns import Turns

__all__ = ["Switchboard"]

logger = logging.getLogger(__name__)

COMING_AT_ONCE: Final = 64
"""Number of connections waiting for their handshakes or ends, from which on few more are accepted."""

_CHARGES: Final[dict[type[Request], Charge]] = {
    SetPeerStatus: "status_changes",
    ListProducers: "lists",
    ListConsumers: "lists",
    StartSession: "session_starts",
}


class Switchboard:
    """Connects the connections with the registry; all calls are made on the loop.

    Args:
        settings: The server's settings.
        loop: The event loop.

    Attributes:
        registry: The peers, the sessions, and the decisions about them.
        refusals: What was refused.
    """

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        clock = time.monotonic
        limits = settings.limits
        self.refusals = Refusals(limits, clock)
        self.registry = Registry(
            limits, self._note_refusal, lease=settings.lease, now=clock(), unique_names=settings.unique_names
        )
        self._loop = loop
        self._lease = settings.lease
        authorizer = Authorizer(settings.tokens, settings.authorize, limits, loop) if settings.asks_for_tokens else None
        self._door = Door(authorizer, self.registry.presence, self.refusals, self._show_metrics)
        self._commons = Commons.of(settings, loop, clock, self.refusals, is_ready=lambda: bool(self._acceptors))
        self._connections = Connections(settings, self._commons, self)
        self._reloading = Reloading(settings.certificate, settings.tokens, self._on_tokens, loop)
        self._housekeeping = Housekeeping(
            self._commons, self.registry, self._connections, self._reloading, self, settings.lease
        )
        # The connections of peers, by peer id.
        self._open: dict[str, Connection] = {}
        # The mailboxes of peers without a connection that may resume, by peer id.
        self._mailboxes: dict[str, Mailbox] = {}
        self._framer = Framer()
        # It has turns of its own, so that many busy peers do not delay listeners.
        self._fan_out = FanOut(
            self.registry.announcements,
            self._open,
            self._framer,
            limits.unread_statuses,
            self._drop_lagging,
            Turns(loop, self._commons.breather),
            self._commons.tally,
        )
        self._acceptors: list[Acceptor] = []

    async def serve(self, listening: Iterable[socket.socket], are_shared: bool) -> None:
        """Accept connections from now on.

        Args:
            listening: Listening sockets, closed by `shut_down`.
            are_shared: Whether other processes listen with them too.
        """
        for one in listening:
            one.setblocking(False)
            self._acceptors.append(
                Acceptor(
                    self._loop,
                    one,
                    self._connections.add,
                    self._commons.breather,
                    self._commons.clock,
                    self._has_time,
                    is_shared=are_shared,
                )
            )
        self._housekeeping.tick()

    async def shut_down(self, seconds: float) -> None:
        """Stop accepting, tell every peer with code 1001, and cut off those that stay.

        Args:
            seconds: How long the peers may take to close.
        """
        self._housekeeping.stop()
        # No peer is told that the others leave, because all of them do.
        self._open.clear()
        self._mailboxes.clear()
        acceptors, self._acceptors = self._acceptors, []
        for acceptor in acceptors:
            acceptor.close()
        await self._connections.say_goodbye(seconds)

    def reload(self) -> None:
        """Read the certificate and the tokens again."""
        self._reloading.reload()

    async def end_session(self, session_id: str, mark: SessionClosedReason) -> None:
        """End a session, and tell both ends why.

        Args:
            session_id: Of the session.
            mark: The reason that both ends are told.

        Raises:
            KeyError: There is no such session.
        """
        self._deliver(self.registry.end_session(session_id, mark))

    def made(self, connection: Connection) -> None:
        """Wait for the handshake of a connection; a server that stops sends it away."""
        if not self._acceptors:
            connection.go_away()
            return
        self._connections.begin_handshake(connection)

    def asked(self, connection: Connection, visitor: Visitor) -> None:
        """Count a client that came through a proxy by its own address, and find out whether it may come in."""
        if self._connections.count_as(connection, visitor.limited_as):
            self._door.receive(connection, visitor)

    def opened(self, connection: Connection, admission: Admission | None, resumption: Resumption | None) -> None:
        """Make a peer of a connection whose handshake is complete, or resume the peer that it presents a key of."""
        self._connections.end_handshake(connection)
        connection.peer_id, outgoing = self.registry.add_peer(
            self._commons.clock(), self._connections.address_of(connection), resumption, admission
        )
        before = self._open.get(connection.peer_id)
        self._open[connection.peer_id] = connection
        if before is not None:
            before.cut_off("its peer has resumed on another connection")
        logger.info("%s: connected%s", connection, "" if admission is None else f", with the token of {admission}")
        # The welcome goes first, even where statuses wait for a resumed listener.
        (_, welcome), *others = outgoing
        connection.send(self._framer.frame(welcome))
        mailbox = self._mailboxes.pop(connection.peer_id, None)
        if mailbox is not None:
            connection.send(mailbox.empty())
            self._fan_out.resume(connection.peer_id)
        self._deliver(others)

    def received(self, connection: Connection, text: str) -> None:
        """Let the registry decide on a message, and carry the decision out."""
        if self._open.get(connection.peer_id) is not connection:
            # The peer was removed, for example because its token is revoked, and sends until it has read the closing frame.
            return
        try:
            request = parse_request(text)
        except ProtocolError as error:
            self.refusals.note(connection, "message", f"message dropped: {error}")
            return
        charge = _CHARGES.get(type(request))
        if charge is not None:
            connection.charge(charge)
        if (ghost := self.registry.ghost(connection.peer_id, request)) is not None:
            self._remove(ghost)
        self._deliver(self.registry.handle(connection.peer_id, request))

    def answered(self, connection: Connection) -> None:
        """Renew the lease of a peer."""
        if self._open.get(connection.peer_id) is connection:
            round_trip = self.registry.presence.heard(connection.peer_id, self._commons.clock())
            if round_trip is not None:
                self._commons.tally.round_trips.add(round_trip)

    def writable(self, connection: Connection) -> None:
        """Continue to send statuses to a listener that did not read."""
        self._fan_out.resume(connection.peer_id)

    def left(self, connection: Connection, is_final: bool) -> None:
        """Tell the other peers that a peer has left, unless it may resume."""
        peer_id = connection.peer_id
        if self._open.get(peer_id) is not connection:
            # The peer was removed already, or has resumed on another connection.
            return
        logger.info("%s: disconnected", connection)
        if not is_final and self.registry.presence.may_return(peer_id):
            del self._open[peer_id]
            self._mailboxes[peer_id] = Mailbox(
                self._commons.limits, self._commons.unread, lambda rule: self._remove(peer_id)
            )
            self._deliver(self.registry.leave(peer_id))
        else:
            self._remove(peer_id)

    def lost(self, connection: Connection) -> None:
        """Remove a TCP connection that is gone."""
        self._connections.remove(connection)

    def ping(self, peer_id: str) -> None:
        """Ping a peer, if it has a connection."""
        connection = self._open.get(peer_id)
        if connection is not None:
            connection.ping()

    def expel(self, peer_id: str, rule: str) -> None:
        """Remove a peer whose grant has ended, and end its sessions."""
        connection = self._open.get(peer_id)
        self._deliver(self.registry.expel(peer_id, "expired"))
        self._remove(peer_id)
        if connection is not None:
            connection.expel(rule, f"its token is {rule}")
        else:
            logger.info("peer %s: removed, as its token is %s", peer_id, rule)

    def end_lease(self, peer_id: str, now: float) -> None:
        """Remove a peer that answered no ping for its lease, unless it was not read meanwhile."""
        connection = self._open.get(peer_id)
        if connection is not None and connection.is_held_up:
            self.registry.presence.begin_lease(peer_id, now)
            return
        if connection is not None:
            connection.exceed("lease", f"it answered no ping for {self._lease:g} s")
        self._remove(peer_id)

    def _has_time(self) -> bool:
        """Whether few connections wait for their turn. Further clients may as well wait in the kernel."""
        return len(self._commons.comings_and_goings) < COMING_AT_ONCE

    def _show_metrics(self, connection: Connection) -> None:
        """Answer a request by the metrics, made on a thread of their own, because prometheus-client takes a while to load."""
        snapshot = Snapshot(
            connections=len(self._connections),
            peers=self.registry.count_peers(),
            sessions=len(self.registry.sessions),
            sessions_started=self.registry.sessions_started,
            refusals=self.refusals.counts,
            tally=self._commons.tally,
        )
        run_on_own_thread("metrics", lambda: metrics_page(snapshot), self._loop, connection.show)

    def _note_refusal(self, peer_id: str, rule: str, details: str) -> None:
        connection = self._open.get(peer_id)
        if connection is not None:
            self.refusals.note(connection, rule, details)

    def _deliver(self, outgoing: Outgoing) -> None:
        self._commons.tally.messages_out += len(outgoing)
        announcements = self.registry.announcements
        for peer_id, event in outgoing:
            connection = self._open.get(peer_id)
            if connection is not None and connection.is_lost:
                # From now on messages wait until the peer resumes.
                connection.conclude()
                connection = self._open.get(peer_id)
            if connection is not None:
                if announcements.is_behind(peer_id):
                    self._fan_out.catch_up(peer_id)
                connection.send(self._framer.frame(event))
            elif (mailbox := self._mailboxes.get(peer_id)) is not None:
                mailbox.add(self._framer.frame(event))
        self._fan_out.begin()

    def _remove(self, peer_id: str) -> None:
        self._open.pop(peer_id, None)
        mailbox = self._mailboxes.pop(peer_id, None)
        if mailbox is not None:
            mailbox.empty()
        self._deliver(self.registry.remove_peer(peer_id))

    def _on_tokens(self, tokens: TokenFile) -> None:
        def decide(admission: Admission) -> Grant | None:
            # A client that the callable let in has no credential of the file.
            return admission.grant if admission.credential is None else tokens.decide(admission)

        for peer_id in self.registry.permissions.revise(decide):
            self.expel(peer_id, "revoked")

    def _drop_lagging(self, listener_id: str) -> None:
        connection = self._open.get(listener_id)
        if connection is not None:
            connection.exceed("unread_statuses", "it is a listener that leaves too many statuses unread")
        else:
            self._remove(listener_id)
