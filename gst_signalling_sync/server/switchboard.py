"""`Switchboard`: which connection is which peer, and what the registry decides carried out."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from http import HTTPStatus
from typing import Final

from ..errors import ProtocolError
from ..protocol.messages import ListConsumers, ListProducers, Request, SetPeerStatus, StartSession
from ..protocol.quota import Charge, Counts, Pool
from ..protocol.registry import Outgoing, Registry
from ..protocol.wire import parse_request
from .acceptor import Acceptor, connections_to_be_had, turn_away
from .breather import Breather
from .commons import Commons
from .connection import Connection
from .fan_out import FanOut
from .framing import Framer
from .reception import Page, Reception, Visitor
from .refusals import Refusals
from .settings import Settings
from .turns import Turns

__all__ = ["FAREWELL_SECONDS", "Switchboard"]

logger = logging.getLogger(__name__)

FAREWELL_SECONDS: Final = 2.0
"""How long a stopping server waits for its peers at most; longer than a connection's own time to close."""

PING_SECONDS: Final = 30.0
"""Silence towards a peer after which it is pinged, as the reference server does. Neither looks at the pong: TCP notices
a peer that is gone."""

_CHARGES: Final[dict[type[Request], Charge]] = {
    SetPeerStatus: Charge.STATUS_CHANGES,
    ListProducers: Charge.LISTS,
    ListConsumers: Charge.LISTS,
    StartSession: Charge.SESSION_STARTS,
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
        self.registry = Registry(limits, self._note_refusal)
        self._loop = loop
        self._proxies = settings.proxies
        self._most_connections = connections_to_be_had(limits.connections)
        self._addresses: Counts[str] = Counts(limits.connections_per_address)
        self._commons = Commons(
            loop=loop,
            clock=clock,
            limits=limits,
            reception=Reception(settings.origins, settings.proxies, is_ready=lambda: self._acceptor is not None),
            refusals=self.refusals,
            breather=breather,
            turns=Turns(loop, breather),
            unread=Pool(limits.unread_bytes_in_all),
            incomplete=Pool(limits.incomplete_bytes_in_all),
        )
        # Every connection, with what limits per address count it as.
        self._connections: dict[Connection, str | None] = {}
        self._made: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._handshaking: dict[Connection, None] = {}
        self._open: dict[str, Connection] = {}
        self._framer = Framer()
        # With turns of their own, so that many peers that send do not keep those waiting that listen.
        self._fan_out = FanOut(
            self.registry.announcements,
            self._open,
            self._framer,
            limits.unread_statuses,
            _cut_off_lagging,
            Turns(loop, breather),
        )
        self._acceptor: Acceptor | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._nobody_left = asyncio.Event()

    async def serve(self, listening: socket.socket) -> None:
        """Accept connections from now on.

        Args:
            listening: A listening socket, which is closed in `shut_down`.
        """
        listening.setblocking(False)
        self._acceptor = Acceptor(self._loop, listening, self._admit, self._commons.breather, self._commons.clock)
        self._ping()

    async def shut_down(self, seconds: float) -> None:
        """Stop accepting, tell every peer with code 1001, and cut off those that stay.

        Args:
            seconds: How long the peers may take to close.
        """
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        # Nobody is told that the others leave: all of them do.
        self._open.clear()
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.close()
        for connection in list(self._made):
            connection.go_away()
        if await self._is_deserted(seconds):
            return
        for connection in list(self._made):
            connection.cut_off("the server stops")
        await self._is_deserted(FAREWELL_SECONDS)

    def made(self, connection: Connection) -> None:
        """Begin to wait for a handshake; a server that stops sends the connection away."""
        self._made.add(connection)
        if self._acceptor is None:
            connection.go_away()
            return
        self._handshaking[connection] = None
        most = self._commons.limits.handshakes
        if most is not None and len(self._handshaking) > most:
            oldest = next(iter(self._handshaking))
            del self._handshaking[oldest]
            oldest.exceed("handshakes", "it has not shaken hands for the longest of too many")

    def shakes_hands(self, connection: Connection, visitor: Visitor) -> Page | None:
        """Count a client that came through a proxy as one of its own address."""
        if self._connections[connection] is None and visitor.limited_as is not None:
            if self._addresses.is_full(visitor.limited_as):
                return _TOO_MANY
            self._count(connection, visitor.limited_as)
        return None

    def opened(self, connection: Connection) -> None:
        """Make a peer of a connection that has shaken hands."""
        self._handshaking.pop(connection, None)
        connection.peer_id, outgoing = self.registry.add_peer(self._connections[connection])
        self._open[connection.peer_id] = connection
        logger.info("%s: connected", connection)
        self._deliver(outgoing)

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
        self._deliver(self.registry.handle(connection.peer_id, request))

    def writable(self, connection: Connection) -> None:
        """Go on telling a listener what it did not read before."""
        self._fan_out.resume(connection.peer_id)

    def left(self, connection: Connection) -> None:
        """Tell the others that a peer is gone."""
        logger.info("%s: disconnected", connection)
        self._open.pop(connection.peer_id, None)
        self._deliver(self.registry.remove_peer(connection.peer_id))

    def lost(self, connection: Connection) -> None:
        """Forget a TCP connection."""
        self._handshaking.pop(connection, None)
        self._made.discard(connection)
        address = self._connections.pop(connection)
        if address is not None:
            self._addresses.remove(address)
        if not self._connections:
            self._nobody_left.set()

    def _admit(self, accepted: socket.socket) -> None:
        """Make a connection of a socket, if there is room for it."""
        try:
            address = str(accepted.getpeername()[0])
        except OSError:
            # It is gone already.
            accepted.close()
            return
        connection = Connection(self, self._commons, address)
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
            if counted is not None:
                self._count(connection, counted)
            connecting = self._loop.create_task(self._connect(connection, accepted))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError as error:
            logger.debug("%s: %s", connection, error)
            accepted.close()
            self.lost(connection)

    def _count(self, connection: Connection, address: str) -> None:
        self._addresses.add(address)
        self._connections[connection] = address

    def _note_refusal(self, peer_id: str, rule: str, details: str) -> None:
        connection = self._open.get(peer_id)
        if connection is not None:
            self.refusals.note(connection, rule, details)

    def _deliver(self, outgoing: Outgoing) -> None:
        for peer_id, event in outgoing:
            connection = self._open.get(peer_id)
            if connection is not None:
                self._fan_out.catch_up(peer_id)
                connection.send(self._framer.frame(event))
        self._fan_out.begin()

    def _ping(self) -> None:
        now = self._commons.clock()
        for connection in self._open.values():
            connection.ping_if_silent(now, PING_SECONDS)
        self._ping_timer = self._loop.call_later(PING_SECONDS / 10, self._ping)

    async def _is_deserted(self, seconds: float) -> bool:
        if not self._connections:
            return True
        try:
            await asyncio.wait_for(self._nobody_left.wait(), seconds)
        except TimeoutError:
            return False
        return True


def _cut_off_lagging(listener: Connection) -> None:
    listener.exceed("unread_statuses", "it listens, and leaves too many statuses unread")
