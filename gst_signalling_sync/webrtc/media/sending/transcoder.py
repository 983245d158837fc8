"""`Transcoder`: decodes a stream that was encoded elsewhere and encodes it again, for links that cannot take it unchanged.

Threads: writers put access units into a queue. While any session takes the track, one thread decodes them and writes the frames
to a `VideoFeed`, whose thread encodes them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import av

from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.waiting import Deadline
from ..codecs.codec import SendForm
from ..encoded_frame import EncodedFrame
from ..failures import DecodingError, Failures
from ..receiving.video_decoder import VideoDecoder
from .fan_out import Sink
from .source_thread import SourceThread
from .video_feed import VideoFeed

__all__ = ["Transcoder"]

logger = logging.getLogger(__name__)

_MAX_WAITING: Final = 60
"""Maximum number of waiting access units beside those with which decoding begins: more are not decoded in time."""

_DATED_SECONDS: Final = 30.0
"""An older frame, of a source that has ended, gets the time of now when a receiver begins with it."""

_CURRENT_SECONDS: Final = 0.2
"""An older frame that others follow is decoded only because they refer to it."""


class Transcoder(VideoFeed):
    """A source whose frames are decoded from access units.

    Args:
        fps: Maximum frame rate, in frames per second.
        joinable: Returns the access units since the last keyframe, with which decoding begins.
        ask: Called when decoding can go on only with a keyframe.
        named: Returns the name of the source for log lines.
        encoder: As in `VideoSource`. Defaults to None.
    """

    def __init__(
        self,
        fps: float,
        joinable: Callable[[], list[EncodedFrame]],
        ask: Callable[[], None],
        named: Callable[[], str],
        encoder: str | None = None,
    ) -> None:
        super().__init__(fps, encoder=encoder)
        self._joinable = joinable
        self._ask = ask
        self._named = named
        # Guards the attributes below; notified when the decoder thread may have something to do.
        self._units_changed = Condition()
        self._units: deque[EncodedFrame] = deque()
        self._watching: set[Sink] = set()
        self._allowed = _MAX_WAITING
        self._awaits_keyframe = True
        self._newest_timestamp = -1
        self._decoder = SourceThread("transcoder")
        self._decoding_failures = Failures(logger, named, (av.FFmpegError, DecodingError))

    def decode(self, frame: EncodedFrame) -> None:
        """Put the next access unit into the queue, if any session takes the track; returns at once."""
        with self._units_changed:
            if not self._watching or frame.timestamp <= self._newest_timestamp:
                return
            self._newest_timestamp = frame.timestamp
            if len(self._units) >= self._allowed:
                # The next access units cannot be decoded without these.
                self._units.clear()
                self._allowed = _MAX_WAITING
                self._awaits_keyframe = True
                self._ask()
            self._awaits_keyframe = self._awaits_keyframe and not frame.keyframe
            if not self._awaits_keyframe:
                self._units.append(frame)
                self._units_changed.notify_all()

    def attach(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver frames to a session's sender; see `VideoFeed.attach`."""
        with self._units_changed:
            if not self._watching:
                logger.info("%s: frames are re-encoded for peers that cannot take the stream as it is", self._named())
                self._units = deque(self._joinable())
                self._awaits_keyframe = not self._units
                # A writer may be about to put the last one, which is among these.
                self._newest_timestamp = self._units[-1].timestamp if self._units else -1
                self._allowed = len(self._units) + _MAX_WAITING
            self._watching.add(sink)
            self._decoder.ensure(self._decode_all)
        super().attach(sink, form, loop)

    def detach(self, sink: Sink) -> None:
        """Stop delivering to a sender. The threads end with the last sender."""
        super().detach(sink)
        with self._units_changed:
            self._watching.discard(sink)
            self._units_changed.notify_all()

    def join(self, deadline: Deadline) -> None:
        """Wait until the threads have ended, if no session takes the track any more; on a caller's thread."""
        super().join(deadline)
        if not self._watching and not self._decoder.join(deadline):
            logger.warning("%s: a frame is still being decoded %g s after close()", self._named(), deadline.seconds)

    # The following methods run on the decoder thread.

    def _decode_all(self) -> None:
        decoder = VideoDecoder()
        is_damaged = False
        while (taken := self._take()) is not None:
            unit, others_wait = taken
            if is_damaged and not unit.keyframe:
                continue
            now = time.monotonic()
            try:
                frames = decoder.decode(unit)
                is_damaged = False
                if frames and (not others_wait or now - unit.time < _CURRENT_SECONDS):
                    self.write(frames[-1], captured=unit.time if now - unit.time < _DATED_SECONDS else None)
            except Exception as error:  # noqa: BLE001 - reported; the next keyframe may be better
                self._decoding_failures.add("decode a frame to re-encode it", error, now)
                is_damaged = True
                self._ask()
            else:
                self._decoding_failures.passed()

    def _take(self) -> tuple[EncodedFrame, bool] | None:
        """Wait for the next access unit; return it, and whether others follow it. None: the thread must end."""
        with self._units_changed:
            while self._watching:
                if self._units:
                    return self._units.popleft(), bool(self._units)
                self._units_changed.wait()
            self._units.clear()
            self._decoder.leave()
            return None
