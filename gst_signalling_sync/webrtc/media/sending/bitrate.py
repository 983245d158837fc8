"""Bitrate of an encoder that feeds many links: estimates by REMB and loss, and the shared bitrate. No clock and no I/O."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["AnnouncedBitrate", "BitrateSteps", "LinkEstimate", "SendRate", "SharedBitrate"]

_LOSS_TO_SLOW_DOWN: Final = 0.10
_LOSS_TO_SPEED_UP: Final = 0.02
_SPEED_UP: Final = 1.05

_CONGESTED_BELOW: Final = 0.95
"""An estimate below this part of the sent bitrate is a limit: receivers that see a queue grow go down to 0.85 of what they
get."""

_RECEIVER_SPEED_UP: Final = 1.08
"""Factor by which a receiver lets its own estimate rise in a second."""

_RATE_SECONDS: Final = 2.0

_MIN_CHANGE: Final = 0.03
"""Minimum change, as a part of the bitrate: an encoder needs some frames to follow a new one."""

_MIN_STEP: Final = 0.15
"""Minimum change, as a part of the bitrate, for an encoder that must be opened again."""

_SECONDS_BETWEEN_CHANGES: Final = 1.0
_SECONDS_BETWEEN_INCREASES: Final = 5.0
_SECONDS_BETWEEN_ANNOUNCED_INCREASES: Final = 1.0
_LARGE_INCREASE: Final = 0.5
"""Increase, as a part of the bitrate, that is worth a keyframe soon."""


class LinkEstimate:
    """The bitrate that one link carries, by its receiver's reports.

    It is the lower of two estimates: the receiver's own (REMB, draft-alvestrand-rmcat-remb-03), and one by the losses in its
    reports, by the rule of draft-ietf-rmcat-gcc-02 section 6. Above 10 % loss the rate falls by half of that share; below 2 %
    it rises by 5 % with every report.

    Receivers begin with, and estimate little more than, the bitrate they get (draft-ietf-rmcat-gcc-02 section 5.5). A still
    scene would therefore lower the estimate for the time when it moves. So an estimate that is not below the sent bitrate is
    not a limit.

    Args:
        bitrate: First estimate, in bit/s.
    """

    def __init__(self, bitrate: int) -> None:
        self._by_loss = float(bitrate)
        self._by_receiver: int | None = None

    @property
    def bitrate(self) -> int:
        """The estimate in bit/s."""
        by_loss = round(self._by_loss)
        return by_loss if self._by_receiver is None else min(by_loss, self._by_receiver)

    def on_loss(self, fraction: float, limits: tuple[int, int]) -> None:
        """Apply a receiver report.

        Args:
            fraction: Share of the packets since the last report that were lost, from 0 to 1.
            limits: Minimum and maximum that are ever sent, in bit/s: nothing is known beyond them, and the way back from far
                below would be long.
        """
        lowest, highest = limits
        if fraction > _LOSS_TO_SLOW_DOWN:
            self._by_loss = max(self._by_loss * (1 - fraction / 2), lowest)
        elif fraction < _LOSS_TO_SPEED_UP:
            self._by_loss = min(self._by_loss * _SPEED_UP, highest)

    def on_receiver_estimate(self, bitrate: int, sent: float) -> None:
        """Apply the receiver's own estimate (REMB).

        Args:
            bitrate: The estimate in bit/s.
            sent: Bitrate that was sent meanwhile, in bit/s.
        """
        if bitrate < sent * _CONGESTED_BELOW:
            self._by_receiver = bitrate
        elif self._by_receiver is not None:
            self._by_receiver = max(bitrate, round(self._by_receiver * _RECEIVER_SPEED_UP))


class SendRate:
    """The bitrate of a sender over about the last two seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def rate(self, octets: int, now: float) -> float:
        """The bitrate in bit/s.

        Args:
            octets: Number of octets sent so far.
            now: Seconds on any clock that does not jump.
        """
        self._marks.append((now, octets))
        while len(self._marks) > 2 and self._marks[1][0] < now - _RATE_SECONDS:
            self._marks.popleft()
        since, before = self._marks[0]
        return (octets - before) * 8 / (now - since) if now - since > _RATE_SECONDS / 4 else 0.0


class BitrateSteps:
    """The bitrate of an encoder that must be opened again for each change, which costs a keyframe: it changes in steps.

    Small changes, and increases soon after the last change, wait.
    """

    def __init__(self) -> None:
        self._bitrate: int | None = None
        self._changed = float("-inf")

    def step(self, wanted: int, now: float) -> int:
        """The bitrate to encode with, in bit/s.

        Args:
            wanted: The best bitrate, in bit/s.
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

    It is the lowest of their estimates, so that no link is sent more than it carries, but at least half of their median: a link
    below that loses packets, so that the others keep their quality. It is always within the limits.

    Args:
        minimum: Minimum in bit/s.
        maximum: Maximum in bit/s.
        is_slow: Whether the encoder feeds a slow group. Of two links there, the slower one is served, as it would have no other
            group to go to. Defaults to False.
    """

    def __init__(self, minimum: int, maximum: int, is_slow: bool = False) -> None:
        self._is_slow = is_slow
        self._minimum = minimum
        self._maximum = maximum
        self._estimates: dict[object, int] = {}
        self._guesses: dict[object, int] = {}
        self._bitrate = maximum

    @property
    def limits(self) -> tuple[int, int]:
        """Minimum and maximum in bit/s."""
        return self._minimum, self._maximum

    def set_limits(self, minimum: int, maximum: int) -> None:
        """Change the limits, in bit/s; the next `target` keeps to them."""
        if (minimum, maximum) != (self._minimum, self._maximum):
            self._minimum = minimum
            self._maximum = maximum
            self._bitrate = maximum

    def report(self, link: object, estimate: int, is_confirmed: bool = True) -> None:
        """Record the bitrate that a link carries.

        Args:
            link: The link.
            estimate: The estimate in bit/s.
            is_confirmed: Whether it was measured. One that was not counts only if there is no other. Defaults to True.
        """
        known, unknown = (self._estimates, self._guesses) if is_confirmed else (self._guesses, self._estimates)
        unknown.pop(link, None)
        known[link] = estimate

    def forget(self, link: object) -> None:
        """Forget a link that has ended."""
        self._estimates.pop(link, None)
        self._guesses.pop(link, None)

    def tell(self, link: object, other: SharedBitrate) -> None:
        """Report what is known of a link to another encoder, which will feed it."""
        for known, is_confirmed in ((self._estimates, True), (self._guesses, False)):
            if link in known:
                other.report(link, known[link], is_confirmed)

    def target(self) -> int:
        """The bitrate to encode with, in bit/s; small changes of the estimates do not change it."""
        wanted = self._wanted()
        if abs(wanted - self._bitrate) >= _MIN_CHANGE * self._bitrate:
            self._bitrate = wanted
        return self._bitrate

    def _wanted(self) -> int:
        # The part of an estimate beyond the maximum is no reason to leave another link behind.
        estimates = sorted(min(each, self._maximum) for each in (self._estimates or self._guesses).values())
        if not estimates:
            return self._maximum
        median = estimates[(len(estimates) - self._is_slow) // 2]
        return max(self._minimum, min(self._maximum, max(estimates[0], median // 2)))


class AnnouncedBitrate:
    """The bitrate requested from an encoder elsewhere: a lower one at once, a higher one once a second."""

    def __init__(self) -> None:
        self._bitrate: int | None = None
        self._announced = float("-inf")

    @property
    def bitrate(self) -> int | None:
        """The announced bitrate in bit/s; None: nothing was announced."""
        return self._bitrate

    def announce(self, wanted: int, now: float) -> bool:
        """Record the best bitrate.

        Args:
            wanted: The best bitrate, in bit/s.
            now: Seconds on any clock that does not jump.

        Returns:
            Whether it must be announced now.
        """
        if self._bitrate is not None:
            change = (wanted - self._bitrate) / self._bitrate
            pause = _SECONDS_BETWEEN_ANNOUNCED_INCREASES if change > 0 else 0.0
            if abs(change) < _MIN_CHANGE or now - self._announced < pause:
                return False
        self._bitrate, self._announced = wanted, now
        return True
