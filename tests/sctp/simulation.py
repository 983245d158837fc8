"""Two associations over a simulated link, in simulated time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gst_signalling_sync.testing.link import LinkProfile, SimulatedLink
from gst_signalling_sync.webrtc.sctp import Association, Event, MalformedPacket, Received, Settings, State

__all__ = ["End", "Simulation", "drawing"]


_PACKETS_TOGETHER = 8


def drawing(seed: int, first_tsn: int | None = None) -> Callable[[int], bytes]:
    """Random bytes that are the same in each run.

    Args:
        seed: Seed of the random numbers.
        first_tsn: The number that the association draws as its first TSN; None: a random one.
    """
    generator = random.Random(seed)
    drawn = 0

    def draw(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        # An association draws a secret first, then a tag, then the TSN.
        if drawn == 3 and first_tsn is not None:
            return first_tsn.to_bytes(size, "big")
        return generator.randbytes(size)

    return draw


@dataclass
class End:
    """One end of the association, and the events that it reported."""

    association: Association
    events: list[Event] = field(default_factory=list)
    on_event: Callable[[Event], None] | None = None
    packets: int = 0

    @property
    def received(self) -> list[Received]:
        """The messages that arrived, in order."""
        return [event for event in self.events if isinstance(event, Received)]

    def told(self, kind: type) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Simulation:
    """Two ends, `a` and `b`, and the link between them.

    Args:
        profile: The link's profile, in each direction.
        seed: Seed of all random numbers.
        duplicates: Share of the packets that arrive twice.
        settings: Settings of both associations.
        first_tsns: First TSN of each end; None: random ones.
        drops: Called with the sending end and the packet; returns whether the packet is lost.
        together: Packets that arrive within so many seconds arrive at the end of that time, as over Wi-Fi, and are answered
            eight at a time. 0: each packet arrives by itself.
    """

    def __init__(
        self,
        profile: LinkProfile | None = None,
        seed: int = 1,
        duplicates: float = 0.0,
        settings: Settings | None = None,
        first_tsns: tuple[int, int] | None = None,
        drops: Callable[[End, bytes], bool] | None = None,
        together: float = 0.0,
    ) -> None:
        first, second = first_tsns or (None, None)
        self.a = End(Association(settings, drawing(2 * seed, first)))
        self.b = End(Association(settings, drawing(2 * seed + 1, second)))
        self.now = 1000.0
        self.drops = drops
        self.is_attacked = False
        """Whether an end may have reason to refuse what the other end sends."""
        self._random = random.Random(seed)
        self._duplicates = duplicates
        self._together = together
        profile = profile or LinkProfile(delay=0.01)
        self._links = {id(self.a): SimulatedLink(profile, 2 * seed), id(self.b): SimulatedLink(profile, 2 * seed + 1)}
        self._arrivals: list[tuple[float, int, End, bytes]] = []
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def establish(self, *, both: bool = False) -> Simulation:
        """Establish the association, which one end begins, or both at the same time."""
        self.a.association.connect(self.now)
        if both:
            self.b.association.connect(self.now)
        ends = (self.a, self.b)
        assert self.run_until(lambda: all(end.association.state is State.ESTABLISHED for end in ends), 60.0)
        return self

    def at(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function a number of seconds from now."""
        self._count += 1
        heapq.heappush(self._calls, (self.now + seconds, self._count, call))

    def run(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.run_until(lambda: False, seconds)

    def run_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let simulated time pass until a condition holds, for a maximum number of seconds.

        Returns:
            Whether the condition holds.
        """
        deadline = self.now + seconds
        self.drain()
        while not condition():
            times = [end.association.next_timeout() for end in (self.a, self.b)]
            times += [self._arrivals[0][0] if self._arrivals else None, self._calls[0][0] if self._calls else None]
            at = min((each for each in times if each is not None), default=deadline)
            if at > deadline:
                self.now = deadline
                return condition()
            self.now = max(self.now, at)
            self._step()
            if self.now >= deadline and not any(each is not None and each <= deadline for each in times):
                return condition()
        return True

    def drain(self) -> None:
        """Have both ends send what they have to send, and report their events."""
        for end in (self.a, self.b):
            for packet in end.association.take_packets(self.now):
                end.packets += 1
                if self.drops is None or not self.drops(end, packet):
                    self._carry(end, packet)
            for event in end.association.take_events():
                end.events.append(event)
                if end.on_event is not None:
                    end.on_event(event)

    def _carry(self, end: End, packet: bytes) -> None:
        other = self.b if end is self.a else self.a
        for _ in range(1 + (self._random.random() < self._duplicates)):
            arrival = self._links[id(end)].send(len(packet), self.now)
            if arrival is not None:
                if self._together:
                    arrival = math.ceil(arrival / self._together) * self._together
                self._count += 1
                heapq.heappush(self._arrivals, (arrival, self._count, other, packet))

    def _step(self) -> None:
        while self._calls and self._calls[0][0] <= self.now:
            heapq.heappop(self._calls)[2]()
        packets = 0
        while self._arrivals and self._arrivals[0][0] <= self.now:
            _, _, end, packet = heapq.heappop(self._arrivals)
            try:
                end.association.receive(packet, self.now)
            except MalformedPacket:
                if not self.is_attacked:
                    raise
            packets += 1
            if not self._together or packets % _PACKETS_TOGETHER == 0:
                self.drain()
        if packets:
            self.drain()
        for end in (self.a, self.b):
            at = end.association.next_timeout()
            if at is not None and at <= self.now:
                end.association.handle_timeout(self.now)
        self.drain()
