"""`EncoderCheck`: whether an encoder does what it is asked to. No clock and no I/O of its own.

Drivers fail in silence: they hold frames back, make no keyframe when one is needed, or keep to a bitrate of their own.
Receivers would see a frozen frame, or a link that chokes, and nobody would be told.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

__all__ = ["EncoderCheck"]

_MAX_HELD_BACK: Final = 5
"""Frames. One or two are held back by drivers that give a frame out when the next one is put in."""

_MAX_SILENCE_SECONDS: Final = 0.8
"""Between a frame that was put in and anything that comes out, where other frames followed."""

_MIN_FOLLOWING: Final = 2

_FRAMES_TO_FOLLOW: Final = 10
"""After a lower bitrate. An encoder that cannot make its frames smaller is given fewer and smaller ones soon after that."""

_TOO_MUCH: Final = 1.3
_UNCHANGED: Final = 0.9
_LOWERED: Final = 0.8
_WEIGHT: Final = 0.15
"""Of the newest frame."""


class _Given(NamedTuple):
    number: int
    keyframe: bool
    budget: float
    at: float


class EncoderCheck:
    """What was put into one encoder, and what came out.

    Frames have numbers that increase, such as their time stamps.
    """

    def __init__(self) -> None:
        self._held: deque[_Given] = deque()
        self._asked: int | None = None
        self._following = _Following()
        self._fault: str | None = None
        # Frames that were put in since one came out.
        self._silent = 0

    @property
    def is_clogged(self) -> bool:
        """Whether it gives frames out, but has too many in it, which stay.

        FFmpeg takes at most one from a V4L2 driver for each that it puts in, so that whenever the driver is late for once, all
        that follows is. Opened again, it begins without them.
        """
        return not self._silent and len(self._held) > _MAX_HELD_BACK

    @property
    def holds_back(self) -> int:
        """Frames that have not come out."""
        return len(self._held)

    def put(self, number: int, keyframe: bool, budget: float, now: float) -> None:
        """Take note of a frame that is put in.

        Args:
            number: Of the frame.
            keyframe: Whether it has to be one.
            budget: Bits that it may take.
            now: Seconds on any clock that does not jump.
        """
        self._silent += 1
        self._held.append(_Given(number, keyframe, budget, now))
        if keyframe and self._asked is None:
            self._asked = number

    def came(self, number: int, keyframe: bool, bits: int) -> None:
        """Take note of a frame that came out; those before it that did not never will.

        Args:
            number: Of the frame.
            keyframe: Whether it is one.
            bits: That it takes.
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
        """Take note that it begins anew, without the frames that were in it.

        Args:
            is_resized: Whether with frames of another size.
        """
        self._held.clear()
        self._asked = None
        self._silent = 0
        if is_resized:
            self._following = _Following()

    def fault(self, now: float) -> str | None:
        """What it does wrong; None: nothing.

        Args:
            now: Seconds on the clock of `put`.
        """
        if self._fault is not None:
            return self._fault
        if self._silent > _MAX_HELD_BACK:
            return f"it gave nothing out for {self._silent} frames"
        if len(self._held) > _MIN_FOLLOWING and now - self._held[0].at > _MAX_SILENCE_SECONDS:
            return f"it gave nothing out for {now - self._held[0].at:.1f} s"
        return None


class _Following:
    """Whether frames become smaller when they have to. Keyframes, which are large, do not count."""

    def __init__(self) -> None:
        self._recent: float | None = None
        # Bits of recent frames and their budget, when they last kept to it.
        self._kept = (0.0, 0.0)
        # Frames in a row since then, and their bits.
        self._frames = 0
        self._bits = 0

    def add(self, bits: int, budget: float) -> bool:
        """Take note of a frame.

        Args:
            bits: That it takes.
            budget: Bits that it may take.

        Returns:
            Whether the encoder follows, as far as is known.
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
        # A scene that takes more than before is no disobedience.
        was_lowered = budget < _LOWERED * kept_budget and kept_bits > _TOO_MUCH * budget
        is_same = self._bits >= _UNCHANGED * kept_bits * self._frames
        return not (was_lowered and is_same and self._frames > _FRAMES_TO_FOLLOW)
