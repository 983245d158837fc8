"""`RunningServer`: what a server holds between start and close."""

from __future__ import annotations

from typing import Final

from ..threads.loop_thread import LoopThread
from ..threads.waiting import Deadline
from .listening import authority, listen
from .switchboard import FAREWELL_SECONDS, Switchboard

__all__ = ["RunningServer"]

_START_SECONDS: Final = 10.0


class RunningServer:
    """The socket, the thread and the switchboard of a server between start and close.

    Args:
        host: The address or host name to listen on.
        port: The TCP port; 0 picks a free one.

    Attributes:
        port: The TCP port that it listens on.
        switchboard: Its connections, and the registry that decides for them.

    Raises:
        ConnectError: The address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        listening = listen(host, port)
        self.port: int = listening.getsockname()[1]
        try:
            self._thread = LoopThread("server")
        except BaseException:
            listening.close()
            raise
        self.switchboard = Switchboard(self._thread.loop)
        try:
            self._thread.run(
                self.switchboard.serve(listening),
                Deadline(_START_SECONDS),
                f"starting the signalling server on {authority(host, self.port)}",
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
