"""`EncoderCheck`: checks whether an encoder does what it is asked to. No clock and no I/O.

Drivers fail silently: they hold frames back, make no keyframe when one is needed, or ignore the bitrate. Receivers would see a
frozen frame, or the link would be congested, without any error.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

__all__ = ["EncoderCheck"]

_MAX_HELD_BACK: Final = 5
"""Maximum number of frames held back. Some drivers hold back one or two: they return a frame when they get the next one."""

_MAX_SILENCE_SECONDS: Final = 0.8
"""Maximum time between the input of a frame and any output, if other frames were put in since."""

_MIN_FOLLOWING: Final = 2

_FRAMES_TO_FOLLOW: Final = 10
"""Frames after a decrease of the bitrate by which they must be smaller. An encoder that cannot do so gets fewer and smaller
frames soon after."""

_TOO_MUCH: Final = 1.3
_UNCHANGED: Final = 0.9
_LOWERED: Final = 0.8
_WEIGHT: Final = 0.15
"""Weight of the newest frame."""


class _Given(NamedTuple):
    number: int
    keyframe: bool
    budget: float
    at: float


class EncoderCheck:
    """The input and output of one encoder.

    Frames have increasing numbers, such as their timestamps.
    """

    def __init__(self) -> None:
        self._held: deque[_Given] = deque()
        self._asked: int | None = None
        self._following = _Following()
        self._fault: str | None = None
        # Frames put in since the last output.
        self._silent = 0

    @property
    def is_clogged(self) -> bool:
        """Whether the encoder returns frames but permanently holds too many.

        FFmpeg takes at most one frame from a V4L2 driver for each that it puts in. So if the driver is late once, all later
        frames are late too. An encoder that is opened again begins without them.
        """
        return not self._silent and len(self._held) > _MAX_HELD_BACK

    @property
    def holds_back(self) -> int:
        """Number of frames held back."""
        return len(self._held)

    def put(self, number: int, keyframe: bool, budget: float, now: float) -> None:
        """Record a frame that is put in.

        Args:
            number: Number of the frame.
            keyframe: Whether it must be a keyframe.
            budget: Bits that it may take.
            now: Seconds on any clock that does not jump.
        """
        self._silent += 1
        self._held.append(_Given(number, keyframe, budget, now))
        if keyframe and self._asked is None:
            self._asked = number

    def came(self, number: int, keyframe: bool, bits: int) -> None:
        """Record a frame that is returned. Earlier frames that were not will never be.

        Args:
            number: Number of the frame.
            keyframe: Whether it is a keyframe.
            bits: Bits that it takes.
        """
        self._silent = 0
        budget: float | None = None
        while self._held and self._held[0].number <= number:
            budget = self._held.popleft().budget
        if keyframe:
            self._asked = None
            return
        if self._asked is not None and number >= self._asked:
            self._fault = "it made no keyframe when it was asked for one"
        if budget is not None and not self._following.add(bits, budget):
            self._fault = "it did not follow a lower bitrate"

    def reopened(self, is_resized: bool) -> None:
        """Record that the encoder is opened again, without the frames that it held.

        Args:
            is_resized: Whether its frames have another size.
        """
        self._held.clear()
        self._asked = None
        self._silent = 0
        if is_resized:
            self._following = _Following()

    def fault(self, now: float) -> str | None:
        """What the encoder does wrong; None: nothing.

        Args:
            now: Seconds on the clock of `put`.
        """
        if self._fault is not None:
            return self._fault
        if self._silent > _MAX_HELD_BACK:
            return f"it returned nothing for {self._silent} frames"
        if len(self._held) > _MIN_FOLLOWING and now - self._held[0].at > _MAX_SILENCE_SECONDS:
            return f"it returned nothing for {now - self._held[0].at:.1f} s"
        return None


class _Following:
    """Whether frames become smaller when they must. Keyframes, which are large, do not count."""

    def __init__(self) -> None:
        self._recent: float | None = None
        # Mean bits of recent frames and their budget, when they last kept to it.
        self._kept = (0.0, 0.0)
        # Number of consecutive frames since then, and their bits.
        self._frames = 0
        self._bits = 0

    def add(self, bits: int, budget: float) -> bool:
        """Record a frame.

        Args:
            bits: Bits that it takes.
            budget: Bits that it may take.

        Returns:
            Whether the encoder follows its budget, as far as known.
        """
        before = bits if self._recent is None else self._recent
        self._recent = before + _WEIGHT * (bits - before)
        if self._recent <= _TOO_MUCH * budget:
            self._kept = (self._recent, budget)
            self._frames = self._bits = 0
            return True
        self._frames += 1
        self._bits += bits
        kept_bits, kept_budget = self._kept
        # Frames of a scene that needs more bits than before are not a fault.
        was_lowered = budget < _LOWERED * kept_budget and kept_bits > _TOO_MUCH * budget
        is_same = self._bits >= _UNCHANGED * kept_bits * self._frames
        return not (was_lowered and is_same and self._frames > _FRAMES_TO_FOLLOW)
