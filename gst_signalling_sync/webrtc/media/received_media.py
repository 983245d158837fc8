"""`ReceivedMedia`: the tracks that a session receives, and their recordings.

Threads: the loop adds and ends tracks; any thread reads the lists and starts recordings.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from ...errors import SessionClosed, TrackRemoved
from ...threads.callbacks import Callbacks
from ...threads.loop_thread import LoopThread
from ...threads.waiting import Deadline
from .receiving.media_receiver import MediaReceiver
from .receiving.received_track import ReceivedTrack
from .receiving.track_feed import TrackFeed
from .receiving.track_receiver import TrackReceiver, track_of

if TYPE_CHECKING:
    from .receiving.audio_receiver import AudioReceiver
    from .receiving.video_receiver import VideoReceiver
    from .recording.recorder import Recorder
    from .recording.recorder_thread import RecorderThread

__all__ = ["ReceivedMedia"]


class ReceivedMedia:
    """The received tracks of a session.

    Args:
        loop: The loop of the session.
        callbacks: Emit the signals of receivers.
        timeout: Default timeout of a blocking call of a receiver or recorder, in seconds.
        added: Called on the loop with each new track.
        removed: Called on the loop with each track that the peer has removed.
    """

    def __init__(
        self,
        loop: LoopThread,
        callbacks: Callbacks,
        timeout: float,
        added: Callable[[VideoReceiver | AudioReceiver], None],
        removed: Callable[[VideoReceiver | AudioReceiver], None],
    ) -> None:
        self._on_added = added
        self._on_removed = removed
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        # Replaced by the loop, never changed.
        self._videos: tuple[VideoReceiver, ...] = ()
        self._audios: tuple[AudioReceiver, ...] = ()
        # Feeds that wait for a track of the peer connection with which the session was resumed. Used by the loop alone.
        self._waiting: list[TrackFeed] = []
        # Tracks whose last frame may still be being decoded.
        self._removed: WeakSet[ReceivedTrack] = WeakSet()
        # Guards the attributes below: a recorder that is made at the moment of the end must hear of the end.
        self._lock = threading.Lock()
        self._recorders: list[RecorderThread] = []
        self.message_recorders: tuple[RecorderThread, ...] = ()
        """The recorders of messages on data channels. Replaced, never changed."""
        self._has_ended = False

    @property
    def videos(self) -> tuple[VideoReceiver, ...]:
        """The receivers of video tracks, in the order of the peer's description."""
        return self._videos

    @property
    def audios(self) -> tuple[AudioReceiver, ...]:
        """The receivers of audio tracks, in the order of the peer's description."""
        return self._audios

    def add(self, rtp: MediaReceiver, named: str) -> None:
        """Add a track, or resume the receiver that waits for it; on the loop.

        Args:
            rtp: Receives the track's packets.
            named: The session as errors and log lines name it.
        """
        for waiting in self._waiting:
            if waiting.kind == rtp.kind and waiting.name == rtp.name:
                self._waiting.remove(waiting)
                waiting.resume(rtp)
                return
        # Sessions without media do not need numpy.
        from .receiving.audio_receiver import AudioReceiver
        from .receiving.video_receiver import VideoReceiver

        track = ReceivedTrack(named, rtp, self._loop, self._callbacks, self._timeout)
        if rtp.kind == "video":
            video = VideoReceiver(track)
            self._videos = (*self._videos, video)
            self._on_added(video)
        else:
            audio = AudioReceiver(track)
            self._audios = (*self._audios, audio)
            self._on_added(audio)

    def remove(self, rtp: MediaReceiver, named: str) -> None:
        """End a track that the peer has removed; on the loop. Recordings go on.

        Args:
            rtp: Received the track's packets.
            named: The session as errors and log lines name it.
        """
        tracks: tuple[VideoReceiver | AudioReceiver, ...] = (*self._videos, *self._audios)
        found = next((each for each in tracks if track_of(each).feed.rtp is rtp), None)
        if found is not None:
            self._videos = tuple(each for each in self._videos if each is not found)
            self._audios = tuple(each for each in self._audios if each is not found)
            track = track_of(found)
            self._removed.add(track)
            track.end(TrackRemoved(f"{named}: the peer removed the {rtp.kind} track {found.name!r}"))
            self._on_removed(found)

    def go_on_with(self, resumed: ReceivedMedia, named: str) -> None:
        """Continue with the tracks of another peer connection; on the loop.

        Each receiver continues with the track of its name, else with the next track of its kind.

        Args:
            resumed: The tracks of that peer connection; its receivers end.
            named: The session as errors and log lines name it.
        """
        self._waiting.clear()
        for before, after in ((self._videos, resumed.videos), (self._audios, resumed.audios)):
            successors = {each.name: each for each in after}
            unnamed = [each for each in before if each.name not in successors]
            for receiver in before:
                if (successor := successors.pop(receiver.name, None)) is not None:
                    track_of(receiver).feed.resume(track_of(successor).feed.rtp)
            others = [each for each in after if each.name in successors]
            for receiver, successor in zip(unnamed, others, strict=False):
                track_of(receiver).feed.resume(track_of(successor).feed.rtp)
            self._waiting += (track_of(each).feed for each in unnamed[len(others) :])
            for successor in others[len(unnamed) :]:
                self.add(track_of(successor).feed.rtp, named)
        resumed.end(None)

    def record(
        self,
        path: str | os.PathLike[str],
        tracks: Sequence[TrackReceiver],
        named: str,
        segment_seconds: float | None,
    ) -> Recorder:
        """Make a recorder.

        Args:
            path: Path of the file.
            tracks: The tracks to record, in their order in the file.
            named: The session as errors and log lines name it.
            segment_seconds: As in `Recorder`.

        Raises:
            ValueError: The path's suffix is not that of a container, a segment is too short, or such a file holds fewer tracks.
            SessionClosed: The session has ended.
        """
        from .recording.recorder import Recorder
        from .recording.recorder_thread import RecorderThread

        feeds = [track_of(each).feed for each in tracks]
        thread = RecorderThread(Path(path), feeds, named, self._loop, segment_seconds)
        recorder = Recorder(thread, self._timeout, self._callbacks)
        with self._lock:
            if self._has_ended:
                raise SessionClosed(f"recording {named} to {os.fspath(path)}: the session is closed")
            self._recorders = [each for each in self._recorders if each.state != "closed"]
            self._recorders.append(thread)
            self.message_recorders = tuple(each for each in self._recorders if each.takes_messages)
        return recorder

    def end(self, error: Exception | None) -> None:
        """Tell readers and recorders that no more frames come; on the loop."""
        with self._lock:
            self._has_ended = True
            recorders = list(self._recorders)
        for receiver in (*self._videos, *self._audios):
            track_of(receiver).end(error)
        for recorder in recorders:
            recorder.end(error)

    async def wait_ended(self, seconds: float) -> None:
        """Wait until no thread decodes any more; after `end`, on the loop.

        Args:
            seconds: Maximum wait. A thread that takes longer is logged.
        """
        ended = (*map(track_of, self._videos), *map(track_of, self._audios), *self._removed)
        await asyncio.gather(*(each.wait_ended(seconds) for each in ended))

    def finish_recordings(self, deadline: Deadline) -> None:
        """Wait until the recordings are finished; on a caller's thread.

        A recorder whose recording failed logs the failure and keeps it as `error`.
        """
        with self._lock:
            recorders = list(self._recorders)
        for recorder in recorders:
            recorder.wait_finished(deadline)
