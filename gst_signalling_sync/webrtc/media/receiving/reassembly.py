"""`VideoReassembly`: the jitter buffer of a video track: reassembles RTP packets to access units. No clock and no I/O.

Frames that follow a gap wait, because they cannot be decoded without the missing packet. It is requested repeatedly (NACK), and
given up if it is too late for it, if too much waits behind it, or if a complete keyframe does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ...wrapping import step
from ..codecs import VIDEO
from ..codecs.codec import VideoCodec
from ..codecs.fragment import Fragment
from ..encoded_frame import EncodedFrame
from .gaps import Gaps
from .keyframe_search import KeyframeSearch, WaitingPacket
from .stray_packets import MAX_AHEAD, StrayPackets
from .timeline import Timeline

__all__ = ["RETRANSMISSION_SECONDS", "VideoReassembly"]

RETRANSMISSION_SECONDS: Final = 0.5
"""How long a missing packet is waited for if the sender retransmits."""

_SEQUENCE_BITS: Final = 16
_SEQUENCE_MASK: Final = 0xFFFF

_MAX_PACKETS: Final = 1024
"""Maximum distance from the first missing packet to the newest: more than a second of most streams, and SRTP's replay
window."""

_MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
_MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
_PART_BYTES: Final = 128
"""Approximate memory of a part of a frame beside its data, which may be empty."""


class VideoReassembly:
    """The reassembly of one video track.

    Packets are identified by their sequence numbers without wrapping. All packets before `_next` have been handled. If any
    packet waits, `_next` itself is missing.

    Args:
        timeline: The track's timeline.
        patience: Seconds that a missing packet is waited for. Defaults to 0.5.
        codecs: The codecs of its packets, by name. Defaults to all.
    """

    def __init__(
        self,
        timeline: Timeline,
        patience: float = RETRANSMISSION_SECONDS,
        codecs: Mapping[str, VideoCodec] = VIDEO,
    ) -> None:
        self._timeline = timeline
        self._codecs = codecs
        self._codec: VideoCodec | None = None
        self.packets_lost = 0
        self.wants_keyframe = False
        """Whether nothing can be decoded until a keyframe comes."""

        self._next: int | None = None
        self._waiting: dict[int, WaitingPacket] = {}
        self._waiting_bytes = 0
        self._gaps = Gaps(patience)
        self._strays = StrayPackets()
        self._search = KeyframeSearch(self._waiting)

        self._needs_keyframe = True
        self._is_behind_gap = True
        self._in_frame = False
        self._frame_is_broken = False
        self._frame_is_keyframe = False
        self._frame_has_data = False
        self._timestamp = 0
        self._parts: list[Fragment] = []
        self._size = 0

    @property
    def packets_repaired(self) -> int:
        """Number of missing packets that came after all."""
        return self._gaps.packets_repaired

    @property
    def is_waiting(self) -> bool:
        """Whether a packet is missing. While one is, `missing` and `on_time` must be called."""
        return bool(self._gaps)

    @property
    def due_at(self) -> float | None:
        """When `missing` or `on_time` must be called next; None: only after the next packet."""
        return self._gaps.due_at

    @property
    def waiting_bytes(self) -> int:
        """Approximate memory of all payloads that are held, in bytes."""
        return self._waiting_bytes + self._size

    def restart(self) -> None:
        """Drop everything; the next packet belongs to another stream."""
        self._next = None
        self._needs_keyframe = True
        self._is_behind_gap = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._gaps.clear()
        self._search = KeyframeSearch(self._waiting)
        self._drop_frame()

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
            marker: Marker bit: whether it is the last packet of its frame.
            payload: Payload; empty if the packet is only padding.
            now: Seconds on any clock that does not jump.
            retransmitted: Whether it came on the retransmission stream, and so does not show how far its own stream is.
                Defaults to False.

        Returns:
            The frames that are complete, in decoding order.
        """
        if self._codec is None or codec != self._codec.name:
            self.restart()
            self._codec = self._codecs[codec]
        if self._next is None:
            self._next = sequence_number
        frames: list[EncodedFrame] = []
        ahead = step(self._next, sequence_number, _SEQUENCE_BITS)
        if not 0 <= ahead <= MAX_AHEAD:
            if retransmitted or not self._strays.have_moved(sequence_number, ahead, now):
                return frames
            self.restart()
            self._next, ahead = sequence_number, 0
        elif self._strays.run:
            self._strays.run = 0
        fragment = self._codec.parse(payload) if payload else None
        if ahead == 0 and not self._gaps:
            self._next += 1
            self._scan(timestamp, marker, fragment, now, frames)
        else:
            self._add_around_gap(
                self._next + ahead, WaitingPacket(timestamp, marker, fragment, len(payload)), now, frames
            )
        return frames

    def missing(self, now: float) -> list[int]:
        """The sequence numbers to request now (NACK), 16 bits each."""
        return [number & _SEQUENCE_MASK for number in self._gaps.due(now)]

    def on_time(self, now: float) -> Sequence[EncodedFrame]:
        """Give up packets that have been missing for too long.

        Returns:
            The frames that need not wait any longer.
        """
        frames: list[EncodedFrame] = []
        while self._gaps.is_too_late(now):
            self._give_up(now, frames)
        return frames

    def _add_around_gap(self, number: int, packet: WaitingPacket, now: float, frames: list[EncodedFrame]) -> None:
        assert self._next is not None
        if number in self._waiting:
            return
        while self._gaps and number - self._next > _MAX_PACKETS:
            self._give_up(now, frames)
        if number - self._next > _MAX_PACKETS:
            self._skip_to(number)
            self._lose()
        self._gaps.fill(number, now)
        self._gaps.extend(self._next, number, now)
        self._waiting[number] = packet
        self._waiting_bytes += packet.size
        if number == self._next:
            self._drain(now, frames)
        elif (keyframe := self._search.add(number)) is not None:
            self._skip_to(keyframe)
            self._drain(now, frames)
        while self._gaps and self._waiting_bytes > _MAX_WAITING_BYTES:
            self._give_up(now, frames)

    def _drain(self, now: float, frames: list[EncodedFrame]) -> None:
        """Handle the waiting packets up to the next gap."""
        assert self._next is not None
        while (packet := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            self._waiting_bytes -= packet.size
            self._scan(packet.timestamp, packet.marker, packet.fragment, now, frames)
        self._search.forget_before(self._next)

    def _give_up(self, now: float, frames: list[EncodedFrame]) -> None:
        """Continue behind the first gap, from where only a keyframe can be decoded."""
        self._skip_to(self._gaps.end_of_first())
        self._lose()
        self._drain(now, frames)

    def _skip_to(self, number: int) -> None:
        assert self._next is not None
        known = 0
        for passed in [each for each in self._waiting if each < number]:
            self._waiting_bytes -= self._waiting.pop(passed).size
            known += 1
        self._gaps.forget_before(number)
        self.packets_lost += number - self._next - known
        self._search.forget_before(number)
        self._next = number
        self._is_behind_gap = True
        self._drop_frame()

    def _lose(self) -> None:
        """Decode nothing but a keyframe from here on."""
        self._needs_keyframe = self.wants_keyframe = True

    def _scan(
        self, timestamp: int, marker: bool, fragment: Fragment | None, now: float, frames: list[EncodedFrame]
    ) -> None:
        """Add the next packet in order to its frame."""
        if fragment is None:
            return
        if timestamp != self._timestamp:
            self._end_frame(now, frames)
        if not self._in_frame:
            self._begin(fragment)
        self._timestamp = timestamp
        self._append(fragment)
        if marker:
            self._end_frame(now, frames)

    def _end_frame(self, now: float, frames: list[EncodedFrame]) -> None:
        # webrtcsink marks new parameter sets of H264 as a frame of their own. They belong to the next one.
        if self._in_frame and (self._frame_has_data or self._frame_is_broken):
            self._finish(now, frames)

    def _begin(self, fragment: Fragment) -> None:
        self._in_frame = True
        self._frame_is_keyframe = False
        self._frame_has_data = False
        assert self._codec is not None
        marks_begin = self._codec.marks_begin
        # If packets do not mark their frame's beginning, the packet after a frame's end begins the next one.
        self._frame_is_broken = not fragment.begins and (self._is_behind_gap or marks_begin)
        self._is_behind_gap = False
        if self._frame_is_broken or (self._needs_keyframe and marks_begin and not fragment.keyframe):
            self._lose()

    def _append(self, fragment: Fragment) -> None:
        if self._frame_is_broken:
            if not fragment.begins:
                return
            self._frame_is_broken = False
        size = 0 if fragment.data is None else len(fragment.data) + _PART_BYTES
        if fragment.data is None or self._size + size > _MAX_FRAME_BYTES:
            self._frame_is_broken = True
            self._parts, self._size = [], 0
            self._lose()
            return
        self._parts.append(fragment)
        self._size += size
        self._frame_is_keyframe = self._frame_is_keyframe or fragment.keyframe
        self._frame_has_data = self._frame_has_data or fragment.has_frame_data

    def _finish(self, now: float, frames: list[EncodedFrame]) -> None:
        assert self._codec is not None
        is_keyframe = self._frame_is_keyframe
        data = b"" if self._frame_is_broken else self._codec.assemble(self._parts)
        self._drop_frame()
        if data is None:
            self._lose()
        if not data:
            return
        if is_keyframe:
            self._needs_keyframe = self.wants_keyframe = False
        elif self._needs_keyframe:
            self.wants_keyframe = True
            return
        frames.append(
            EncodedFrame(self._codec.name, data, self._timeline.advance(self._timestamp, now), is_keyframe, now)
        )

    def _drop_frame(self) -> None:
        self._in_frame = False
        self._parts = []
        self._size = 0
