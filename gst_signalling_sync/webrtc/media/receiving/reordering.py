"""`AudioReordering`: RTP packets of an audio track in the order they were sent. No clock and no I/O of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...wrapping import step
from ..encoded_frame import EncodedFrame
from .stray_packets import MAX_AHEAD, StrayPackets
from .timeline import Timeline

__all__ = ["AudioReordering"]

_PATIENCE_SECONDS: Final = 0.06
"""How long packets wait for one that is missing: some take a longer way, and nobody is asked to send it again."""

_MAX_WAITING: Final = 50

_SEQUENCE_BITS: Final = 16


class AudioReordering:
    """Puts the packets of one audio track in order, each of which is a frame. Nothing waits where nothing is missing.

    Its methods are those of `VideoReassembly`.

    Args:
        timeline: Of the track.
    """

    wants_keyframe: Final = False
    packets_repaired: Final = 0

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.packets_lost = 0
        self._next: int | None = None
        # In the order of arrival: codec, timestamp, payload and arrival by sequence number without wrapping.
        self._waiting: dict[int, tuple[str, int, bytes, float]] = {}
        self._strays = StrayPackets()

    @property
    def is_waiting(self) -> bool:
        """Whether a packet is missing: call `on_time` until it is not."""
        return bool(self._waiting)

    @property
    def due_at(self) -> float | None:
        """When `on_time` has something to do next; None: when packets come."""
        if not self._waiting:
            return None
        *_, arrival = next(iter(self._waiting.values()))
        return arrival + _PATIENCE_SECONDS

    def begin_anew(self) -> None:
        """Drop everything; the next packet is of another stream."""
        self._next = None
        self._waiting.clear()

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
        if not 0 <= ahead <= MAX_AHEAD:
            if retransmitted or not self._strays.have_moved(sequence_number, ahead, now):
                return frames
            self.begin_anew()
            self._next, ahead = sequence_number, 0
        elif self._strays.run:
            self._strays.run = 0
        number = self._next + ahead
        self._waiting.setdefault(number, (codec, timestamp, payload, now))
        if not ahead:
            self._drain(frames)
        while len(self._waiting) > _MAX_WAITING:
            self._give_up(frames)
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

    def _give_up(self, frames: list[EncodedFrame]) -> None:
        assert self._next is not None
        first = min(self._waiting)
        self.packets_lost += first - self._next
        self._next = first
        self._drain(frames)

    def _drain(self, frames: list[EncodedFrame]) -> None:
        assert self._next is not None
        while (packet := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            codec, timestamp, payload, arrival = packet
            if payload:
                frames.append(EncodedFrame(codec, payload, self._timeline.advance(timestamp, arrival), True, arrival))
