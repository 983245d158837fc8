"""`TrackFeed`: the frames of one track, which outlives its peer connection where the session is resumed in another."""

from __future__ import annotations

from typing import Final

from ..encoded_frame import MediaKind
from .media_receiver import MediaReceiver
from .remote_clock import RemoteClock
from .taps import Tap, Taps

__all__ = ["TrackFeed"]


class TrackFeed:
    """What receivers and recorders hold of a track: its frames, on one timeline, whichever peer connection they come by.

    Lives on the loop but for the methods that say otherwise.

    Args:
        rtp: What the track comes by at first.
    """

    def __init__(self, rtp: MediaReceiver) -> None:
        self.kind: Final[MediaKind] = rtp.kind
        self.name: Final = rtp.name
        """By which the session knows the track."""
        self._rtp = rtp
        # Of the peer connections before.
        self._packets_received = self._packets_lost = self._packets_repaired = self._frames_received = 0
        self._taps = Taps()
        rtp.add_tap(self._taps.hand_on)

    @property
    def rtp(self) -> MediaReceiver:
        """What the track comes by now."""
        return self._rtp

    @property
    def clock(self) -> RemoteClock:
        """When the frames were captured, by the sender's clock; the same object for the life of the track."""
        return self._rtp.clock

    @property
    def codec(self) -> str | None:
        """The codec of the last frame; None before the first."""
        return self._rtp.codec

    @property
    def packets_received(self) -> int:
        """Packets that came."""
        return self._packets_received + self._rtp.packets_received

    @property
    def packets_lost(self) -> int:
        """Packets that never came, not even when they were asked for again."""
        return self._packets_lost + self._rtp.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Packets that were missing, and came after all."""
        return self._packets_repaired + self._rtp.packets_repaired

    @property
    def frames_received(self) -> int:
        """Frames that came whole."""
        return self._frames_received + self._rtp.frames_received

    def add_tap(self, tap: Tap) -> None:
        """Have every frame handed to a function from now on. Any thread.

        Args:
            tap: Called on the loop, in decoding order; it must not block.
        """
        self._taps.add(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Hand no more frames to a function. Any thread."""
        self._taps.remove(tap)

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe. Any thread; video only."""
        self._rtp.request_keyframe()

    def resume(self, rtp: MediaReceiver) -> None:
        """Go on with the same track of another peer connection.

        Args:
            rtp: What it comes by from now on.
        """
        before = self._rtp
        before.remove_tap(self._taps.hand_on)
        self._packets_received += before.packets_received
        self._packets_lost += before.packets_lost
        self._packets_repaired += before.packets_repaired
        self._frames_received += before.frames_received
        rtp.go_on_from(before)
        self._rtp = rtp
        rtp.add_tap(self._taps.hand_on)
        if self._taps:
            rtp.request_keyframe()
