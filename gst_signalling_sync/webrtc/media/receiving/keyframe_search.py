"""`KeyframeSearch`: whether a whole keyframe waits behind a gap, so that what is missing before it is not needed any more."""

from __future__ import annotations

from collections.abc import Mapping

from ..codecs.fragment import Fragment

__all__ = ["KeyframeSearch", "WaitingPacket"]


class WaitingPacket:
    """A packet that waits behind a gap; `fragment` is None of mere padding."""

    __slots__ = ("fragment", "marker", "size", "timestamp")

    def __init__(self, timestamp: int, marker: bool, fragment: Fragment | None, size: int) -> None:
        self.timestamp = timestamp
        self.marker = marker
        self.fragment = fragment
        self.size = size


class KeyframeSearch:
    """Looks for a keyframe among the packets that wait, beginning with the newest that may be the first of one.

    Each packet is looked at once, however slowly a keyframe comes together.

    Args:
        waiting: By sequence numbers without wrapping; its owner changes it.
    """

    def __init__(self, waiting: Mapping[int, WaitingPacket]) -> None:
        self._waiting = waiting
        self._begin: int | None = None
        self._end = 0
        self._is_keyframe = False
        # Of the picture; None as long as there are only parameters.
        self._timestamp: int | None = None

    def forget_before(self, number: int) -> None:
        """Take note that packets before that one do not wait any more."""
        if self._begin is not None and self._begin < number:
            self._begin = None

    def add(self, number: int) -> int | None:
        """Take note of a packet that waits now.

        Returns:
            Where a keyframe begins that is whole.
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
        """Begin anew with a packet that may be the first of a newer keyframe."""
        if packet.fragment is None or not packet.fragment.leads:
            return
        if self._begin is not None:
            # A keyframe of H264 may repeat its parameters, and begins with the first.
            is_same = self._waiting[self._begin].timestamp == packet.timestamp
            if number < self._begin or is_same:
                return
        self._begin = self._end = number
        self._is_keyframe = False
        self._timestamp = None

    def _add_part(self, part: WaitingPacket) -> None:
        if part.fragment is not None and part.fragment.picture:
            self._timestamp = part.timestamp
            self._is_keyframe = self._is_keyframe or part.fragment.keyframe
