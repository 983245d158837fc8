"""`Switchboard`: which connection is which peer, and what the registry decides carried out."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

from ..errors import ProtocolError
from ..protocol.messages import Event
from ..protocol.registry import Outgoing, Registry
from ..protocol.wire import parse_request, serialise_event
from .connection import PING_SECONDS, Connection
from .listening import BACKLOG
from .reception import Reception
from .settings import Settings

__all__ = ["FAREWELL_SECONDS", "Switchboard"]

logger = logging.getLogger(__name__)

FAREWELL_SECONDS: Final = 2.0
"""How long a stopping server waits for its peers at most; longer than a connection's own time to close."""


class Switchboard:
    """Joins the connections to the registry; all of it runs on the loop.

    Args:
        settings: How the server was made.
        loop: The event loop.

    Attributes:
        registry: The peers, the sessions, and the decisions about them.
    """

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.registry = Registry()
        self._loop = loop
        self._reception = Reception(settings.origins, settings.proxies, is_ready=lambda: self._server is not None)
        self._connections: set[Connection] = set()
        self._warned: set[Connection] = set()
        self._open: dict[str, Connection] = {}
        self._server: asyncio.Server | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._nobody_left = asyncio.Event()

    async def serve(self, listening: socket.socket) -> None:
        """Accept connections from now on.

        Args:
            listening: A listening socket, which is closed in `shut_down`.
        """
        self._server = await self._loop.create_server(
            lambda: Connection(self, self._reception, self._loop), sock=listening, backlog=BACKLOG
        )
        self._ping()

    async def shut_down(self, seconds: float) -> None:
        """Stop accepting, tell every peer with code 1001, and cut off those that stay.

        Args:
            seconds: How long the peers may take to close.
        """
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        # asyncio loses a socket that it has accepted, but made no transport for yet, when the server closes just then.
        await asyncio.sleep(0)
        # Nobody is told that the others leave: all of them do.
        self._open.clear()
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections):
            connection.go_away()
        if await self._is_deserted(seconds):
            return
        for connection in list(self._connections):
            connection.cut_off("the server stops")
        await self._is_deserted(FAREWELL_SECONDS)

    def made(self, connection: Connection) -> None:
        """Take in a TCP connection; a server that stops sends it away."""
        self._connections.add(connection)
        self._nobody_left.clear()
        if self._server is None:
            connection.go_away()

    def opened(self, connection: Connection) -> None:
        """Make a peer of a connection that has shaken hands."""
        connection.peer_id, outgoing = self.registry.add_peer()
        self._open[connection.peer_id] = connection
        logger.info("%s: connected", connection)
        self._deliver(outgoing)

    def received(self, connection: Connection, text: str) -> None:
        """Have the registry decide on a message, and carry it out."""
        try:
            request = parse_request(text)
        except ProtocolError as error:
            # Once per peer: nobody shall fill the log of the machine that the server runs on.
            level = logging.DEBUG if connection in self._warned else logging.WARNING
            self._warned.add(connection)
            logger.log(level, "%s: message dropped: %.500s", connection, error)
            return
        self._deliver(self.registry.handle(connection.peer_id, request))

    def left(self, connection: Connection) -> None:
        """Tell the others that a peer is gone."""
        logger.info("%s: disconnected", connection)
        self._open.pop(connection.peer_id, None)
        self._deliver(self.registry.remove_peer(connection.peer_id))

    def lost(self, connection: Connection) -> None:
        """Forget a TCP connection."""
        self._connections.discard(connection)
        self._warned.discard(connection)
        if not self._connections:
            self._nobody_left.set()

    def _deliver(self, outgoing: Outgoing) -> None:
        serialised: Event | None = None
        message = b""
        for peer_id, event in outgoing:
            connection = self._open.get(peer_id)
            if connection is None:
                continue
            if event is not serialised:
                # A broadcast is the same object for every listener, and is serialised once.
                serialised, message = event, serialise_event(event).encode()
            connection.send(message)

    def _ping(self) -> None:
        now = self._loop.time()
        for connection in self._open.values():
            connection.ping_if_silent(now)
        self._ping_timer = self._loop.call_later(PING_SECONDS / 10, self._ping)

    async def _is_deserted(self, seconds: float) -> bool:
        if not self._connections:
            return True
        try:
            await asyncio.wait_for(self._nobody_left.wait(), seconds)
        except TimeoutError:
            return False
        return True
