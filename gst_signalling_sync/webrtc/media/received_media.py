"""`ReceivedMedia`: the tracks that a session's other end sends, and the recordings of them.

The loop adds tracks and ends them; any thread reads the lists and starts recordings.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

from ...errors import SessionClosed, TrackRemoved
from ...threads.callbacks import Callbacks
from ...threads.loop_thread import LoopThread
from ...threads.waiting import Deadline
from .receiving.media_receiver import MediaReceiver

if TYPE_CHECKING:
    from .receiving.audio_receiver import AudioReceiver
    from .receiving.track_receiver import TrackReceiver
    from .receiving.video_receiver import VideoReceiver
    from .recording.recorder import Recorder

__all__ = ["ReceivedMedia"]


class ReceivedMedia:
    """What a session receives.

    Args:
        loop: The loop of the session.
        callbacks: Deliver the signals of receivers.
        timeout: Seconds that a blocking call of a receiver or recorder may take by default.
        added: Is told on the loop of each track that there was not before.
        removed: Is told on the loop of each track that the other end has removed.
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
        # Whose track a session that was resumed has not, or not yet. The loop's.
        self._waiting: list[VideoReceiver | AudioReceiver] = []
        # Which may still be decoding their last frame.
        self._removed: WeakSet[TrackReceiver] = WeakSet()
        # Guards what follows: a recorder that is made in the moment of the end must hear of the end.
        self._lock = threading.Lock()
        self._recorders: list[Recorder] = []
        self.message_recorders: tuple[Recorder, ...] = ()
        """Those that record what comes on data channels. Replaced, never changed."""
        self._has_ended = False

    @property
    def videos(self) -> tuple[VideoReceiver, ...]:
        """Of each video track, in the order of the other end's description."""
        return self._videos

    @property
    def audios(self) -> tuple[AudioReceiver, ...]:
        """Of each audio track, in the order of the other end's description."""
        return self._audios

    def add(self, rtp: MediaReceiver, named: str) -> None:
        """Take on a track; on the loop.

        Args:
            rtp: What receives it.
            named: The session as errors and log lines name it.
        """
        for waiting in self._waiting:
            if waiting.feed.kind == rtp.kind and waiting.name == rtp.name:
                self._waiting.remove(waiting)
                waiting.feed.resume(rtp)
                return
        # Sessions without media do without numpy.
        from .receiving.audio_receiver import AudioReceiver
        from .receiving.video_receiver import VideoReceiver

        if rtp.kind == "video":
            video = VideoReceiver(named, rtp, self._loop, self._callbacks, self._timeout)
            self._videos = (*self._videos, video)
            self._on_added(video)
        else:
            audio = AudioReceiver(named, rtp, self._loop, self._callbacks, self._timeout)
            self._audios = (*self._audios, audio)
            self._on_added(audio)

    def remove(self, rtp: MediaReceiver, named: str) -> None:
        """End a track that the other end has removed; on the loop. Recordings go on.

        Args:
            rtp: What received it.
            named: The session as errors and log lines name it.
        """
        tracks: tuple[VideoReceiver | AudioReceiver, ...] = (*self._videos, *self._audios)
        found = next((each for each in tracks if each.rtp is rtp), None)
        if found is not None:
            self._videos = tuple(each for each in self._videos if each is not found)
            self._audios = tuple(each for each in self._audios if each is not found)
            self._removed.add(found)
            found.end(TrackRemoved(f"{named}: the peer removed the {rtp.kind} track {found.name!r}"))
            self._on_removed(found)

    def go_on_with(self, resumed: ReceivedMedia, named: str) -> None:
        """Go on with the tracks of another peer connection: each with that of its name, else the next one of its kind.

        On the loop.

        Args:
            resumed: What that peer connection brought; it ends.
            named: The session as errors and log lines name it.
        """
        self._waiting.clear()
        for before, after in ((self._videos, resumed.videos), (self._audios, resumed.audios)):
            successors = {each.name: each for each in after}
            unnamed = [each for each in before if each.name not in successors]
            for receiver in before:
                if (successor := successors.pop(receiver.name, None)) is not None:
                    receiver.feed.resume(successor.rtp)
            others = [each for each in after if each.name in successors]
            for receiver, successor in zip(unnamed, others, strict=False):
                receiver.feed.resume(successor.rtp)
            self._waiting += unnamed[len(others) :]
            for successor in others[len(unnamed) :]:
                self.add(successor.rtp, named)
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
            path: Of the file.
            tracks: In the order of the file.
            named: The session as errors and log lines name it.
            segment_seconds: As of `Recorder`.

        Raises:
            ValueError: The file name has another suffix than those of containers, a segment is too short, or such a file does
                not hold so many tracks.
            SessionClosed: The session has ended.
        """
        from .recording.recorder import Recorder

        feeds = [each.feed for each in tracks]
        recorder = Recorder(path, feeds, named, self._timeout, self._callbacks, self._loop, segment_seconds)
        with self._lock:
            if self._has_ended:
                raise SessionClosed(f"recording {os.fspath(path)}: {named} is closed")
            self._recorders = [each for each in self._recorders if each.state != "closed"]
            self._recorders.append(recorder)
            self.message_recorders = tuple(each for each in self._recorders if each.takes_messages)
        return recorder

    def end(self, error: Exception | None) -> None:
        """Tell readers and recorders that nothing follows; on the loop."""
        with self._lock:
            self._has_ended = True
            recorders = list(self._recorders)
        for receiver in (*self._videos, *self._audios):
            receiver.end(error)
        for recorder in recorders:
            recorder.end(error)

    async def wait_ended(self, seconds: float) -> None:
        """Wait until no thread decodes any more, after `end`; on the loop.

        Args:
            seconds: How long at the most; a thread that takes longer is logged.
        """
        ended = (*self._videos, *self._audios, *self._removed)
        await asyncio.gather(*(each.wait_ended(seconds) for each in ended))

    def finish_recordings(self, deadline: Deadline) -> None:
        """Wait until the recordings are whole; what went wrong with one is in its `error`, and logged. On a caller's thread."""
        with self._lock:
            recorders = list(self._recorders)
        for recorder in recorders:
            recorder.wait_finished(deadline)
