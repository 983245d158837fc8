"""`RunningServer`: what a server holds between start and close."""

from __future__ import annotations

from typing import Final

from ..errors import ConnectionLost, WaitTimeout
from ..threads.loop_thread import LoopThread
from ..threads.waiting import Deadline
from .listening import authority, listen
from .settings import Settings
from .switchboard import FAREWELL_SECONDS, Switchboard

__all__ = ["RunningServer"]

_START_SECONDS: Final = 10.0


class RunningServer:
    """The socket, the thread and the switchboard of a server between start and close.

    Args:
        settings: How the server was made.

    Attributes:
        port: The TCP port that it listens on.
        switchboard: Its connections, and the registry that decides for them.

    Raises:
        ConnectError: The address cannot be listened on.
    """

    def __init__(self, settings: Settings) -> None:
        listening = listen(settings.host, settings.port)
        self.port: int = listening.getsockname()[1]
        try:
            self._thread = LoopThread("server", ConnectionLost, WaitTimeout)
        except BaseException:
            listening.close()
            raise
        self.switchboard = Switchboard(settings, self._thread.loop)
        try:
            self._thread.run(
                self.switchboard.serve(listening),
                Deadline(_START_SECONDS),
                f"starting the signalling server on {authority(settings.host, self.port)}",
            )
        except BaseException:
            listening.close()
            self._thread.close()
            raise

    def close(self, deadline: Deadline) -> None:
        """Tell the peers, cut off those that stay, and end the thread.

        Args:
            deadline: How long the farewell may take.

        Raises:
            WaitTimeout: The loop is held by something else.
        """
        try:
            self._thread.run(
                self.switchboard.shut_down(min(FAREWELL_SECONDS, deadline.remaining())),
                Deadline(deadline.remaining() + FAREWELL_SECONDS),
                "stopping the signalling server",
            )
        finally:
            self._thread.close(max(FAREWELL_SECONDS, deadline.remaining()))
