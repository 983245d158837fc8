"""`Switchboard`: which connection is which peer, and what the registry decides carried out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from ..errors import ProtocolError, SessionClosedReason
from ..protocol.grant import Grant
from ..protocol.messages import ListConsumers, ListProducers, Request, SetPeerStatus, StartSession
from ..protocol.permissions import Admission
from ..protocol.quota import Charge, Counts, Pool, Rates
from ..protocol.registry import Outgoing, Registry
from ..protocol.resumption import Resumption
from ..protocol.wire import parse_request
from ..threads.fork import close_all_in_child
from .acceptor import Acceptor, connections_to_be_had, turn_away
from .authorizer import Authorizer
from .breather import Breather
from .commons import Commons
from .connection import Connection
from .door import Door
from .fan_out import FanOut
from .framing import Framer
from .mailbox import Mailbox
from .memory import Departures, give_back
from .metrics import Snapshot, metrics_page
from .page import Page
from .reception import Reception, Visitor
from .refusals import Refusals
from .reloading import Reloading
from .settings import Settings
from .tally import Tally
from .token_file import TokenFile
from .turns import Turns

__all__ = ["FAREWELL_SECONDS", "Switchboard"]

logger = logging.getLogger(__name__)

FAREWELL_SECONDS: Final = 2.0
"""How long a stopping server waits for its peers at most; longer than a connection's own time to close."""

PINGS_AT_ONCE: Final = 100

COMING_AT_ONCE: Final = 64
"""Connections that wait for their handshakes, or their ends, beyond which few more are accepted."""

MAX_TICK_SECONDS: Final = 0.5
"""How often it is looked at which leases are over, at least."""

_CHARGES: Final[dict[type[Request], Charge]] = {
    SetPeerStatus: "status_changes",
    ListProducers: "lists",
    ListConsumers: "lists",
    StartSession: "session_starts",
}

_TOO_MANY: Final = Page(
    HTTPStatus.TOO_MANY_REQUESTS,
    "This signalling server takes no more connections from this address.\n",
    refusal="connections_per_address",
    headers={"Retry-After": "5"},
)


class Switchboard:
    """Joins the connections to the registry; all of it runs on the loop.

    Args:
        settings: How the server was made.
        loop: The event loop.

    Attributes:
        registry: The peers, the sessions, and the decisions about them.
        refusals: What was refused.
    """

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        clock = time.monotonic
        limits = settings.limits
        breather = Breather()
        self.refusals = Refusals(limits, clock)
        self.registry = Registry(
            limits, self._note_refusal, lease=settings.lease, now=clock(), unique_names=settings.unique_names
        )
        self._loop = loop
        self._lease = settings.lease
        self._certificate = settings.certificate
        self._reloading = Reloading(settings.certificate, settings.tokens, self._on_tokens, loop)
        authorizer = Authorizer(settings.tokens, settings.authorize, limits, loop) if settings.asks_for_tokens else None
        self._door = Door(authorizer, self.registry, self.refusals, self._show_metrics)
        self._proxies = settings.proxies
        self._most_connections = connections_to_be_had(limits.connections)
        self._addresses: Counts[str] = Counts(limits.connections_per_address)
        self._commons = Commons(
            loop=loop,
            clock=clock,
            limits=limits,
            rates=Rates(limits),
            reception=Reception(
                settings.origins,
                settings.proxies,
                is_secure=settings.certificate is not None,
                asks_for_tokens=settings.asks_for_tokens,
                is_ready=lambda: bool(self._acceptors),
            ),
            refusals=self.refusals,
            breather=breather,
            turns=Turns(loop, breather),
            comings_and_goings=Turns(loop, breather),
            unread=Pool(limits.unread_bytes_in_all),
            incomplete=Pool(limits.incomplete_bytes_in_all),
            tally=Tally(),
        )
        # Every connection, with what limits per address count it as.
        self._connections: dict[Connection, str | None] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._handshaking: dict[Connection, None] = {}
        self._open: dict[str, Connection] = {}
        # Of the peers that may come back.
        self._mailboxes: dict[str, Mailbox] = {}
        self._framer = Framer()
        # With turns of their own, so that many peers that send do not keep those waiting that listen.
        self._fan_out = FanOut(
            self.registry.announcements,
            self._open,
            self._framer,
            limits.unread_statuses,
            self._drop_lagging,
            Turns(loop, breather),
            self._commons.tally,
        )
        self._acceptors: list[Acceptor] = []
        self._tick_timer: asyncio.TimerHandle | None = None
        self._tick_due: float | None = None
        self._departures = Departures()
        self._nobody_left = asyncio.Event()
        close_all_in_child(self)

    def descriptors(self) -> list[int]:
        """Of the sockets of all connections."""
        return [connection.fileno() for connection in self._connections]

    async def serve(self, listening: Iterable[socket.socket], are_shared: bool) -> None:
        """Accept connections from now on.

        Args:
            listening: Listening sockets, which are closed in `shut_down`.
            are_shared: Whether others listen with them too.
        """
        for one in listening:
            one.setblocking(False)
            self._acceptors.append(
                Acceptor(
                    self._loop,
                    one,
                    self._admit,
                    self._commons.breather,
                    self._commons.clock,
                    self._has_time,
                    is_shared=are_shared,
                )
            )
        self._tick()

    async def shut_down(self, seconds: float) -> None:
        """Stop accepting, tell every peer with code 1001, and cut off those that stay.

        Args:
            seconds: How long the peers may take to close.
        """
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        # Nobody is told that the others leave: all of them do.
        self._open.clear()
        self._mailboxes.clear()
        acceptors, self._acceptors = self._acceptors, []
        for acceptor in acceptors:
            acceptor.close()
        for connection in self._with_transport():
            connection.go_away()
        if await self._is_deserted(seconds):
            return
        for connection in self._with_transport():
            connection.cut_off("the server stops")
        for connecting in self._connecting:
            connecting.cancel()
        await self._is_deserted(FAREWELL_SECONDS)

    def reload(self) -> None:
        """Read the certificate and the tokens again."""
        self._reloading.reload()

    async def end_session(self, session_id: str, mark: SessionClosedReason) -> None:
        """End a session, and tell both ends why.

        Args:
            session_id: Of the session.
            mark: Why.

        Raises:
            KeyError: There is no such session.
        """
        self._deliver(self.registry.end_session(session_id, mark))

    def made(self, connection: Connection) -> None:
        """Begin to wait for a handshake; a server that stops sends the connection away."""
        if not self._acceptors:
            connection.go_away()
            return
        self._handshaking[connection] = None
        most = self._commons.limits.handshakes
        if most is not None and len(self._handshaking) > most:
            oldest = next(iter(self._handshaking))
            del self._handshaking[oldest]
            oldest.exceed("handshakes", "it has not shaken hands for the longest of too many")

    def asked(self, connection: Connection, visitor: Visitor) -> None:
        """Count a client that came through a proxy as one of its own address, and find out whether it may come in."""
        if self._connections[connection] is None and visitor.limited_as is not None:
            if self._addresses.is_full(visitor.limited_as):
                connection.show(_TOO_MANY)
                return
            self._count(connection, visitor.limited_as)
        self._door.receive(connection, visitor)

    def opened(self, connection: Connection, admission: Admission | None, resumption: Resumption | None) -> None:
        """Make a peer of a connection that has shaken hands, or give a peer that has come back its own again."""
        self._handshaking.pop(connection, None)
        connection.peer_id, outgoing = self.registry.add_peer(
            self._commons.clock(), self._connections[connection], resumption, admission
        )
        before = self._open.get(connection.peer_id)
        self._open[connection.peer_id] = connection
        if before is not None:
            before.cut_off("its peer came back by another connection")
        logger.info("%s: connected%s", connection, "" if admission is None else f", with the token of {admission}")
        # The welcome is first, also where statuses wait for a listener that has come back.
        (_, welcome), *others = outgoing
        connection.send(self._framer.frame(welcome))
        mailbox = self._mailboxes.pop(connection.peer_id, None)
        if mailbox is not None:
            connection.send(mailbox.empty())
            self._fan_out.resume(connection.peer_id)
        self._deliver(others)

    def received(self, connection: Connection, text: str) -> None:
        """Have the registry decide on a message, and carry it out."""
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
            round_trip = self.registry.heard(connection.peer_id, self._commons.clock())
            if round_trip is not None:
                self._commons.tally.round_trips.add(round_trip)

    def writable(self, connection: Connection) -> None:
        """Go on telling a listener what it did not read before."""
        self._fan_out.resume(connection.peer_id)

    def left(self, connection: Connection, is_final: bool) -> None:
        """Tell the others that a peer is gone, unless it may come back."""
        peer_id = connection.peer_id
        if self._open.get(peer_id) is not connection:
            # It was removed already, or has come back by another connection.
            return
        logger.info("%s: disconnected", connection)
        if not is_final and self.registry.may_return(peer_id):
            del self._open[peer_id]
            self._mailboxes[peer_id] = Mailbox(
                self._commons.limits, self._commons.unread, lambda rule: self._remove(peer_id)
            )
            self._deliver(self.registry.leave(peer_id))
        else:
            self._remove(peer_id)

    def lost(self, connection: Connection) -> None:
        """Forget a TCP connection."""
        self._handshaking.pop(connection, None)
        address = self._connections.pop(connection)
        if address is not None:
            self._addresses.remove(address)
        if not self._connections:
            self._nobody_left.set()

    def _with_transport(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.is_made]

    def _has_time(self) -> bool:
        """Whether those who came are not too many yet; the others are as well off in the kernel."""
        return len(self._commons.comings_and_goings) < COMING_AT_ONCE

    def _admit(self, accepted: socket.socket) -> None:
        """Make a connection of a socket, if there is room for it."""
        try:
            address = str(accepted.getpeername()[0])
        except OSError:
            # It is gone already.
            accepted.close()
            return
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # How long the kernel waits for the acknowledgement of what was sent.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._lease * 1000))
        connection = Connection(self, self._commons, address, accepted.fileno())
        counted = self._proxies.limited_as(address)
        if len(self._connections) >= self._most_connections:
            self.refusals.note(connection, "connections", "turned away with status 503, as there are too many")
            turn_away(accepted)
        elif counted is not None and self._addresses.is_full(counted):
            self.refusals.note(connection, "connections_per_address", "turned away with status 429")
            turn_away(accepted, _TOO_MANY)
        else:
            self._nobody_left.clear()
            self._connections[connection] = None
            self._departures.came(len(self._connections))
            if counted is not None:
                self._count(connection, counted)
            connecting = self._loop.create_task(self._connect(connection, accepted))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            if self._certificate is None:
                await self._loop.connect_accepted_socket(lambda: connection, accepted)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    accepted,
                    ssl=self._certificate.context,
                    ssl_handshake_timeout=self._commons.limits.handshake_seconds,
                )
        except OSError as error:
            if connection.is_made:
                # The transport tells it too.
                return
            self.refusals.note(connection, "tls", f"no TLS client: {error}")
            accepted.close()
            self.lost(connection)
        except asyncio.CancelledError:
            accepted.close()
            if not connection.is_made:
                self.lost(connection)
            raise

    def _show_metrics(self, connection: Connection) -> None:
        """Answer by the metrics, which a thread of their own writes: prometheus-client takes a while to load."""
        snapshot = Snapshot(
            connections=len(self._connections),
            peers=self.registry.count_peers(),
            sessions=len(self.registry.sessions),
            sessions_started=self.registry.sessions_started,
            refusals=self.refusals.counts,
            tally=self._commons.tally,
        )

        def write() -> None:
            page = metrics_page(snapshot)
            # A server that was closed meanwhile has no loop any more.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(connection.show, page)

        threading.Thread(target=write, name="gss-metrics", daemon=True).start()

    def _count(self, connection: Connection, address: str) -> None:
        self._addresses.add(address)
        self._connections[connection] = address

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
                # What comes from now on waits for its return.
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
            # Who was let in by the callable has no credential of the file's.
            return admission.grant if admission.credential is None else tokens.decide(admission)

        for peer_id in self.registry.permissions.revise(decide):
            self._expel(peer_id, "revoked")

    def _expel(self, peer_id: str, rule: str) -> None:
        """End a peer whose grant has ended, with its sessions."""
        connection = self._open.get(peer_id)
        self._deliver(self.registry.expel(peer_id, "expired"))
        self._remove(peer_id)
        if connection is not None:
            connection.expel(rule, f"its token is {rule}")
        else:
            logger.info("peer %s: removed, as its token is %s", peer_id, rule)

    def _drop_lagging(self, listener_id: str) -> None:
        connection = self._open.get(listener_id)
        if connection is not None:
            connection.exceed("unread_statuses", "it listens, and leaves too many statuses unread")
        else:
            self._remove(listener_id)

    def _tick(self) -> None:
        """Ping those that are due, give up those whose leases are over, and give memory back."""
        now = self._commons.clock()
        if self._tick_due is not None:
            self._commons.tally.lateness.add(max(0.0, now - self._tick_due))
        self._reloading.look(now)
        for peer_id in self.registry.permissions.expired(time.time()):
            self._expel(peer_id, "expired")
        for peer_id in self.registry.over(now):
            self._end_lease(peer_id, now)
        due = self.registry.to_ping(now, PINGS_AT_ONCE)
        for peer_id in due:
            connection = self._open.get(peer_id)
            if connection is not None:
                connection.ping()
        if self._departures.are_over(len(self._connections), now):
            give_back()
        self._commons.breather.breathe()
        pause = 0.0 if len(due) == PINGS_AT_ONCE else min(MAX_TICK_SECONDS, self._lease / 10)
        self._tick_due = self._commons.clock() + pause
        self._tick_timer = self._loop.call_later(pause, self._tick)

    def _end_lease(self, peer_id: str, now: float) -> None:
        connection = self._open.get(peer_id)
        if connection is not None and connection.is_held_up:
            self.registry.begin_lease(peer_id, now)
            return
        if connection is not None:
            connection.exceed("lease", f"it answered no ping for {self._lease:g} s")
        self._remove(peer_id)

    async def _is_deserted(self, seconds: float) -> bool:
        if not self._connections:
            return True
        try:
            await asyncio.wait_for(self._nobody_left.wait(), seconds)
        except TimeoutError:
            return False
        return True
