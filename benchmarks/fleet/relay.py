"""`FleetRelay`: passes hundreds of TCP connections on to a signalling server, and cuts them all at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline

__all__ = ["FleetRelay"]

_SECONDS: Final = 20.0
_BACKLOG: Final = 4096
_CHUNK: Final = 65536

_T = TypeVar("_T")


class FleetRelay:
    """Listens on a port of its own; one thread carries all connections.

    Args:
        uri: Of the server.
    """

    def __init__(self, uri: str) -> None:
        address = urlsplit(uri)
        self._target = (address.hostname, address.port)
        self._loop = LoopThread("fleet-relay")
        # What follows belongs to the loop.
        self._is_blocked = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._server = self._loop.run(self._listen(), Deadline(_SECONDS), "listening")

    @property
    def uri(self) -> str:
        """What a client takes for the server."""
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def block(self) -> None:
        """Reset all connections at once, and each new one, until `unblock`."""
        self._loop.run(self._block(), Deadline(_SECONDS), "cutting connections")

    def unblock(self) -> None:
        """Take connections again."""
        self._loop.run(self._unblock(), Deadline(_SECONDS), "taking connections again")

    def close(self) -> None:
        """Stop listening, and reset all connections."""
        self._loop.run(self._close(), Deadline(_SECONDS), "closing the relay")
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._take, sock=self._listener, backlog=_BACKLOG)

    async def _block(self) -> None:
        self._is_blocked = True
        for end in self._ends:
            end.transport.abort()

    async def _unblock(self) -> None:
        self._is_blocked = False

    async def _close(self) -> None:
        self._server.close()
        await self._block()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        self._ends.add(writer)
        try:
            if not self._is_blocked:
                await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()
            self._ends.discard(writer)
            self._passing.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            self._ends.add(server_writer)
            try:
                await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
            finally:
                server_writer.transport.abort()
                self._ends.discard(server_writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # uvloop raises the second one where the other end was cut off meanwhile.
    with contextlib.suppress(OSError, RuntimeError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
