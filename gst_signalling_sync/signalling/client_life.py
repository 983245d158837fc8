"""`ClientLife`: the order of `connect` and `close` of a client, which several threads and callbacks may call."""

from __future__ import annotations

import contextlib
from typing import Protocol

from ..errors import ConnectionLost, ConnectTimeout, WaitTimeout
from ..threads.one_at_a_time import OneAtATime
from ..threads.waiting import Deadline

__all__ = ["ClientLife", "Connecting"]


class Connecting(Protocol):
    """What the client does in its life. `connect` and `disconnect` are never called at the same time."""

    def connect(self, deadline: Deadline) -> None:
        """Connect, unless there is a connection.

        Raises:
            SignallingError: There is no connection.
        """

    def disconnect(self, deadline: Deadline) -> None:
        """Disconnect, and wait for the callbacks unless the caller is one of them."""

    def interrupt(self) -> None:
        """Have a `connect` that is under way raise soon; must not block."""


class ClientLife:
    """The life of a client, in which neither call sees a half-finished state of the other, and no `close` is forgotten.

    Args:
        uri: The server's URI, for errors.
        work: The client's side.
    """

    def __init__(self, uri: str, work: Connecting) -> None:
        self._uri = uri
        self._doing = f"connecting to the signalling server {uri}"
        self._work = work
        self._calls = OneAtATime()
        # Identifies the newest `close`, by which a `connect` notices one that came meanwhile.
        self._newest_close = object()
        # Whether `close` was called outside of a callback. A callback does not connect again then.
        self._is_final = False

    def connect(self, deadline: Deadline, *, in_callback: bool) -> None:
        """Connect, after a `close` that is under way.

        Args:
            deadline: For all of it.
            in_callback: Whether the caller is a callback of the client.

        Raises:
            ConnectionLost: `close` was called meanwhile; or the caller is a callback, and it was called outside of it.
            ConnectTimeout: Another thread was connecting or closing all the time.
            SignallingError: There is no connection.
        """
        newest_close = self._newest_close

        def is_refused() -> bool:
            return in_callback and self._is_final

        def connect() -> None:
            self._is_final = False
            self._work.connect(deadline)

        if not self._calls.run(connect, deadline, is_refused):
            if is_refused():
                raise ConnectionLost(
                    f"{self._doing}: closed while this callback was running, and a callback does not connect again"
                )
            raise ConnectTimeout(f"{self._doing}: another thread has been connecting or closing for {deadline}")
        if self._newest_close is not newest_close:
            with contextlib.suppress(WaitTimeout):
                self.close(deadline, in_callback=in_callback)
            raise ConnectionLost(f"{self._doing}: closed while connecting")

    def close(self, deadline: Deadline, *, in_callback: bool) -> None:
        """Disconnect. A `connect` that is under way raises.

        Args:
            deadline: For all of it.
            in_callback: Whether the caller is a callback of the client.

        Raises:
            WaitTimeout: Another thread was connecting or closing all the time.
        """
        self._newest_close = object()
        self._is_final = self._is_final or not in_callback

        def close() -> None:
            # A `connect` that was interrupted may have reset it.
            self._is_final = self._is_final or not in_callback
            self._work.disconnect(deadline)

        if self._calls.run(close, Deadline(0.0)):
            return
        self._work.interrupt()
        # A callback must not wait for a `close` that waits for the callbacks. A `connect` notices this call.
        if not in_callback and not self._calls.run(close, deadline):
            raise WaitTimeout(
                f"closing the connection to {self._uri}: another thread has been connecting or closing for {deadline}"
            )
