"""`TrackReceiver`: base of `VideoReceiver` and `AudioReceiver`, which users hold; a `ReceivedTrack` is behind it."""

from __future__ import annotations

import threading
from typing import Final

from .received_track import ReceivedTrack

__all__ = ["FOREVER", "TrackReceiver", "track_of"]

FOREVER: Final = threading.TIMEOUT_MAX
"""Seconds of a wait without a timeout."""


class TrackReceiver:
    """One received track.

    Args:
        track: The track, behind the receiver.
    """

    def __init__(self, track: ReceivedTrack) -> None:
        self._track = track

    def __repr__(self) -> str:
        frames = self._track.frames_decoded
        state = "ended" if self.has_ended else f"{self.codec or 'nothing yet'}, {frames} frames received"
        return f"<{type(self).__name__} {self.name!r} of {self._track.named}, {state}>"

    @property
    def name(self) -> str:
        """The name that the peer gave the track, else its ``mid``, the identifier of its media section."""
        return self._track.feed.name

    @property
    def is_paused(self) -> bool:
        """Whether the peer says that it has paused the track (`VideoSource.pause`), so that no frames come.

        Only peers of this library say so; with others, no frames come either, and `VideoReceiver.age` grows.
        """
        return self._track.feed.rtp.is_paused and not self._track.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether no more frames come: the session has ended, or the peer has removed the track."""
        return self._track.has_ended

    @property
    def codec(self) -> str | None:
        """The codec of the received frames, as in ``a=rtpmap``; None before the first one."""
        return self._track.feed.codec

    @property
    def frames_received(self) -> int:
        """Number of frames decoded."""
        return self._track.frames_decoded

    @property
    def frames_failed(self) -> int:
        """Number of complete frames that could not be decoded. Unforeseen errors are logged, at most every 10 s."""
        return self._track.failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be decoded; None: nothing failed."""
        return self._track.failures.newest

    @property
    def packets_lost(self) -> int:
        """Number of packets that never came, not even after they were requested again."""
        return self._track.feed.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Number of missing packets that were repaired.

        A video packet is repaired by retransmission, an audio packet by its repetition in a later one (RED, RFC 2198).
        """
        return self._track.feed.packets_repaired


def track_of(receiver: TrackReceiver) -> ReceivedTrack:
    """The track behind a receiver that users hold."""
    return receiver._track
