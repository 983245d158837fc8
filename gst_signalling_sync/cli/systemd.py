"""The protocol between systemd and a service: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, MutableMapping
from typing import Final

from .. import ConnectError

__all__ = ["Supervisor", "inherited_sockets"]

logger = logging.getLogger(__name__)

_FIRST_SOCKET: Final = 3

_MICROSECONDS: Final = 1e-6


class Supervisor:
    """Reports the state of the service to systemd; does nothing without systemd.

    Args:
        environment: Has systemd's variables, which are for this process only and are removed.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        interval, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_watched = bool(self._address) and interval.isdecimal() and pid in ("", str(os.getpid()))
        self._watchdog_seconds = int(interval) * _MICROSECONDS if is_watched else None
        self._is_over = threading.Event()
        self._watchdog: threading.Thread | None = None

    def ready(self, status: str, is_alive: Callable[[float], bool]) -> None:
        """Report that the service is ready.

        Args:
            status: The state in words.
            is_alive: Whether the service responds within a number of seconds. Called regularly where systemd has a watchdog;
                while it returns False, systemd is not notified, and restarts the service.
        """
        self._tell(f"READY=1\nSTATUS={status}")
        if self._watchdog_seconds is not None:
            # Twice as often as systemd requires, as sd_watchdog_enabled(3) recommends.
            arguments = (self._watchdog_seconds / 2, is_alive)
            self._watchdog = threading.Thread(target=self._watch, args=arguments, name="gss-watchdog", daemon=True)
            self._watchdog.start()

    def stopping(self) -> None:
        """Report that the service stops."""
        self._is_over.set()
        # `ready` may have been interrupted before it started the thread.
        if self._watchdog is not None and self._watchdog.is_alive():
            self._watchdog.join()
        self._tell("STOPPING=1")

    def _watch(self, seconds: float, is_alive: Callable[[float], bool]) -> None:
        while not self._is_over.wait(seconds):
            if is_alive(seconds):
                self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # An @ stands for the null byte of an abstract socket address (unix(7)).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifying:
                notifying.sendto(state.encode(), address)
        except OSError as error:
            logger.warning("systemd was not told %r: %s", state, error)


def inherited_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that systemd has opened for this process.

    Args:
        environment: Has systemd's variables, which are for this process only and are removed.

    Raises:
        ConnectError: A descriptor that systemd names is not a socket.
    """
    count, pid = environment.pop("LISTEN_FDS", ""), environment.pop("LISTEN_PID", "")
    environment.pop("LISTEN_FDNAMES", None)
    if not count.isdecimal() or pid != str(os.getpid()):
        return []
    return [_inherited(_FIRST_SOCKET + number) for number in range(int(count))]


def _inherited(descriptor: int) -> socket.socket:
    try:
        inherited = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConnectError(f"descriptor {descriptor} must be a socket from systemd: {error.strerror}") from error
    inherited.set_inheritable(False)
    return inherited
