"""Waits for events instead of for time to pass."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from gst_signalling_sync.signals import Signal

__all__ = ["Heard", "wait_until"]

SECONDS = 10.0


class Heard:
    """Collects the emissions of a signal, as dictionaries of its named arguments.

    Args:
        signal: The signal.
    """

    def __init__(self, signal: Signal) -> None:
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        signal.connect(self.on_signal)

    def next(self, timeout: float = SECONDS) -> dict[str, Any]:
        """Wait for the next emission, in order."""
        return self._told.get(timeout=timeout)

    @property
    def is_empty(self) -> bool:
        """Whether `next` would have to wait."""
        return self._told.empty()

    def on_signal(self, sender: object, **named: Any) -> None:
        """The receiver."""
        self._told.put(named)


def wait_until(condition: Callable[[], object], what: str | Callable[[], str], timeout: float = SECONDS) -> None:
    """Wait for a condition that no signal reports. After the timeout fail with `what`, or with what it returns."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.005)
