"""`SignallingServer`: the embedded signalling server as users hold it."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Final, Self

from ..errors import WaitTimeout
from ..protocol.registry import RegisteredPeer, RegisteredSession
from ..threads.owner import Owner
from ..threads.waiting import Deadline
from .listening import authority, connectable
from .running import RunningServer

__all__ = ["SignallingServer"]

logger = logging.getLogger(__name__)

_DEFAULT_SECONDS: Final = 10.0


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
        self._owner = Owner(f"SignallingServer on {authority(host, port)}")
        # Held while starting and closing, so that of several threads one does it and the others find it done.
        self._lock = threading.Lock()
        self._running: RunningServer | None = None

    def __repr__(self) -> str:
        running = self._running
        state = "closed" if running is None else f"{len(running.switchboard.registry.peers)} peers"
        return f"<SignallingServer on {authority(self._host, self.port)}, {state}>"

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
        return f"ws://{authority(connectable(self._host), port)}"

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
                self._running = RunningServer(self._host, self._requested_port)
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
            raise WaitTimeout(f"closing the server on {authority(self._host, self.port)}: busy for {deadline}")
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
