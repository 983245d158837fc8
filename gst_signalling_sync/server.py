"""The embedded signalling server: a `Registry` on sockets, in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import threading
from types import TracebackType
from typing import Final, Self

from .errors import ConnectError, ProtocolError, WaitTimeout
from .protocol.messages import Event
from .protocol.registry import Outgoing, RegisteredPeer, RegisteredSession, Registry
from .protocol.wire import parse_request, serialise_event
from .server_connection import PING_SECONDS, ServerConnection
from .threads.loop_thread import LoopThread
from .threads.owner import Owner
from .threads.waiting import Deadline

__all__ = ["SignallingServer"]

logger = logging.getLogger(__name__)

_DEFAULT_SECONDS: Final = 10.0

_FAREWELL_SECONDS: Final = 2.0
"""How long a stopping server waits for its peers at most; longer than a connection's own time to close."""

_BACKLOG: Final = 4096
"""Connections that the kernel holds until they are accepted, for many peers that come back at once; Linux caps it at
``net.core.somaxconn``, 4096 by default."""


class SignallingServer:
    """A signalling server inside this process, for tests, robots and small installations.

    It answers as the reference server ``gst-webrtc-signalling-server`` does, and speaks protocol 1.1 as well. It runs
    in one thread of its own, however many peers there are. Peers may come from any origin; messages are not compressed.
    After `close` it can be started again, then with no peers, and on a new port when `port` is 0.

    Args:
        host: The address or host name to listen on. ``"0.0.0.0"`` or ``""``: every IPv4 address of this machine;
            ``"::"``: IPv6 too. Of a name with several addresses the first that works, as the reference server does.
        port: The TCP port; 0 picks a free one.

    Raises:
        ValueError: `port` is not in 0..65535.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 8443) -> None:
        if not (isinstance(port, int) and 0 <= port <= 65535):
            raise ValueError(f"a TCP port is 0..65535, not {port!r}")
        self._host = host
        self._requested_port = port
        self._owner = Owner(f"SignallingServer on {_authority(host, port)}")
        # Held while starting and closing, so that of several threads one does it and the others find it done.
        self._lock = threading.Lock()
        self._running: _RunningServer | None = None

    def __repr__(self) -> str:
        running = self._running
        state = "closed" if running is None else f"{len(running.switchboard.registry.peers)} peers"
        return f"<SignallingServer on {_authority(self._host, self.port)}, {state}>"

    @property
    def port(self) -> int:
        """The TCP port: while it runs the one that it listens on, else as given."""
        running = self._running
        return self._requested_port if running is None else running.port

    @property
    def uri(self) -> str:
        """Where a client of this machine connects to, such as ``ws://127.0.0.1:8443``.

        Raises:
            RuntimeError: The port is 0, any free one, and none was picked yet because the server does not run.
        """
        running = self._running
        port = self._requested_port if running is None else running.port
        if port == 0:
            raise RuntimeError("the server has no port yet: port=0 picks one in start()")
        return f"ws://{_authority(_connectable(self._host), port)}"

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """The peers that are connected now, by id: each a `Peer` that has `roles` too. A snapshot; empty when closed.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return {} if running is None else running.switchboard.registry.peers

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """The sessions that exist now, by id. A snapshot; empty when closed.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return {} if running is None else running.switchboard.registry.sessions

    def start(self) -> Self:
        """Listen and serve; clients can connect when this returns. A server that runs already goes on.

        Returns:
            The server.

        Raises:
            ConnectError: The address cannot be listened on.
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        with self._lock:
            if self._running is None:
                self._running = _RunningServer(self._host, self._requested_port)
                logger.info("signalling server listens on %s", self.uri)
        return self

    def close(self, timeout: float | None = None) -> None:
        """Stop serving: peers get close code 1001, and those that do not answer are cut off.

        Idempotent, and callable from any thread. In a process that inherited the server by `fork` this does nothing:
        there is nothing of it there.

        Args:
            timeout: How long this may take, in seconds; None: 10 s. The server ends all the same when it is short.

        Raises:
            WaitTimeout: Another thread has been starting or closing the server for that long.
        """
        if not self._owner.is_here:
            return
        deadline = Deadline(_DEFAULT_SECONDS if timeout is None else timeout)
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise WaitTimeout(f"closing the server on {_authority(self._host, self.port)}: busy for {deadline}")
        try:
            running, self._running = self._running, None
            if running is not None:
                running.close(deadline)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _RunningServer:
    """The socket, the thread and the switchboard of a server between start and close."""

    def __init__(self, host: str, port: int) -> None:
        listening = _listen(host, port)
        self.port: int = listening.getsockname()[1]
        try:
            self._thread = LoopThread("server")
        except BaseException:
            listening.close()
            raise
        self.switchboard = _Switchboard(self._thread.loop)
        try:
            self._thread.run(
                self.switchboard.serve(listening),
                Deadline(_DEFAULT_SECONDS),
                f"starting the signalling server on {_authority(host, self.port)}",
            )
        except BaseException:
            listening.close()
            self._thread.close()
            raise

    def close(self, deadline: Deadline) -> None:
        try:
            self._thread.run(
                self.switchboard.shut_down(min(_FAREWELL_SECONDS, deadline.remaining())),
                Deadline(deadline.remaining() + _FAREWELL_SECONDS),
                "stopping the signalling server",
            )
        finally:
            self._thread.close(max(_FAREWELL_SECONDS, deadline.remaining()))


class _Switchboard:
    """Joins the connections to the registry; all of it runs on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.registry = Registry()
        self._loop = loop
        self._connections: set[ServerConnection] = set()
        self._warned: set[ServerConnection] = set()
        self._open: dict[str, ServerConnection] = {}
        self._server: asyncio.Server | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._nobody_left = asyncio.Event()

    async def serve(self, listening: socket.socket) -> None:
        self._server = await self._loop.create_server(
            lambda: ServerConnection(self, self._loop), sock=listening, backlog=_BACKLOG
        )
        self._ping()

    async def shut_down(self, seconds: float) -> None:
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
        await self._is_deserted(_FAREWELL_SECONDS)

    def made(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self._nobody_left.clear()
        if self._server is None:
            connection.go_away()

    def opened(self, connection: ServerConnection) -> None:
        connection.peer_id, outgoing = self.registry.add_peer()
        self._open[connection.peer_id] = connection
        logger.info("%s: connected", connection)
        self._deliver(outgoing)

    def received(self, connection: ServerConnection, text: str) -> None:
        try:
            request = parse_request(text)
        except ProtocolError as error:
            # Once per peer: nobody shall fill the log of the machine that the server runs on.
            level = logging.DEBUG if connection in self._warned else logging.WARNING
            self._warned.add(connection)
            logger.log(level, "%s: message dropped: %.500s", connection, error)
            return
        self._deliver(self.registry.handle(connection.peer_id, request))

    def left(self, connection: ServerConnection) -> None:
        logger.info("%s: disconnected", connection)
        self._open.pop(connection.peer_id, None)
        self._deliver(self.registry.remove_peer(connection.peer_id))

    def lost(self, connection: ServerConnection) -> None:
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


def _listen(host: str, port: int) -> socket.socket:
    trying = f"cannot listen on {_authority(host, port)}"
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConnectError(
            f"{trying}: {error}: give an address or name of this machine, such as 127.0.0.1 or 0.0.0.0"
        ) from error
    refused: OSError | None = None
    for family, _, _, _, address in addresses:
        try:
            return _listen_on(family, address)
        except OSError as error:
            refused = error
    assert refused is not None
    raise ConnectError(f"{trying}: {_explain(refused)}") from refused


def _listen_on(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still in TIME_WAIT is free all the same.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            advice = "stop what uses it, or choose another port (0 picks a free one)"
        case errno.EACCES | errno.EPERM:
            advice = "choose a port from 1024 on (0 picks a free one)"
        case errno.EADDRNOTAVAIL:
            advice = "give an address of this machine, such as 127.0.0.1 or 0.0.0.0"
        case _:
            return str(error)
    return f"{error.strerror}: {advice}"


def _connectable(host: str) -> str:
    if host == "":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
