"""`RunningServer`: a server between start and close."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from ..errors import ConnectError, ConnectionLost, SessionClosedReason, WaitTimeout
from ..threads.fork import close_in_child
from ..threads.interruptible import Event
from ..threads.loop_thread import LoopThread
from ..threads.waiting import Deadline
from .connections import FAREWELL_SECONDS
from .listening import authority, is_loopback, listen, set_options
from .settings import Settings
from .switchboard import Switchboard

__all__ = ["RunningServer"]

_START_SECONDS: Final = 10.0
_CALL_SECONDS: Final = 10.0


class RunningServer:
    """The socket, the thread and the switchboard of a server between start and close.

    Args:
        settings: The server's settings.

    Attributes:
        closed: Set when the server has stopped.
        port: The TCP port that it listens on.
        is_reachable_from_elsewhere: Whether it listens on more than the loopback.
        switchboard: Its connections, and the registry that decides for them.

    Raises:
        ConnectError: The address cannot be listened on.
    """

    def __init__(self, settings: Settings) -> None:
        self.closed = Event()
        with _telling_of_descriptors(settings):
            self._start(settings)

    def reload(self) -> None:
        """Read the certificate and the tokens again."""
        self._thread.call(self.switchboard.reload)

    def is_responsive(self, seconds: float) -> bool:
        """Whether the loop responds.

        Args:
            seconds: Time within which it must respond.
        """
        try:
            self._thread.run(asyncio.sleep(0), Deadline(seconds), "checking whether the signalling server responds")
        except (ConnectionLost, WaitTimeout):
            return False
        return True

    def end_session(self, session_id: str, mark: SessionClosedReason) -> None:
        """End a session, and tell both ends why.

        Args:
            session_id: Of the session.
            mark: The reason that both ends are told.

        Raises:
            KeyError: There is no such session.
            WaitTimeout: The loop does not respond.
        """
        doing = f"ending session {session_id}"
        self._thread.run(self.switchboard.end_session(session_id, mark), Deadline(_CALL_SECONDS), doing)

    def _start(self, settings: Settings) -> None:
        listening = _listening(settings)
        self.port: int = listening[0].getsockname()[1]
        self.is_reachable_from_elsewhere = not all(map(is_loopback, listening))
        try:
            self._thread = LoopThread("server", ConnectionLost, WaitTimeout)
        except BaseException:
            _close(listening)
            raise
        self.switchboard = Switchboard(settings, self._thread.loop)
        try:
            self._thread.run(
                self.switchboard.serve(listening, are_shared=bool(settings.sockets)),
                Deadline(_START_SECONDS),
                f"starting the signalling server on {authority(settings.host, self.port)}",
            )
        except BaseException:
            _close(listening)
            self._thread.close()
            raise

    def close(self, deadline: Deadline) -> None:
        """Tell the peers, cut off those that stay, and stop the thread.

        Args:
            deadline: How long the farewell may take.

        Raises:
            WaitTimeout: The loop does not respond.
        """
        try:
            self._thread.run(
                self.switchboard.shut_down(min(FAREWELL_SECONDS, deadline.remaining())),
                Deadline(deadline.remaining() + FAREWELL_SECONDS),
                "stopping the signalling server",
            )
        finally:
            self.closed.set()
            self._thread.close(max(FAREWELL_SECONDS, deadline.remaining()))


def _listening(settings: Settings) -> list[socket.socket]:
    if not settings.sockets:
        return [listen(settings.host, settings.port)]
    for listening in settings.sockets:
        set_options(listening)
    # Copies, so that the server can be started again with the same sockets.
    return [close_in_child(listening.dup()) for listening in settings.sockets]


def _close(sockets: Iterable[socket.socket]) -> None:
    for listening in sockets:
        listening.close()


@contextlib.contextmanager
def _telling_of_descriptors(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise ConnectError(
            f"cannot listen on {authority(settings.host, settings.port)}: no file descriptor is left: close files, or allow"
            " more (ulimit -n)"
        ) from error
