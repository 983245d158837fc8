"""How fast a source is encoded, when one encoder feeds many links. No clock and no I/O of its own."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["AnnouncedBitrate", "BitrateSteps", "LinkEstimate", "SendRate", "SharedBitrate"]

_LOSS_TO_SLOW_DOWN: Final = 0.10
_LOSS_TO_SPEED_UP: Final = 0.02
_SPEED_UP: Final = 1.05

_CONGESTED_BELOW: Final = 0.95
"""An estimate below this part of what is sent: receivers that see a queue grow go down to 0.85 of what they get."""

_RECEIVER_SPEED_UP: Final = 1.08
"""What receivers themselves let their estimate rise by in a second."""

_RATE_SECONDS: Final = 2.0

_MIN_CHANGE: Final = 0.03
"""As a part of the bitrate: encoders need some frames to keep to a new one."""

_MIN_STEP: Final = 0.15
"""Likewise, for one that is opened again."""

_SECONDS_BETWEEN_CHANGES: Final = 1.0
_SECONDS_BETWEEN_INCREASES: Final = 5.0
_SECONDS_BETWEEN_ANNOUNCED_INCREASES: Final = 1.0
_LARGE_INCREASE: Final = 0.5
"""One that is worth a keyframe soon."""


class LinkEstimate:
    """What one link carries, by what its receiver reports.

    Two sources count, the lower one: the receiver's own estimate (REMB, draft-alvestrand-rmcat-remb-03), and the losses in
    its reports, by the rule of section 6 of draft-ietf-rmcat-gcc-02: above 10 % lost the rate falls by half of that
    share, below 2 % it rises by 5 % with every report.

    Receivers begin with, and estimate little more than, what they get (section 5.5 there), so that a picture in which nothing
    moves would pull the estimate down for the time when something does. One that is not below what is sent is no limit.

    Args:
        bitrate: What the link is first thought to carry, in bits per second.
    """

    def __init__(self, bitrate: int) -> None:
        self._by_loss = float(bitrate)
        self._by_receiver: int | None = None

    @property
    def bitrate(self) -> int:
        """Bits per second."""
        by_loss = round(self._by_loss)
        return by_loss if self._by_receiver is None else min(by_loss, self._by_receiver)

    def on_loss(self, fraction: float, limits: tuple[int, int]) -> None:
        """Take a receiver report into account.

        Args:
            fraction: Of the packets since the last report that were lost, 0 to 1.
            limits: Bits per second, the lowest and the highest that are ever sent: beyond them nothing is known, and from
                far below the way back would be long.
        """
        lowest, highest = limits
        if fraction > _LOSS_TO_SLOW_DOWN:
            self._by_loss = max(self._by_loss * (1 - fraction / 2), lowest)
        elif fraction < _LOSS_TO_SPEED_UP:
            self._by_loss = min(self._by_loss * _SPEED_UP, highest)

    def on_receiver_estimate(self, bitrate: int, sent: float) -> None:
        """Take the receiver's own estimate into account.

        Args:
            bitrate: Bits per second.
            sent: Bits per second that were sent meanwhile.
        """
        if bitrate < sent * _CONGESTED_BELOW:
            self._by_receiver = bitrate
        elif self._by_receiver is not None:
            self._by_receiver = max(bitrate, round(self._by_receiver * _RECEIVER_SPEED_UP))


class SendRate:
    """How fast a sender has been sending for about the last two seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def rate(self, octets: int, now: float) -> float:
        """Bits per second.

        Args:
            octets: Sent so far.
            now: Seconds.
        """
        self._marks.append((now, octets))
        while len(self._marks) > 2 and self._marks[1][0] < now - _RATE_SECONDS:
            self._marks.popleft()
        since, before = self._marks[0]
        return (octets - before) * 8 / (now - since) if now - since > _RATE_SECONDS / 4 else 0.0


class BitrateSteps:
    """The bitrate of an encoder that has to be opened again for each, which costs a keyframe: it changes by steps.

    Small changes, and increases soon after the last change, wait.
    """

    def __init__(self) -> None:
        self._bitrate: int | None = None
        self._changed = float("-inf")

    def step(self, wanted: int, now: float) -> int:
        """What to encode with, in bits per second.

        Args:
            wanted: What would be best, in bits per second.
            now: Seconds on any clock that does not jump.
        """
        if self._bitrate is None:
            self._bitrate = wanted
        change = (wanted - self._bitrate) / self._bitrate
        pause = _SECONDS_BETWEEN_INCREASES if 0 < change < _LARGE_INCREASE else _SECONDS_BETWEEN_CHANGES
        if abs(change) >= _MIN_STEP and now - self._changed >= pause:
            self._bitrate, self._changed = wanted, now
        return self._bitrate


class SharedBitrate:
    """The bitrate of an encoder that several links share.

    It is the lowest of their estimates, so that no link is sent more than it carries, but never less than half of the
    median estimate: a link below that loses packets, rather than the others their picture. And always within the limits.

    Args:
        minimum: Bits per second.
        maximum: Bits per second.
    """

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._estimates: dict[object, int] = {}
        self._guesses: dict[object, int] = {}
        self._bitrate = maximum

    @property
    def limits(self) -> tuple[int, int]:
        """The lowest and the highest, in bits per second."""
        return self._minimum, self._maximum

    def set_limits(self, minimum: int, maximum: int) -> None:
        """Change the limits, in bits per second; the next `target` keeps to them."""
        if (minimum, maximum) != (self._minimum, self._maximum):
            self._minimum = minimum
            self._maximum = maximum
            self._bitrate = maximum

    def report(self, link: object, estimate: int, is_confirmed: bool = True) -> None:
        """Take note of what a link carries.

        Args:
            link: Which.
            estimate: Bits per second.
            is_confirmed: Whether it was measured. One that was not counts only where there is no other.
        """
        known, unknown = (self._estimates, self._guesses) if is_confirmed else (self._guesses, self._estimates)
        unknown.pop(link, None)
        known[link] = estimate

    def forget(self, link: object) -> None:
        """Leave a link out that has ended."""
        self._estimates.pop(link, None)
        self._guesses.pop(link, None)

    def target(self) -> int:
        """What to encode with, in bits per second; a small change of the estimates changes nothing."""
        wanted = self._wanted()
        if abs(wanted - self._bitrate) >= _MIN_CHANGE * self._bitrate:
            self._bitrate = wanted
        return self._bitrate

    def _wanted(self) -> int:
        # What a link carries beyond the maximum is no reason to leave another one behind.
        estimates = sorted(min(each, self._maximum) for each in (self._estimates or self._guesses).values())
        if not estimates:
            return self._maximum
        median = estimates[len(estimates) // 2]
        return max(self._minimum, min(self._maximum, max(estimates[0], median // 2)))


class AnnouncedBitrate:
    """The bitrate that an encoder elsewhere is asked for: a lower one at once, a higher one once a second."""

    def __init__(self) -> None:
        self._bitrate: int | None = None
        self._announced = float("-inf")

    @property
    def bitrate(self) -> int | None:
        """Bits per second; None: nothing was announced."""
        return self._bitrate

    def announce(self, wanted: int, now: float) -> bool:
        """Take note of what would be best.

        Args:
            wanted: Bits per second.
            now: Seconds on any clock that does not jump.

        Returns:
            Whether it is to be announced now.
        """
        if self._bitrate is not None:
            change = (wanted - self._bitrate) / self._bitrate
            pause = _SECONDS_BETWEEN_ANNOUNCED_INCREASES if change > 0 else 0.0
            if abs(change) < _MIN_CHANGE or now - self._announced < pause:
                return False
        self._bitrate, self._announced = wanted, now
        return True
