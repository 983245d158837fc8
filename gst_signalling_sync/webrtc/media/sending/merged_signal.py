"""`MergedSignal`: emits a signal on the callback threads, once for all changes until its receivers are called.

A receiver that takes a minute gets one call afterwards, with the state at that time, and not one for each change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from ....signals import Signal

__all__ = ["CallbackThreads", "MergedSignal"]


class CallbackThreads(Protocol):
    """The callback threads of a role object."""

    @property
    def is_open(self) -> bool:
        """Whether they accept calls."""

    def post_to(self, thread: str | None, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on one of them; returns at once."""


class MergedSignal:
    """One signal of one object; used by any thread.

    Args:
        callbacks: The callback threads of the role object.
        signal: The signal.
        sender: The object that emits it.
        arguments: Called on the callback thread just before the receivers; returns their arguments. None: nothing is emitted.
    """

    def __init__(
        self,
        callbacks: CallbackThreads,
        signal: Signal,
        sender: object,
        arguments: Callable[[], dict[str, object] | None],
    ) -> None:
        self._callbacks = callbacks
        self._signal: Final = signal
        self._sender = sender
        self._arguments = arguments
        # Guards the set of threads that have a call waiting.
        self._lock = threading.Lock()
        self._waiting: set[str | None] = set()

    @property
    def has_receivers(self) -> bool:
        """Whether any receiver is connected."""
        return bool(self._signal.receivers)

    def emit(self) -> None:
        """Have the receivers called, unless a call waits already; returns at once."""
        if not self._callbacks.is_open:
            # Calls that waited when the threads were closed never come.
            with self._lock:
                self._waiting.clear()
            return
        for thread in self._signal.threads_for(self._sender):
            with self._lock:
                if thread in self._waiting:
                    continue
                self._waiting.add(thread)
            self._callbacks.post_to(thread, self._emit_on, thread)

    def _emit_on(self, thread: str | None) -> None:
        with self._lock:
            self._waiting.discard(thread)
        arguments = self._arguments()
        if arguments is not None:
            self._signal.emit_on(thread, self._sender, arguments)
