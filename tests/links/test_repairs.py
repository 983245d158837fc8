"""Requests for lost packets and their answers, in simulated time: how long frames wait where both directions lose packets."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest

from gst_signalling_sync.webrtc.media.receiving.gaps import Gaps
from gst_signalling_sync.webrtc.media.sending.sent_packets import SentPacket, SentPackets

FPS = 30
PACKETS = 9
"""Number of packets of each frame."""

PACKET_SECONDS = 0.002
DELAY = 0.02
PATIENCE = 0.5
TIMER_SECONDS = 0.001


@dataclass
class RepairedFlow:
    """Frames whose packets are lost, requested and sent again. Frames are shown in order.

    Attributes:
        loss: Share of the packets that each direction loses.
        copies: How often a packet is sent again for one request.
        waits: For each frame that was shown, the time and the seconds since it was sent.
        requests: Number of requests.
    """

    loss: float
    copies: int = 1
    waits: list[tuple[float, float]] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(7)
        self._gaps = Gaps(PATIENCE)
        self._sent = SentPackets()
        self._events: list[tuple[float, int, str, int]] = []
        self._order = itertools.count()
        self._here: set[int] = set()
        self._next = 0
        self._now = 0.0

    def run(self, seconds: float) -> RepairedFlow:
        """Send frames for some time, until each was shown or given up."""
        for number in range(round(seconds * FPS) * PACKETS):
            frame, index = divmod(number, PACKETS)
            self._at(frame / FPS + index * PACKET_SECONDS, "sent", number)
        while self._events:
            self._now, _, name, number = heapq.heappop(self._events)
            getattr(self, f"_on_{name}")(number)
        return self

    def wait(self, share: float) -> float:
        """A quantile of the seconds from sending a frame until it was shown."""
        found = sorted(seconds for _, seconds in self.waits)
        return found[int(share * (len(found) - 1))]

    @property
    def longest_freeze(self) -> float:
        """The longest time without a frame, in seconds."""
        return max(after - before for (before, _), (after, _) in itertools.pairwise(self.waits))

    def _at(self, time: float, name: str, number: int) -> None:
        heapq.heappush(self._events, (time, next(self._order), name, number))

    def _passes(self) -> bool:
        return self._random.random() >= self.loss

    def _on_sent(self, number: int) -> None:
        self._sent.add(SentPacket(number & 0xFFFF, 0, 0, b"", None, self._now))
        if self._passes():
            self._at(self._now + DELAY, "came", number)

    def _on_requested(self, number: int) -> None:
        if self._sent.again(number & 0xFFFF, 2 * DELAY, self._now) is not None:
            for _ in range(self.copies):
                if self._passes():
                    self._at(self._now + DELAY, "came", number)

    def _on_came(self, number: int) -> None:
        if number < self._next or number in self._here:
            return
        self._here.add(number)
        self._gaps.fill(number, self._now)
        self._gaps.extend(self._next, number, self._now)
        self._show()
        self._on_due(number)

    def _on_due(self, _: int) -> None:
        if due := self._gaps.due(self._now):
            self.requests += 1
            if self._passes():
                for number in due:
                    self._at(self._now + DELAY, "requested", number)
        while self._gaps.is_too_late(self._now):
            self._next = self._gaps.end_of_first()
            self._gaps.forget_before(self._next)
            self._show()
        if (due_at := self._gaps.due_at) is not None:
            self._at(max(self._now, due_at) + TIMER_SECONDS, "due", 0)

    def _show(self) -> None:
        while self._next in self._here:
            frame, index = divmod(self._next, PACKETS)
            if index == PACKETS - 1:
                self.waits.append((self._now, self._now - frame / FPS))
            self._next += 1


@pytest.mark.parametrize(
    ("loss", "copies", "wait", "freeze"),
    [(0.02, 1, 0.1, 0.2), (0.05, 1, 0.13, 0.3), (0.1, 1, 0.2, 0.4), (0.1, 2, 0.15, 0.3)],
)
def test_frames_wait_for_hardly_more_than_the_repairs(loss: float, copies: int, wait: float, freeze: float) -> None:
    flow = RepairedFlow(loss, copies).run(120.0)

    assert len(flow.waits) == 120 * FPS, "no frame was given up"
    assert flow.wait(0.95) < wait
    assert flow.longest_freeze < freeze


def test_a_packet_is_requested_little_more_often_than_it_is_lost() -> None:
    flow = RepairedFlow(0.05).run(120.0)

    lost = 0.05 * 120 * FPS * PACKETS
    assert flow.requests < 1.2 * lost
