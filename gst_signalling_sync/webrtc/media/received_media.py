"""`ReceivedMedia`: the tracks that a session's other end sends, and the recordings of them.

The loop adds tracks and ends them; any thread reads the lists and starts recordings.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import SessionClosed
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
    """

    def __init__(self, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        # Replaced by the loop, never changed.
        self._videos: tuple[VideoReceiver, ...] = ()
        self._audios: tuple[AudioReceiver, ...] = ()
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
        # Sessions without media do without numpy.
        from .receiving.audio_receiver import AudioReceiver
        from .receiving.video_receiver import VideoReceiver

        if rtp.kind == "video":
            video = VideoReceiver(named, rtp, self._loop, self._callbacks, self._timeout)
            self._videos = (*self._videos, video)
        else:
            audio = AudioReceiver(named, rtp, self._loop, self._callbacks, self._timeout)
            self._audios = (*self._audios, audio)

    def go_on_with(self, resumed: ReceivedMedia, named: str) -> None:
        """Go on with the tracks of another peer connection: each with that of its name, else the next one of its kind.

        On the loop.

        Args:
            resumed: What that peer connection brought; it ends.
            named: The session as errors and log lines name it.
        """
        for before, after in ((self._videos, resumed.videos), (self._audios, resumed.audios)):
            successors = {each.name: each for each in after}
            unnamed = [each for each in before if each.name not in successors]
            for receiver in before:
                if (successor := successors.pop(receiver.name, None)) is not None:
                    receiver.feed.resume(successor.rtp)
            others = [each for each in after if each.name in successors]
            for receiver, successor in zip(unnamed, others, strict=False):
                receiver.feed.resume(successor.rtp)
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
        await asyncio.gather(*(each.wait_ended(seconds) for each in (*self._videos, *self._audios)))

    def finish_recordings(self, deadline: Deadline) -> None:
        """Wait until the recordings are whole; what went wrong with one is in its `error`, and logged. On a caller's thread."""
        with self._lock:
            recorders = list(self._recorders)
        for recorder in recorders:
            recorder.wait_finished(deadline)
