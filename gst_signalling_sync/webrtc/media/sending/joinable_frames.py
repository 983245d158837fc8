"""`JoinableFrames`: the frames since the last keyframe, for a receiver that begins between two keyframes. No clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from ..encoded_frame import EncodedFrame

__all__ = ["JoinableFrames", "PassedFrame", "squeezed"]

_MAX_FRAMES: Final = 1000
_MAX_BYTES: Final = 32 * 1024 * 1024
"""Beyond either maximum, new receivers wait for the next keyframe."""

_USUAL_STEP: Final = 90
"""RTP ticks between replayed frames: a millisecond, since some receivers count time in milliseconds."""


class PassedFrame(NamedTuple):
    """A frame on its way to receivers.

    Attributes:
        number: Number of the frame of its source.
        frame: The frame.
        payloads: The frame as RTP payloads.
    """

    number: int
    frame: EncodedFrame
    payloads: list[bytes]


class JoinableFrames:
    """The frames from the last keyframe on; empty if they have become too many.

    Args:
        max_frames: Maximum number of frames.
        max_bytes: Maximum size of all payloads together.
    """

    def __init__(self, max_frames: int = _MAX_FRAMES, max_bytes: int = _MAX_BYTES) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: list[PassedFrame] = []
        self._bytes = 0

    def add(self, passed: PassedFrame) -> None:
        """Add the next frame of the source."""
        if passed.frame.keyframe:
            self.clear()
        elif not self._frames:
            return
        self._frames.append(passed)
        self._bytes += sum(map(len, passed.payloads))
        if len(self._frames) > self._max_frames or self._bytes > self._max_bytes:
            self.clear()

    def clear(self) -> None:
        """Drop all frames; add none until the next keyframe."""
        self._frames = []
        self._bytes = 0

    def frames(self, before: int | None = None) -> list[PassedFrame]:
        """The frames, a keyframe first; empty if a receiver cannot begin.

        Args:
            before: Only frames with a lower number. Defaults to None: all.
        """
        return [each for each in self._frames if before is None or each.number < before]


def squeezed(passed: Sequence[PassedFrame], after: int | None, until: int) -> list[PassedFrame] | None:
    """Give frames timestamps close to one moment, so that a receiver that catches up does not show them in real time.

    Args:
        passed: The frames, in order.
        after: RTP timestamp of the last frame that the receiver got; None: it got no frame.
        until: RTP timestamp for the last one of these frames.

    Returns:
        The frames. None: there are fewer ticks in between than frames.
    """
    step = _USUAL_STEP
    if after is not None:
        step = min(step, (until - after) // max(1, len(passed)))
        if step < 1:
            return None
    first = until - step * (len(passed) - 1)
    return [
        each._replace(frame=replace(each.frame, timestamp=first + step * index)) for index, each in enumerate(passed)
    ]
