"""Event loops, of asyncio and uvloop, that a process may fork beside, and that do not delay its exit.

libuv resolves names, even numeric ones, on its own thread pool. A child of a process that has used the pool dies of SIGSEGV
when it exits: libuv's destructor joins the threads of the pool, which exist only in the parent. So these loops never let
libuv resolve a name. Python resolves it, and the loop gets a ready socket, which a child closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .datagram_socket import DatagramSocket
from .fork import close_in_child, new_socket

__all__ = ["EVENT_LOOP_VARIABLE", "new_event_loop"]

EVENT_LOOP_VARIABLE: Final = "GST_SIGNALLING_EVENT_LOOP"
"""Environment variable: ``asyncio`` or ``uvloop``. Defaults to uvloop where it is installed."""

Result = TypeVar("Result")
Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)

_Address = tuple[Any, ...]
"""As in `socket`: two elements for IPv4, four for IPv6."""

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

if TYPE_CHECKING:
    _Loop = asyncio.BaseEventLoop
else:
    _Loop = object


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new event loop: uvloop's where it is installed, unless ``$GST_SIGNALLING_EVENT_LOOP`` says otherwise.

    Raises:
        ValueError: The variable is neither ``asyncio`` nor ``uvloop``.
        ImportError: The variable is ``uvloop``, which is not installed.
    """
    choice = os.environ.get(EVENT_LOOP_VARIABLE, "")
    if choice not in ("", "asyncio", "uvloop"):
        raise ValueError(f"${EVENT_LOOP_VARIABLE} must be 'asyncio' or 'uvloop', not {choice!r}")
    if choice != "asyncio":
        try:
            from .uvloop_loop import UvloopLoop
        except ModuleNotFoundError:
            if choice == "uvloop":
                raise
        else:
            return UvloopLoop()
    return AsyncioLoop()


class OwnSockets(_Loop):
    """Overrides for both loops: names are resolved by Python, and transports get ready sockets.

    Addresses are ``(host, port)``, as in asyncio. Only the options that aioice uses are supported.
    """

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        """As in asyncio, but the default executor is a daemon thread per call, which neither `close` nor exit waits for.

        A resolver may take half a minute to report that it has no name server.
        """
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[Result] = self.create_future()

        def tell(setter: Callable[[Any], None], outcome: object) -> None:
            if not future.done():
                setter(outcome)

        def work() -> None:
            told: tuple[Callable[[Any], None], object]
            try:
                told = (future.set_result, func(*args))
            except Exception as error:  # noqa: BLE001 - the coroutine that awaits it raises it
                told = (future.set_exception, error)
            # The loop may have been closed meanwhile.
            with contextlib.suppress(RuntimeError):
                self.call_soon_threadsafe(tell, *told)

        threading.Thread(target=work, name="gss-resolver", daemon=True).start()
        return future

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As in asyncio; a numeric address needs no thread."""
        with contextlib.suppress(socket.gaierror):
            return socket.getaddrinfo(host, port, family, type, proto, flags | _NUMERIC)
        return await self.run_in_executor(None, socket.getaddrinfo, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """As in asyncio."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], Protocol],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
        *,
        sock: socket.socket | None = None,
    ) -> tuple[asyncio.BaseTransport, Protocol]:
        """As in asyncio."""
        sock = sock or await self._datagram_socket(local_addr, remote_addr)
        close_in_child(sock)
        try:
            protocol = protocol_factory()
            return DatagramSocket(cast(asyncio.AbstractEventLoop, self), sock, cast(Any, protocol)), protocol
        except BaseException:
            sock.close()
            raise

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], Protocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.BaseTransport, Protocol]:
        """As in asyncio."""
        if sock is None:
            assert host is not None
            assert port is not None
            sock = await self._connected_socket(host, port)
            if ssl:
                server_hostname = server_hostname or host
        close_in_child(sock)
        try:
            return await super().create_connection(
                protocol_factory, sock=sock, ssl=ssl, server_hostname=server_hostname
            )
        except BaseException:
            sock.close()
            raise

    async def _datagram_socket(self, near: tuple[str, int] | None, far: tuple[str, int] | None) -> socket.socket:
        nears = await self._resolve(near, socket.SOCK_DGRAM)
        fars = await self._resolve(far, socket.SOCK_DGRAM)
        ends: list[tuple[int, _Address | None, _Address | None]]
        if far is None:
            ends = [(family, bound, None) for family, bound in nears]
        elif near is None:
            ends = [(family, None, connected) for family, connected in fars]
        else:
            ends = [
                (family, bound, connected) for family, bound in nears for other, connected in fars if family == other
            ]
        refused = OSError(f"cannot connect a socket from {near} to {far}: one of them is IPv4, the other IPv6")
        for family, bound, connected in ends:
            sock = new_socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            try:
                if bound is not None:
                    sock.bind(bound)
                if connected is not None:
                    sock.connect(connected)
            except OSError as error:
                sock.close()
                refused = error
            else:
                return sock
        raise refused

    async def _connected_socket(self, host: str, port: int) -> socket.socket:
        refused: OSError | None = None
        for family, address in await self._resolve((host, port), socket.SOCK_STREAM):
            sock = new_socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                await self.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                refused = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        assert refused is not None
        raise refused

    async def _resolve(self, address: tuple[str, int] | None, kind: int) -> list[tuple[int, _Address]]:
        if address is None:
            return []
        found = await self.getaddrinfo(*address[:2], type=kind)
        return [(family, resolved) for family, _, _, _, resolved in found]


class AsyncioLoop(OwnSockets, asyncio.SelectorEventLoop):
    """asyncio's loop."""
