"""`AudioReordering`: RTP packets of an audio track in the order they were sent. No clock and no I/O of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ...wrapping import step
from ..encoded_frame import EncodedFrame
from .patience import Patience
from .payload_formats import Carried
from .stray_packets import MAX_AHEAD, StrayPackets
from .timeline import Timeline

__all__ = ["AudioReordering"]

_MAX_WAITING: Final = 50

_MAX_GIVEN_UP: Final = 50
"""Packets that were given up and are known again when they come after all."""

_SEQUENCE_BITS: Final = 16
_TIMESTAMP_BITS: Final = 32


class _Waiting(NamedTuple):
    """A packet that waits for those before it, or what another brought of it."""

    codec: str
    timestamp: int
    payload: bytes
    arrival: float
    is_repair: bool


class AudioReordering:
    """Puts the packets of one audio track in order, each of which is a frame. Nothing waits where nothing is missing.

    Nobody is asked to send again what is missing: it is waited for as long as packets have needed that took a longer way.

    Its methods are those of `VideoReassembly`.

    Args:
        timeline: Of the track.
    """

    wants_keyframe: Final = False

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.packets_lost = 0
        self.packets_repaired = 0
        """Packets that did not come, and of which a later one brought the payload."""
        self._next: int | None = None
        # In the order of arrival, by sequence number without wrapping.
        self._waiting: dict[int, _Waiting] = {}
        # Of the frame that was given out last, 32 bits.
        self._timestamp: int | None = None
        self._strays = StrayPackets()
        self._patience = Patience()
        # When those that were given up last had been overtaken, by sequence number without wrapping.
        self._given_up: dict[int, float] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a packet is missing: call `on_time` until it is not."""
        return bool(self._waiting)

    @property
    def due_at(self) -> float | None:
        """When `on_time` has something to do next; None: when packets come."""
        if not self._waiting:
            return None
        arrival = next(iter(self._waiting.values())).arrival
        return arrival + self._patience.seconds(arrival)

    def begin_anew(self) -> None:
        """Drop everything; the next packet is of another stream."""
        self._next = self._timestamp = None
        self._waiting.clear()
        self._given_up.clear()

    def add(
        self,
        codec: str,
        sequence_number: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        now: float,
        retransmitted: bool = False,
    ) -> Sequence[EncodedFrame]:
        """Take a packet.

        Args:
            codec: Of its payload.
            sequence_number: 16 bits.
            timestamp: 32 bits.
            marker: Of no meaning here.
            payload: Empty of packets that are mere padding.
            now: Seconds on any clock that does not jump.
            retransmitted: Whether it came on another stream than its own.

        Returns:
            The frames that are next, in order.
        """
        if self._next is None:
            self._next = sequence_number
        frames: list[EncodedFrame] = []
        ahead = step(self._next, sequence_number, _SEQUENCE_BITS)
        overtaken_at = self._overtaken_at(self._next + ahead)
        if overtaken_at is not None:
            self._patience.came_late(now - overtaken_at, now)
        if not 0 <= ahead <= MAX_AHEAD:
            if retransmitted or not self._strays.have_moved(sequence_number, ahead, now):
                return frames
            self.begin_anew()
            self._next, ahead = sequence_number, 0
        elif self._strays.run:
            self._strays.run = 0
        number = self._next + ahead
        self._waiting.setdefault(number, _Waiting(codec, timestamp, payload, now, False))
        if not ahead:
            self._drain(frames)
        while len(self._waiting) > _MAX_WAITING:
            self._give_up(frames)
        return frames

    def repair(self, sequence_number: int, earlier: Sequence[Carried], now: float) -> Sequence[EncodedFrame]:
        """Take what a packet brings of earlier ones, before the packet itself.

        Args:
            sequence_number: Of the packet, 16 bits.
            earlier: The oldest first; as a rule of the packets just before.
            now: As of `add`.

        Returns:
            The frames that are next, in order.
        """
        frames: list[EncodedFrame] = []
        if self._next is None or self._timestamp is None:
            return frames
        for distance, each in enumerate(reversed(earlier), 1):
            ahead = step(self._next, (sequence_number - distance) & 0xFFFF, _SEQUENCE_BITS)
            is_new = step(self._timestamp, each.timestamp, _TIMESTAMP_BITS) > 0
            if 0 <= ahead < _MAX_WAITING and is_new and each.payload:
                repair = _Waiting(each.codec, each.timestamp, each.payload, now, True)
                self._waiting.setdefault(self._next + ahead, repair)
        self._drain(frames)
        return frames

    def missing(self, now: float) -> list[int]:
        """Nothing: by the time it came, it would be too late."""
        return []

    def on_time(self, now: float) -> Sequence[EncodedFrame]:
        """Give up what is missing for too long.

        Returns:
            The frames that need not wait for it any longer.
        """
        frames: list[EncodedFrame] = []
        while (due_at := self.due_at) is not None and now >= due_at:
            self._give_up(frames)
        return frames

    def _overtaken_at(self, number: int) -> float | None:
        """When the first packet came that has overtaken one; None: none has, or it was given up long ago."""
        if number in self._given_up:
            return self._given_up.pop(number)
        assert self._next is not None
        if number < self._next or number in self._waiting:
            return None
        return next((each.arrival for later, each in self._waiting.items() if later > number), None)

    def _give_up(self, frames: list[EncodedFrame]) -> None:
        assert self._next is not None
        first = min(self._waiting)
        overtaken_at = next(iter(self._waiting.values())).arrival
        self._given_up |= dict.fromkeys(range(max(self._next, first - _MAX_GIVEN_UP), first), overtaken_at)
        while len(self._given_up) > _MAX_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]
        self.packets_lost += first - self._next
        self._next = first
        self._drain(frames)

    def _drain(self, frames: list[EncodedFrame]) -> None:
        assert self._next is not None
        while (packet := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            if packet.payload:
                self.packets_repaired += packet.is_repair
                self._timestamp = packet.timestamp
                position = self._timeline.advance(packet.timestamp, packet.arrival)
                frames.append(EncodedFrame(packet.codec, packet.payload, position, True, packet.arrival))
