"""Waits for events instead of for time to pass."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, MethodType
from typing import Any

from gst_signalling_sync.signals import Signal

__all__ = ["Heard", "wait_until", "wait_until_waiting"]

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


def wait_until_waiting(method: Callable[..., object], threads: int = 1) -> None:
    """Wait until so many threads have called a method and wait in it for another thread."""
    assert isinstance(method, MethodType)
    code = method.__func__.__code__

    def waits(frame: FrameType | None) -> bool:
        if frame is None or frame.f_code is not threading.Condition.wait.__code__:
            return False
        while frame is not None and frame.f_code is not code:
            frame = frame.f_back
        return frame is not None

    wait_until(
        lambda: sum(map(waits, sys._current_frames().values())) == threads,
        f"{threads} threads wait in {method.__name__}",
    )
