"""`SendSideEstimator`: GCC's estimate of a link's rate by TWCC: delay, loss and probing (draft-ietf-rmcat-gcc-02). No clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ..wrapping import step
from .delay_trend import DelayTrend, Usage
from .loss import LossLimit
from .probing import Probe, Probing
from .throughput import Throughput
from .transport_feedback import TICKS_PER_SECOND, TransportFeedback

__all__ = ["START_RATE", "SendSideEstimator"]

START_RATE: Final = 300_000.0
"""The first estimate in bit/s, which hardly any link is too slow for."""

_MIN_RATE: Final = 30_000.0
_DECREASE: Final = 0.88
_CAUTIOUS_DECREASE: Final = 0.75
_INCREASE_PER_SECOND: Final = 1.08
_HEADROOM: Final = 1.5
_HEADROOM_BITS: Final = 10_000
_PACKET_BITS: Final = 9600
_MIN_ADDED: Final = 4000
_MAX_ADDED: Final = 0.05
_APPLICATION_LIMITED: Final = 0.65
"""A sender that uses less than this share of the estimate learns nothing about higher rates."""

_QUEUE_SECONDS: Final = 30.0
"""Time for which a queue that has grown counts: the link does not police its rate."""

_POLICED_STEP: Final = 1.15
"""Maximum increase by a probe, as a factor, on a link that polices its rate."""

_CAPACITY_WEIGHT: Final = 0.1
_CAPACITY_SIGMAS: Final = 3.0
_FIRST_DEVIATION: Final = 0.15
_DECREASE_SECONDS: Final = 0.2
_COLLAPSE: Final = 0.6
"""Share of the throughput below which that of the last moments counts alone: the link has lost much of its rate."""

_HISTORY: Final = 8192
_TICKS_BITS: Final = 32
_RTT_WEIGHT: Final = 0.2

_MAX_STEP_BACK: Final = 2 * TICKS_PER_SECOND
"""Maximum by which arrivals go back, as reordered packets and messages do. A receiver whose clock goes back further has begun
again, and earlier arrivals say nothing about the later ones."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A sent packet."""

    time: float
    bits: int
    probe: int | None


class SendSideEstimator:
    """The estimate of one transport.

    Args:
        maximum: Maximum that is ever needed, in bit/s; the attribute may be changed. Defaults to infinity.
    """

    def __init__(self, maximum: float = math.inf) -> None:
        self.maximum = maximum
        self.has_feedback = False
        """Whether the other end has sent any feedback."""
        self.is_confirmed = False
        """Whether the estimate follows from measurements, not from `START_RATE`."""
        self.round_trip = 0.1
        """Smoothed round trip in seconds, from sending a packet to its feedback."""
        self._by_delay = START_RATE
        self._loss = LossLimit()
        self._sent: dict[int, _Sent] = {}
        self._trend = DelayTrend()
        self._throughput = Throughput()
        self._probing = Probing()
        # The latest arrival on the receiver's clock, without wrapping.
        self._newest_ticks: int | None = None
        self._capacity: float | None = None
        self._deviation = _FIRST_DEVIATION
        self._changed = self._decreased = -math.inf
        self._missed: set[int] = set()
        self._send_rate = Throughput()

    @property
    def bitrate(self) -> int:
        """The estimate in bit/s, headers included."""
        return round(max(_MIN_RATE, min(self._by_delay, self._loss.rate, self.maximum)))

    @property
    def usage(self) -> Usage:
        """The state of the link, by the delays."""
        return self._trend.usage

    @property
    def own_loss(self) -> float:
        """Share of the packets that the link loses at any rate, as far as it is known."""
        return self._loss.own_share

    def probe(self, now: float) -> Probe | None:
        """The burst of padding to send now, if any; see `Probing.due`."""
        if not self.has_feedback and self._sent and not self.is_confirmed and len(self._sent) > 100:
            return None
        is_limited_by_loss = self._loss.rate <= self._by_delay
        if is_limited_by_loss and not self._loss.is_clean:
            return None
        may_rise = self._trend.usage is not Usage.OVER
        return self._probing.due(self.bitrate, min(self.maximum, 1e9), may_rise, now, is_limited_by_loss)

    def on_sent(self, number: int, size: int, now: float, probe: int | None = None) -> None:
        """Record a sent packet.

        Args:
            number: Its transport-wide sequence number, 16 bits.
            size: Its length in bytes, headers included.
            now: The time, in seconds of a clock that does not jump.
            probe: The number of the probe that it belongs to. Defaults to none.
        """
        if len(self._sent) >= _HISTORY:
            oldest = next(iter(self._sent))
            del self._sent[oldest]
            self._missed.discard(oldest)
        self._sent.pop(number, None)
        self._missed.discard(number)
        self._sent[number] = _Sent(now, size * 8, probe)
        self._send_rate.add(now, size * 8)

    def on_feedback(self, message: TransportFeedback, now: float) -> None:
        """Update the estimate by a feedback message.

        Args:
            message: The message of the receiver.
            now: The time, by the clock of `on_sent`.
        """
        self.has_feedback = True
        newest: _Sent | None = None
        probed: float | None = None
        for number, ticks in message.ticks:
            packet = self._sent.pop(number, None)
            if packet is None:
                continue
            if ticks is None:
                if number not in self._missed:
                    self._missed.add(number)
                    self._loss.add(packet.time, is_lost=True)
                # A later message may report it as arrived.
                self._sent[number] = packet
                continue
            if number in self._missed:
                self._missed.discard(number)
                self._loss.came_late()
            else:
                self._loss.add(packet.time, is_lost=False)
            arrival = self._seconds(ticks)
            newest = packet
            self._trend.add(packet.time, arrival)
            self._throughput.add(arrival, packet.bits)
            if packet.probe is not None:
                probed = self._probing.on_arrival(packet.probe, packet.time, arrival, packet.bits) or probed
        if newest is not None:
            self.round_trip += _RTT_WEIGHT * (now - newest.time - self.round_trip)
        self._update(probed, now)

    def _update(self, probed: float | None, now: float) -> None:
        elapsed = min(1.0, now - self._changed) if self._changed > -math.inf else 0.0
        self._changed = now
        rate = self._throughput.rate
        # A link that polices its rate drops packets above it without a queue.
        has_queue = now - self._decreased < _QUEUE_SECONDS
        if probed is not None and not has_queue and self._loss.rate <= self._by_delay:
            # The probe shows the depth of the policer's token bucket.
            probed = min(probed, _POLICED_STEP * self._loss.rate)
        if self._loss.judge(min(self._by_delay, self._loss.rate), rate, has_queue, now):
            self._probing.stop_for_losses(now)
            self.is_confirmed = True
        if self._trend.usage is Usage.OVER:
            self._decrease(now)
        elif probed is not None and probed > (before := min(self._by_delay, self._loss.rate)):
            self._by_delay = max(self._by_delay, probed)
            self._loss.bears(probed)
            self._probing.raised(probed / before, now)
            self.is_confirmed = True
        elif self._trend.usage is Usage.NORMAL and rate is not None:
            self._increase(rate, elapsed)
        if probed is not None:
            self.is_confirmed = True

    @property
    def _is_application_limited(self) -> bool:
        sent = self._send_rate.rate
        return sent is None or sent < _APPLICATION_LIMITED * self._by_delay

    def _decrease(self, now: float) -> None:
        if not self._is_application_limited:
            self._probing.stop()
        carried = self._carried()
        if carried is None or now - self._decreased < max(_DECREASE_SECONDS, self.round_trip):
            return
        # The link's own losses, which do not depend on the rate, are part of what it carried.
        borne = carried / (1 - self._loss.own_share)
        if borne * _DECREASE >= self._by_delay:
            return
        self._decreased = now
        self.is_confirmed = True
        # If little was sent, little came through: the queue may be that of other flows, or the receiver's.
        minimum = _CAUTIOUS_DECREASE * self._by_delay if self._is_application_limited else _MIN_RATE
        self._by_delay = max(_MIN_RATE, minimum, borne * _DECREASE)
        if self._is_application_limited:
            return
        if self._capacity is None or abs(borne - self._capacity) > _CAPACITY_SIGMAS * self._deviation * self._capacity:
            self._capacity = borne
            self._deviation = _FIRST_DEVIATION
        else:
            error = abs(borne - self._capacity) / self._capacity
            self._capacity += _CAPACITY_WEIGHT * (borne - self._capacity)
            self._deviation = max(0.03, self._deviation + _CAPACITY_WEIGHT * (error - self._deviation))

    def _carried(self) -> float | None:
        """The bitrate that a link with a growing queue carries, in bit/s; None: not known."""
        rate, recent = self._throughput.rate, self._throughput.recent_rate
        if rate is None or recent is None:
            return rate if recent is None else recent
        has_collapsed = recent < _COLLAPSE * rate and not self._throughput.was_interrupted
        return recent if has_collapsed else max(rate, recent)

    def _increase(self, rate: float, elapsed: float) -> None:
        if self._is_application_limited:
            return
        if self._capacity is not None and rate > self._capacity * (1 + _CAPACITY_SIGMAS * self._deviation):
            # The throughput exceeds the former estimate of the capacity.
            self._capacity = None
        if self._capacity is not None and rate > 0.7 * self._capacity:
            added = min(max(_MIN_ADDED, _PACKET_BITS / (self.round_trip + 0.1)), _MAX_ADDED * self._by_delay)
            raised = self._by_delay + added * elapsed
        else:
            raised = self._by_delay * _INCREASE_PER_SECOND**elapsed + 1000 * elapsed
        limit = max(self._by_delay, _HEADROOM * rate + _HEADROOM_BITS)
        self._by_delay = min(raised, limit, max(self._by_delay, 2 * self.maximum))

    def _seconds(self, ticks: int) -> float:
        """Seconds on the receiver's clock, whose reference time wraps at 24 bits."""
        if self._newest_ticks is None:
            self._newest_ticks = ticks
        moved = step(self._newest_ticks, ticks, _TICKS_BITS)
        arrival = self._newest_ticks + moved
        if moved < -_MAX_STEP_BACK:
            self._trend = DelayTrend()
            self._throughput = Throughput()
            self._newest_ticks = arrival
        self._newest_ticks = max(self._newest_ticks, arrival)
        return arrival / TICKS_PER_SECOND
