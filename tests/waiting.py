"""Waiting for what callbacks tell, never for time to pass."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from gst_signalling_sync.signals import Signal

__all__ = ["Heard", "wait_until"]

SECONDS = 10.0


class Heard:
    """Collects what a signal tells, as dictionaries of its named arguments.

    Args:
        signal: What to listen to.
    """

    def __init__(self, signal: Signal) -> None:
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        signal.connect(self.on_signal)

    def next(self, timeout: float = SECONDS) -> dict[str, Any]:
        """The next that was told, in order."""
        return self._told.get(timeout=timeout)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken by `next`."""
        return self._told.empty()

    def on_signal(self, sender: object, **named: Any) -> None:
        """The receiver."""
        self._told.put(named)


def wait_until(condition: Callable[[], object], what: str, timeout: float = SECONDS) -> None:
    """Wait for something that no signal tells; fail after the timeout."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.005)
