"""`WatchedLink`: takes the place of a session whose link carries a bitrate."""

from __future__ import annotations

import queue

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from .media import number_in
from .waiting import wait_until
from .watcher import Watcher

__all__ = ["WatchedLink"]


class WatchedLink(Watcher):
    """A watcher whose link carries a bitrate, and which checks that each frame shows its number.

    Args:
        source: As in `Watcher`.
        loop: As in `Watcher`.
        codec: As in `Watcher`.
        bitrate: Bitrate in bit/s.
    """

    def __init__(self, source: VideoSource, loop: LoopThread, codec: str = "VP8", *, bitrate: int) -> None:
        super().__init__(source, loop, codec)
        self._source = source
        self.carries(bitrate)

    def carries(self, bitrate: int) -> None:
        """Report another bitrate."""
        feed_of(self._source).report_estimate(self, bitrate)

    def is_behind(self, is_behind: bool) -> None:
        """Report whether frames wait."""
        feed_of(self._source).report_backlog(self, is_behind)

    @property
    def target(self) -> int | None:
        """The target of its encoder, in bit/s."""
        return feed_of(self._source).target_of(self)

    def wait_for(self, target: int) -> None:
        """Wait until its encoder has a target."""
        wait_until(lambda: self.target == target, lambda: f"{self.target} becomes {target} bit/s")

    def see(self, frames: int) -> None:
        """Wait for some frames, each of which must show its number: it was decoded with those that it refers to."""
        for _ in range(frames):
            _, array = self.next_decoded()
            assert number_in(array) is not None

    def timestamps(self) -> list[int]:
        """The timestamps of the frames that wait, each of which must show its number."""
        timestamps: list[int] = []
        while True:
            try:
                frame, array = self.next_decoded(timeout=0)
            except queue.Empty:
                return timestamps
            assert number_in(array) is not None
            timestamps.append(frame.timestamp)
