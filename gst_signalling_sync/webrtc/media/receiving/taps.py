"""`Taps`: the functions that each frame of a track is handed to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ..encoded_frame import EncodedFrame

__all__ = ["Tap", "Taps"]

logger = logging.getLogger(__name__)

Tap = Callable[[EncodedFrame], None]


class Taps:
    """Functions that take frames; added and removed by any thread, called on the loop."""

    def __init__(self) -> None:
        # Guards changes; the loop reads the tuple, which is only ever replaced.
        self._lock = threading.Lock()
        self._taps: tuple[Tap, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._taps)

    def add(self, tap: Tap) -> None:
        """Have every frame handed to a function from now on.

        Args:
            tap: Called on the loop, in decoding order; it must not block.
        """
        with self._lock:
            self._taps = (*self._taps, tap)

    def remove(self, tap: Tap) -> None:
        """Hand no more frames to a function."""
        with self._lock:
            self._taps = tuple(each for each in self._taps if each != tap)

    def hand_on(self, frame: EncodedFrame) -> None:
        """Call all of them with a frame; on the loop."""
        for tap in self._taps:
            try:
                tap(frame)
            except Exception:
                # One that fails would fail for every frame, and must not take the connection with it.
                logger.exception("%r gets no more frames", tap)
                self.remove(tap)
