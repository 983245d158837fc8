"""`TrackFeed`: the frames of one track, which outlives its peer connection if the session is resumed in another one."""

from __future__ import annotations

from typing import Final

from ..encoded_frame import MediaKind
from .media_receiver import MediaReceiver
from .remote_clock import RemoteClock
from .taps import Tap, Taps

__all__ = ["TrackFeed"]


class TrackFeed:
    """The frames of a track on one timeline, over whichever peer connection they come; for receivers and recorders.

    Lives on the loop, except for the methods that say otherwise.

    Args:
        rtp: The track's first receiver of RTP packets.
    """

    def __init__(self, rtp: MediaReceiver) -> None:
        self.kind: Final[MediaKind] = rtp.kind
        self.name: Final = rtp.name
        """The name by which the session knows the track."""
        self._rtp = rtp
        # Sums over the earlier peer connections.
        self._packets_received = self._packets_lost = self._packets_repaired = self._frames_received = 0
        self._taps = Taps()
        rtp.add_tap(self._taps.hand_on)

    @property
    def rtp(self) -> MediaReceiver:
        """The track's receiver of RTP packets now."""
        return self._rtp

    @property
    def clock(self) -> RemoteClock:
        """The sender's clock, which gives the frames' capture times; the same object for the life of the track."""
        return self._rtp.clock

    @property
    def codec(self) -> str | None:
        """The codec of the last frame; None before the first one."""
        return self._rtp.codec

    @property
    def packets_received(self) -> int:
        """Number of packets received."""
        return self._packets_received + self._rtp.packets_received

    @property
    def packets_lost(self) -> int:
        """Number of packets that never came."""
        return self._packets_lost + self._rtp.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Number of missing packets that were repaired."""
        return self._packets_repaired + self._rtp.packets_repaired

    @property
    def frames_received(self) -> int:
        """Number of complete frames received."""
        return self._frames_received + self._rtp.frames_received

    def add_tap(self, tap: Tap) -> None:
        """Call a function with every frame from now on. Any thread.

        Args:
            tap: The function; called on the loop, in decoding order. It must not block.
        """
        self._taps.add(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Stop calling a function. Any thread."""
        self._taps.remove(tap)

    def request_keyframe(self) -> None:
        """Request a keyframe from the sender. Any thread; video only."""
        self._rtp.request_keyframe()

    def resume(self, rtp: MediaReceiver) -> None:
        """Continue with the same track of another peer connection.

        Args:
            rtp: The track's receiver from now on.
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
