"""`AudioReordering`: the jitter buffer of an audio track: puts its RTP packets in order. No clock and no I/O."""

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
"""Maximum number of packets that were given up and are recognized if they come after all."""

_SEQUENCE_BITS: Final = 16
_TIMESTAMP_BITS: Final = 32


class _Waiting(NamedTuple):
    """A packet that waits for earlier ones, or its repetition in a later packet."""

    codec: str
    timestamp: int
    payload: bytes
    arrival: float
    is_repair: bool


class AudioReordering:
    """Puts the packets of one audio track in order, each of which is a frame. No packet waits unless another is missing.

    Missing packets are not requested again. They are waited for as long as recent late packets needed, see `Patience`.

    Its methods are those of `VideoReassembly`.

    Args:
        timeline: The track's timeline.
    """

    wants_keyframe: Final = False

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.packets_lost = 0
        self.packets_repaired = 0
        """Number of packets that did not come and whose payload a later packet repeated."""
        self._next: int | None = None
        # By sequence number without wrapping, in the order of arrival.
        self._waiting: dict[int, _Waiting] = {}
        # Timestamp of the last frame returned, 32 bits.
        self._timestamp: int | None = None
        self._strays = StrayPackets()
        self._patience = Patience()
        # When the last packets given up had been overtaken, by sequence number without wrapping.
        self._given_up: dict[int, float] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a packet is missing. While one is, `on_time` must be called."""
        return bool(self._waiting)

    @property
    def due_at(self) -> float | None:
        """When `on_time` must be called next; None: only after the next packet."""
        if not self._waiting:
            return None
        arrival = next(iter(self._waiting.values())).arrival
        return arrival + self._patience.seconds(arrival)

    def restart(self) -> None:
        """Drop everything; the next packet belongs to another stream."""
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
        """Add a packet.

        Args:
            codec: Name of its codec.
            sequence_number: Sequence number, 16 bits.
            timestamp: RTP timestamp, 32 bits.
            marker: Not used.
            payload: Payload; empty if the packet is only padding.
            now: Seconds on any clock that does not jump.
            retransmitted: Whether it came on the retransmission stream. Defaults to False.

        Returns:
            The next frames, in order.
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
            self.restart()
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
        """Add the earlier payloads that a packet repeats (RED, RFC 2198), before the packet itself.

        Args:
            sequence_number: Sequence number of the packet, 16 bits.
            earlier: The earlier payloads, the oldest first; usually those of the packets just before.
            now: Seconds on the clock of `add`.

        Returns:
            The next frames, in order.
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
        """Return an empty list: a retransmission would come too late."""
        return []

    def on_time(self, now: float) -> Sequence[EncodedFrame]:
        """Give up packets that have been missing for too long.

        Returns:
            The frames that need not wait any longer.
        """
        frames: list[EncodedFrame] = []
        while (due_at := self.due_at) is not None and now >= due_at:
            self._give_up(frames)
        return frames

    def _overtaken_at(self, number: int) -> float | None:
        """When the first packet that has overtaken one came; None: there is none, or the packet was given up long ago."""
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
