"""`KeyframeSearch`: finds a complete keyframe behind a gap, which makes the missing packets before it unnecessary."""

from __future__ import annotations

from collections.abc import Mapping

from ..codecs.fragment import Fragment

__all__ = ["KeyframeSearch", "WaitingPacket"]


class WaitingPacket:
    """A packet that waits behind a gap. `fragment` is None if the packet is only padding."""

    __slots__ = ("fragment", "marker", "size", "timestamp")

    def __init__(self, timestamp: int, marker: bool, fragment: Fragment | None, size: int) -> None:
        self.timestamp = timestamp
        self.marker = marker
        self.fragment = fragment
        self.size = size


class KeyframeSearch:
    """Searches the waiting packets for a keyframe, from the newest packet that may begin one.

    Each packet is examined once, however slowly a keyframe completes.

    Args:
        waiting: The packets by sequence number, without wrapping; changed by its owner.
    """

    def __init__(self, waiting: Mapping[int, WaitingPacket]) -> None:
        self._waiting = waiting
        self._begin: int | None = None
        self._end = 0
        self._is_keyframe = False
        # The frame's timestamp; None while there are only parameter sets.
        self._timestamp: int | None = None

    def forget_before(self, number: int) -> None:
        """Forget packets before a number, which do not wait any more."""
        if self._begin is not None and self._begin < number:
            self._begin = None

    def add(self, number: int) -> int | None:
        """Examine a packet that waits now.

        Returns:
            The number of the packet with which a complete keyframe begins; None: there is no complete keyframe.
        """
        self._consider(number, self._waiting[number])
        if self._begin is None:
            return None
        while (part := self._waiting.get(self._end)) is not None:
            ends = part.fragment is not None and self._timestamp not in (None, part.timestamp)
            if not ends:
                self._end += 1
                self._add_part(part)
            if ends or (part.marker and self._timestamp is not None):
                if not self._is_keyframe:
                    self._begin = None
                return self._begin
        return None

    def _consider(self, number: int, packet: WaitingPacket) -> None:
        """Begin again with a packet that may begin a newer keyframe."""
        if packet.fragment is None or not packet.fragment.leads:
            return
        if self._begin is not None:
            # A keyframe of H264 may repeat its parameter sets, and begins with the first.
            is_same = self._waiting[self._begin].timestamp == packet.timestamp
            if number < self._begin or is_same:
                return
        self._begin = self._end = number
        self._is_keyframe = False
        self._timestamp = None

    def _add_part(self, part: WaitingPacket) -> None:
        if part.fragment is not None and part.fragment.has_frame_data:
            self._timestamp = part.timestamp
            self._is_keyframe = self._is_keyframe or part.fragment.keyframe
