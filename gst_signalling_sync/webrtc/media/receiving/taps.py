"""`Taps`: the functions that are called with each frame of a track."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ..encoded_frame import EncodedFrame

__all__ = ["Tap", "Taps"]

logger = logging.getLogger(__name__)

Tap = Callable[[EncodedFrame], None]


class Taps:
    """Functions that get frames. Any thread adds and removes them; they are called on the loop."""

    def __init__(self) -> None:
        # Guards changes. The loop reads the tuple, which is replaced, never changed.
        self._lock = threading.Lock()
        self._taps: tuple[Tap, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._taps)

    def add(self, tap: Tap) -> None:
        """Call a function with every frame from now on.

        Args:
            tap: The function; called on the loop, in decoding order. It must not block.
        """
        with self._lock:
            self._taps = (*self._taps, tap)

    def remove(self, tap: Tap) -> None:
        """Stop calling a function."""
        with self._lock:
            self._taps = tuple(each for each in self._taps if each != tap)

    def hand_on(self, frame: EncodedFrame) -> None:
        """Call all functions with a frame; on the loop."""
        for tap in self._taps:
            try:
                tap(frame)
            except Exception:
                # A tap that fails would fail for every frame, and must not end the connection.
                logger.exception("%r failed, and gets no more frames", tap)
                self.remove(tap)
