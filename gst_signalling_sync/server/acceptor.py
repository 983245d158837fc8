"""`Acceptor`: accepts connections from a listening socket, even when the process is out of file descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ..protocol.limits import Rate
from ..protocol.quota import TokenBucket
from .breather import Breather
from .page import Page
from .turns import SLICE_SECONDS

__all__ = ["Acceptor", "available_connections", "turn_away"]

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_MAX_AT_ONCE: Final = 64
"""Maximum number of connections that are accepted before the loop serves the existing ones."""

_MIN_AT_ONCE: Final = 2
"""Number of connections that are accepted although others wait for their handshakes, so that these keep nobody out."""

_RETRY_SECONDS: Final = 1.0

_SPARE_DESCRIPTORS: Final = 64
"""File descriptors that are left for the rest of the process: files, logs, and the loop itself."""

_WARNINGS: Final = Rate(1 / 60, burst=1)

_NO_ROOM: Final = Page(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This signalling server has no room for more connections.\n",
    headers={"Retry-After": "5"},
)


def available_connections(limit: int | None) -> int:
    """The number of connections that a server can hold.

    Args:
        limit: The configured maximum; None: no limit.

    Returns:
        The limit, or the number that this process has file descriptors for (``RLIMIT_NOFILE``) where that is less.
    """
    if resource is None:
        # Windows has no such limit.
        return limit if limit is not None else 2**31
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limit if limit is not None else 2**31
    free = max(1, descriptors - _open_descriptors() - _SPARE_DESCRIPTORS)
    return free if limit is None else min(limit, free)


def turn_away(connection: socket.socket, page: Page = _NO_ROOM) -> None:
    """Answer a connection by a page, as far as its socket accepts it at once, and close it.

    Args:
        connection: Just accepted, and not blocking.
        page: The response. Defaults to status 503.
    """
    with contextlib.suppress(OSError):
        connection.send(page.response().serialize())
        connection.shutdown(socket.SHUT_WR)
    connection.close()


class Acceptor:
    """Accepts connections on an event loop.

    When the process is out of file descriptors, connections are turned away by means of a spare descriptor. Otherwise the
    listening socket would stay readable and keep the loop busy for as long as that lasts.

    Args:
        loop: The event loop.
        listening: A non-blocking listening socket; closed by `close`.
        on_connection: Called with each accepted socket, which it owns from then on.
        breather: Lets other threads run in between.
        clock: Returns the time, in seconds.
        has_time: Whether to accept more than two connections now. If not, it is asked again after the loop has served others.
        is_shared: Whether other processes listen with the socket too, which `close` does not end. Defaults to False.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        on_connection: Callable[[socket.socket], object],
        breather: Breather,
        clock: Callable[[], float],
        has_time: Callable[[], bool],
        is_shared: bool = False,
    ) -> None:
        self._is_shared = is_shared
        self._loop = loop
        self._listening = listening
        self._on_connection = on_connection
        self._breather = breather
        self._clock = clock
        self._has_time = has_time
        self._warnings = TokenBucket(_WARNINGS)
        self._spare: int | None = _open_spare()
        self._retry: asyncio.TimerHandle | None = None
        loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Stop accepting."""
        self._loop.remove_reader(self._listening)
        if self._retry is not None:
            self._retry.cancel()
        if not self._is_shared:
            self._stop_listening()
        self._listening.close()
        if self._spare is not None:
            os.close(self._spare)

    def _stop_listening(self) -> None:
        """Stop listening for all copies of the socket: a forked child holds the port until it runs and closes its copy."""
        try:
            self._listening.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            # Systems other than Linux can shut down only connections.
            if error.errno != errno.ENOTCONN:
                raise

    def _accept(self) -> None:
        end = self._clock() + SLICE_SECONDS
        for accepted in range(_MAX_AT_ONCE):
            if accepted >= _MIN_AT_ONCE and (not self._has_time() or self._clock() >= end):
                return
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._turn_one_away():
                    self._pause(error)
                    return
                continue
            connection.setblocking(False)
            self._on_connection(connection)
            self._breather.breathe()

    def _turn_one_away(self) -> bool:
        """Use the spare descriptor to accept and close a connection.

        Returns:
            Whether there was a spare descriptor.
        """
        if self._spare is None:
            return False
        self._warn("no file descriptor is left (ulimit -n), so connections are turned away with status 503")
        os.close(self._spare)
        self._spare = None
        with contextlib.suppress(OSError):
            connection, _ = self._listening.accept()
            connection.setblocking(False)
            turn_away(connection)
        with contextlib.suppress(OSError):
            self._spare = _open_spare()
        return True

    def _pause(self, error: OSError) -> None:
        self._warn(f"cannot accept connections: {error}")
        self._loop.remove_reader(self._listening)
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        self._retry = None
        if self._spare is None:
            with contextlib.suppress(OSError):
                self._spare = _open_spare()
        self._loop.add_reader(self._listening, self._accept)

    def _warn(self, message: str) -> None:
        level = logging.WARNING if self._warnings.try_spend(1, self._clock()) else logging.DEBUG
        logger.log(level, "signalling server: %s", message)


def _open_spare() -> int:
    # Windows has no such flag: its descriptors are not inherited by default.
    return os.open(os.devnull, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


def _open_descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
