"""A sender that follows its bandwidth estimate, a link, and a receiver that sends feedback (TWCC), all in simulated time."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from gst_signalling_sync.testing import LinkProfile, SimulatedLink
from gst_signalling_sync.webrtc.bwe.arrival_recorder import ArrivalRecorder
from gst_signalling_sync.webrtc.bwe.estimator import SendSideEstimator
from gst_signalling_sync.webrtc.bwe.pacer import Pacer
from gst_signalling_sync.webrtc.bwe.probing import Probe
from gst_signalling_sync.webrtc.bwe.transport_feedback import TransportFeedback

__all__ = ["Flow"]

_PACKET_BYTES: Final = 1200
_PADDING_BYTES: Final = 270
_FEEDBACK_SECONDS: Final = 0.05
_TICK_SECONDS: Final = 0.005
_NOTICE_SECONDS: Final = 0.05


@dataclass
class Flow:
    """One sender and its receiver.

    Attributes:
        profile: The link's, from the sender to the receiver.
        maximum: Maximum bitrate of the source, in bit/s.
        noise: Maximum deviation of a frame's size from what the bitrate says, as a share.
        fps: Frames per second.
        seed: Seed of all random numbers.
        estimates: The time and the estimate, every 100 ms.
        delays: For each packet that arrived, when it was sent and the seconds that it took.
    """

    profile: LinkProfile
    maximum: float = 10e6
    noise: float = 0.2
    fps: float = 30.0
    seed: int = 1
    estimates: list[tuple[float, int]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.estimator = SendSideEstimator(self.maximum)
        self.pacer = Pacer()
        self.recorder = ArrivalRecorder()
        self.link = SimulatedLink(self.profile, self.seed)
        self._back = SimulatedLink(LinkProfile(delay=self.profile.delay), self.seed)
        self._random = random.Random(self.seed)
        self._numbers = itertools.count()
        self._order = itertools.count()
        self._events: list[tuple[float, int, str, object]] = []
        # The size of each packet, and what it belongs to.
        self._queue: deque[tuple[int, object]] = deque()
        self._now = 0.0

    def run(self, seconds: float) -> Flow:
        """Let simulated time pass."""
        for name, at in (("frame", 0.0), ("tick", 0.0), ("note", 0.1), ("feedback", _FEEDBACK_SECONDS)):
            self._at(at, name, None)
        while self._events[0][0] < seconds:
            self._now, _, name, what = heapq.heappop(self._events)
            getattr(self, f"_on_{name}")(what)
        return self

    def mean(self, begin: float, end: float) -> float:
        """The mean estimate between two times, in bit/s."""
        first, last = (bisect_left(self.estimates, (time, 0)) for time in (begin, end))
        found = [bitrate for _, bitrate in self.estimates[first:last]]
        return sum(found) / len(found)

    def share_within(self, rate: float, part: float, begin: float) -> float:
        """The share of the estimates that are near a rate, from a time on."""
        found = [abs(bitrate - rate) <= part * rate for time, bitrate in self.estimates if time >= begin]
        return sum(found) / len(found)

    def delay(self, begin: float, share: float, end: float = math.inf) -> float:
        """A quantile of the delays, in seconds, of the packets that were sent between two times."""
        first, last = (bisect_left(self.delays, (time, 0.0)) for time in (begin, end))
        found = sorted(seconds for _, seconds in self.delays[first:last])
        return found[int(share * (len(found) - 1))]

    def _at(self, time: float, name: str, what: object) -> None:
        heapq.heappush(self._events, (time, next(self._order), name, what))

    def _on_frame(self, _: object) -> None:
        size = self.estimator.bitrate / self.fps / 8 * (1 + self.noise * self._random.uniform(-1, 1))
        sizes = [_PACKET_BYTES] * max(1, round(size / _PACKET_BYTES)) if size > _PACKET_BYTES else [round(size)]
        self._queue += [(each, None) for each in sizes]
        self._at(self._now + 1 / self.fps, "frame", None)

    def _on_tick(self, _: object) -> None:
        while self._queue and not self.pacer.wait(self._now):
            size, owner = self._queue.popleft()
            self._send(size, owner=owner)
        if (probe := self.estimator.probe(self._now)) is not None:
            for index in range(max(probe.packets, math.ceil(probe.bits / 8 / _PADDING_BYTES))):
                self._at(self._now + index * _PADDING_BYTES * 8 / probe.rate, "probe", probe)
        self._at(self._now + _TICK_SECONDS, "tick", None)

    def _on_probe(self, probe: object) -> None:
        assert isinstance(probe, Probe)
        self._send(_PADDING_BYTES, probe.number)

    def _send(self, size: int, probe: int | None = None, owner: object = None) -> None:
        number = next(self._numbers) & 0xFFFF
        self.estimator.on_sent(number, size, self._now, probe)
        self.pacer.sent(size * 8, self._now)
        arrival = self.link.send(size, self._now)
        if arrival is not None:
            self.delays.append((self._now, arrival - self._now))
            self._at(arrival, "arrival", (number, owner))
        elif owner is not None:
            self._at(self._now + self._repair_seconds, "repair", (size, owner))

    def _on_arrival(self, packet: tuple[int, object]) -> None:
        number, _ = packet
        self.recorder.add(number, self._now)

    @property
    def _repair_seconds(self) -> float:
        """Seconds until a lost packet is detected, requested and sent again."""
        return 2 * self.profile.delay + _NOTICE_SECONDS

    def _on_repair(self, packet: tuple[int, object]) -> None:
        size, owner = packet
        self._send(size, owner=owner)

    def _on_feedback(self, _: object) -> None:
        for message in self.recorder.messages():
            arrival = self._back.send(100, self._now)
            assert arrival is not None
            self._at(arrival, "told", message.pack())
        self._at(self._now + _FEEDBACK_SECONDS, "feedback", None)

    def _on_told(self, message: object) -> None:
        assert isinstance(message, bytes)
        self.estimator.on_feedback(TransportFeedback.parse(message), self._now)
        self.pacer.pace(self.estimator.bitrate)

    def _on_note(self, _: object) -> None:
        self.estimates.append((self._now, self.estimator.bitrate))
        self._at(self._now + 0.1, "note", None)
