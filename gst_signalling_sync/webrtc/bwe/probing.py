"""`Probing`: bandwidth probes, short bursts of padding that show whether a link has a higher rate. No clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["Probe", "Probing"]

_FIRST_FACTORS: Final = (3.0, 6.0)
_FURTHER_FACTOR: Final = 2.0
_CAUTIOUS_FACTOR: Final = 1.5
"""Factor where losses limit the rate: policers let bursts through at rates that they do not sustain."""

_FURTHER_SHARE: Final = 0.7
"""Share of a probe's rate that must come through for another probe to follow at once."""

_PERIOD_SECONDS: Final = 5.0
_MAX_PERIOD_SECONDS: Final = 60.0
_PUNISHED_SECONDS: Final = 2.0
"""Losses within this time after a raised estimate double the period."""

_LARGE_RAISE: Final = 1.3
_SOON_SECONDS: Final = 1.0
"""A probe that raised the estimate by this factor is followed soon: the link may have much more."""

_EARLY_PERIOD_SECONDS: Final = 0.7
"""Period as long as the link has never shown its limit."""

_BURST_SECONDS: Final = 0.03
_MIN_PACKETS: Final = 7
_ANSWER_SECONDS: Final = 1.0
_SATURATED_SHARE: Final = 0.9
_CAUTION: Final = 0.95
_COMPLETE: Final = 0.75
"""Share of a probe's bits that must arrive, as some may be lost."""
_IMPLAUSIBLE: Final = 1.5
"""A probe that arrives faster than it was sent, by this factor, was delayed and arrived at once."""


@dataclass
class Probe:
    """One probe.

    Attributes:
        number: Its number.
        rate: Rate at which to send it, in bit/s.
        bits: Minimum number of its bits.
        began: When it began.
        packets: Minimum number of its packets: the spacing of fewer packets tells nothing.
        sent: Unused by the core; for the sender.
        came: Times of sending and arrival, and bits, of packets that arrived.
    """

    number: int
    rate: float
    bits: int
    began: float
    packets: int = _MIN_PACKETS
    sent: list[tuple[float, int]] = field(default_factory=list)
    came: list[tuple[float, float, int]] = field(default_factory=list)


class Probing:
    """The probes of one transport."""

    def __init__(self) -> None:
        self._number = 0
        self._wanted: list[float] | None = None
        self._current: Probe | None = None
        self._last = float("-inf")
        self._period = _EARLY_PERIOD_SECONDS
        self._raised = float("-inf")
        self._factor = _FURTHER_FACTOR

    def due(
        self, estimate: float, maximum: float, may_rise: bool, now: float, is_limited_by_loss: bool = False
    ) -> Probe | None:
        """The probe to send now, if any.

        Args:
            estimate: The estimate in bit/s.
            maximum: Maximum that is ever needed, in bit/s.
            may_rise: Whether nothing at present speaks against a higher rate.
            now: The time, in seconds.
            is_limited_by_loss: Whether the estimate is limited by losses. Defaults to False.
        """
        self._factor = _CAUTIOUS_FACTOR if is_limited_by_loss else _FURTHER_FACTOR
        if self._current is not None and now - self._current.began > _ANSWER_SECONDS:
            self._current = None
        if self._current is not None:
            return None
        if estimate >= maximum:
            self._wanted = []
            return None
        if self._wanted is None:
            self._wanted = [estimate * factor for factor in _FIRST_FACTORS]
        if not self._wanted and may_rise and now - self._last > self._period:
            self._wanted.append(estimate * self._factor)
        if not self._wanted:
            return None
        rate = min(self._wanted.pop(0), maximum * 1.2)
        if rate <= estimate:
            self._wanted.clear()
            return None
        self._number += 1
        self._last = now
        self._current = Probe(self._number, rate, round(rate * _BURST_SECONDS), now)
        return self._current

    def on_arrival(self, number: int, sent: float, arrival: float, bits: int) -> float | None:
        """Record the arrival of a packet of a probe.

        Returns:
            The rate of the link in bit/s, once the probe is complete; else None.
        """
        probe = self._current
        if probe is None or probe.number != number:
            return None
        probe.came.append((sent, arrival, bits))
        if len(probe.came) < _MIN_PACKETS or sum(each for _, _, each in probe.came) < _COMPLETE * probe.bits:
            return None
        self._current = None
        return self._result(probe)

    def raised(self, factor: float, now: float) -> None:
        """Record that the estimate was raised by the result of a probe.

        Args:
            factor: Factor by which it was raised.
            now: The time, in seconds.
        """
        if self._raised > float("-inf"):
            # No losses followed the former one.
            self._period = min(self._period, _PERIOD_SECONDS)
        self._raised = now
        if factor >= _LARGE_RAISE:
            self._last = min(self._last, now - self._period + _SOON_SECONDS)

    def stop(self) -> None:
        """Pause probing, because the link has shown its limit."""
        self._wanted = []
        self._period = max(self._period, _PERIOD_SECONDS)

    def stop_for_losses(self, now: float) -> None:
        """Pause probing, because packets were lost."""
        self.stop()
        if now - self._raised < _PUNISHED_SECONDS:
            self._period = min(2 * self._period, _MAX_PERIOD_SECONDS)
        self._raised = float("-inf")

    def _result(self, probe: Probe) -> float | None:
        sent = sorted(probe.came)
        arrivals = sorted((arrival, bits) for _, arrival, bits in probe.came)
        send_span, span = sent[-1][0] - sent[0][0], arrivals[-1][0] - arrivals[0][0]
        if send_span <= 0 or span <= 0:
            return None
        send_rate = sum(bits for _, _, bits in sent[:-1]) / send_span
        rate = sum(bits for _, bits in arrivals[1:]) / span
        if rate > _IMPLAUSIBLE * send_rate:
            return None
        found = min(rate, send_rate)
        if rate < _SATURATED_SHARE * send_rate:
            self._wanted = []
            return found * _CAUTION
        if found > _FURTHER_SHARE * probe.rate and self._wanted == []:
            self._wanted = [found * self._factor]
        return found
