"""`Connections`: all TCP connections of a server, from accept to loss, how many there may be, and their end."""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Final

from ..protocol.quota import Counts
from ..protocol.tables import shrunk
from ..threads.fork import close_all_in_child
from .acceptor import available_connections, turn_away
from .commons import Commons
from .connection import Connection
from .memory import Departures
from .observer import Observer
from .page import Page
from .settings import Settings

__all__ = ["FAREWELL_SECONDS", "Connections"]

FAREWELL_SECONDS: Final = 2.0
"""Maximum that a stopping server waits for its peers; longer than a connection's own time to close."""

_TOO_MANY: Final = Page(
    HTTPStatus.TOO_MANY_REQUESTS,
    "This signalling server accepts no more connections from this address.\n",
    refusal="connections_per_address",
    headers={"Retry-After": "5"},
)


class Connections:
    """The connections that there are; all calls are made on the loop.

    Args:
        settings: The server's settings.
        commons: Shared by the connections.
        observer: Of each connection.
    """

    def __init__(self, settings: Settings, commons: Commons, observer: Observer[Connection]) -> None:
        limits = settings.limits
        self._commons = commons
        self._observer = observer
        self._certificate = settings.certificate
        self._proxies = settings.proxies
        self._unacknowledged_milliseconds = round(settings.lease * 1000)
        self._maximum = available_connections(limits.connections)
        self._addresses: Counts[str] = Counts(limits.connections_per_address)
        # Each with the address by which limits per address count it.
        self._connections: dict[Connection, str | None] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        # In the order in which they were made.
        self._handshaking: dict[Connection, None] = {}
        self._departures = Departures()
        self._nobody_left = asyncio.Event()
        close_all_in_child(self)

    def __len__(self) -> int:
        """The number of connections."""
        return len(self._connections)

    def descriptors(self) -> list[int]:
        """The descriptors of all sockets."""
        return [connection.fileno() for connection in self._connections]

    def add(self, accepted: socket.socket) -> None:
        """Make a connection of a socket, if there is room for it.

        Args:
            accepted: Just accepted, and not blocking; closed by this or by the connection.
        """
        try:
            address = str(accepted.getpeername()[0])
        except OSError:
            # The client has gone already.
            accepted.close()
            return
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # How long the kernel waits for the acknowledgement of sent bytes.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._unacknowledged_milliseconds)
        connection = Connection(self._observer, self._commons, address, accepted.fileno())
        counted = self._proxies.limited_as(address)
        refusals = self._commons.refusals
        if len(self._connections) >= self._maximum:
            refusals.note(connection, "connections", "turned away with status 503, as there are too many")
            turn_away(accepted)
        elif counted is not None and self._addresses.is_full(counted):
            refusals.note(connection, "connections_per_address", "turned away with status 429")
            turn_away(accepted, _TOO_MANY)
        else:
            self._nobody_left.clear()
            self._connections[connection] = None
            self._departures.came(len(self._connections))
            if counted is not None:
                self._count(connection, counted)
            connecting = self._commons.loop.create_task(self._connect(connection, accepted))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    def begin_handshake(self, connection: Connection) -> None:
        """Count a connection among those that have not completed their handshakes, and drop the oldest of too many."""
        self._handshaking[connection] = None
        maximum = self._commons.limits.handshakes
        if maximum is not None and len(self._handshaking) > maximum:
            oldest = next(iter(self._handshaking))
            del self._handshaking[oldest]
            oldest.exceed("handshakes", "of too many incomplete handshakes, it has the oldest")

    def end_handshake(self, connection: Connection) -> None:
        """Record that a handshake is complete."""
        self._handshaking.pop(connection, None)

    def count_as(self, connection: Connection, address: str | None) -> bool:
        """Count a connection that came through a trusted proxy by its client's address.

        Args:
            connection: The connection.
            address: By which limits per address count the client; None: they do not.

        Returns:
            Whether there was room. If False, the client has been answered.
        """
        if self._connections[connection] is None and address is not None:
            if self._addresses.is_full(address):
                connection.show(_TOO_MANY)
                return False
            self._count(connection, address)
        return True

    def address_of(self, connection: Connection) -> str | None:
        """The address by which limits per address count a connection; None: they do not."""
        return self._connections[connection]

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is lost."""
        self._handshaking.pop(connection, None)
        address = self._connections.pop(connection)
        if address is not None:
            self._addresses.remove(address)
        if not self._connections:
            self._nobody_left.set()

    def have_departed(self, now: float) -> bool:
        """Whether many connections have gone for good, so that it is time to give memory back."""
        return self._departures.are_over(len(self._connections), now)

    def shrink(self) -> None:
        """Give back the memory of connections that have gone."""
        self._connections = shrunk(self._connections)

    async def say_goodbye(self, seconds: float) -> None:
        """Tell every peer with code 1001 that the server stops, and cut off those that stay.

        Args:
            seconds: How long the peers may take to close.
        """
        for connection in self._made():
            connection.go_away()
        if await self._are_gone(seconds):
            return
        for connection in self._made():
            connection.cut_off("the server stops")
        for connecting in self._connecting:
            connecting.cancel()
        await self._are_gone(FAREWELL_SECONDS)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        loop = self._commons.loop
        try:
            if self._certificate is None:
                await loop.connect_accepted_socket(lambda: connection, accepted)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection,
                    accepted,
                    ssl=self._certificate.context,
                    ssl_handshake_timeout=self._commons.limits.handshake_seconds,
                )
        except OSError as error:
            if connection.is_made:
                # The transport reports it to the connection too.
                return
            self._commons.refusals.note(connection, "tls", f"not a TLS client: {error}")
            accepted.close()
            self._observer.lost(connection)
        except asyncio.CancelledError:
            accepted.close()
            if not connection.is_made:
                self._observer.lost(connection)
            raise

    def _made(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.is_made]

    def _count(self, connection: Connection, address: str) -> None:
        self._addresses.add(address)
        self._connections[connection] = address

    async def _are_gone(self, seconds: float) -> bool:
        if not self._connections:
            return True
        try:
            await asyncio.wait_for(self._nobody_left.wait(), seconds)
        except TimeoutError:
            return False
        return True
