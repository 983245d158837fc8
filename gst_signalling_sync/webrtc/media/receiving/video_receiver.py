"""`VideoReceiver`: the pictures that the other end sends, the newest first and only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ....errors import SessionClosed
from ....signals import Signal
from ....threads.callbacks import Callbacks
from ....threads.loop_thread import LoopThread
from ..encoded_frame import EncodedFrame
from ..pictures import check_format, to_array
from .frame_rate import FrameRate
from .media_receiver import MediaReceiver
from .track_receiver import FOR_EVER, TrackReceiver
from .video_decoder import VideoDecoder

__all__ = ["VideoReceiver"]

_AV_NAMES: Final = {"gray8": "gray"}


class VideoReceiver(TrackReceiver):
    """A video track of a session; every method may be called from any thread and from callbacks.

    Only the newest picture is kept. Each is read once: with several readers, each picture goes to one of them. Reading,
    `latest` and the signal do not take pictures away from one another.

    Iterating over it yields ``bgr24`` arrays until the session is closed.
    """

    def __init__(self, named: str, rtp: MediaReceiver, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        # Guarded by the lock of the base class.
        self._newest: av.VideoFrame | None = None
        self._is_read = self._is_seen = True
        # For each thread of the receivers of `frame`: which frame they got last, and whether they are about to get one.
        self._emitted: dict[str | None, int] = {}
        self._emissions_due: set[str | None] = set()
        self._rate = FrameRate()
        self._frames_dropped = 0
        # The decoder thread's.
        self._video_decoder = VideoDecoder()

        self.frame = Signal(
            "A picture arrived: ``(receiver, frame)``, an `av.VideoFrame`. A slow callback gets fewer of them, and always the"
            " newest."
        )
        super().__init__(named, rtp, loop, callbacks, timeout)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the newest picture, in pixels; None before the first."""
        newest = self._newest
        return None if newest is None else (newest.width, newest.height)

    @property
    def fps(self) -> float:
        """Frames of the last second, or a fraction where there are less than two; 0.0 when they have stopped.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            return self._rate.per_second(time.monotonic())

    @property
    def frames_dropped(self) -> int:
        """Decoded pictures that a newer one replaced before `read`, `latest` or a receiver of `frame` got them."""
        return self._frames_dropped

    def read(self, format: str = "bgr24", timeout: float | None = None) -> NDArray[np.uint8]:
        """Wait for the newest picture that was not read before, and convert it in this thread.

        Args:
            format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``.
            timeout: Seconds; None: the role object's default.

        Returns:
            ``(height, width, 3)`` uint8 of bgr24 and rgb24, ``(height, width)`` of gray8, ``(height * 3 / 2, width)`` of
            yuv420p. It is the caller's own.

        Raises:
            WaitTimeout: None came in time.
            SessionClosed: The session ended, and the last picture was read.
            ValueError: The format is unknown.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        check_format(format)
        with self._changed:
            self._wait_until(lambda: not self._is_read, f"waiting for a picture of {self._named}", timeout)
            newest = self._newest
            self._is_read = self._is_seen = True
        assert newest is not None
        return _converted(newest, format)

    def latest(self, format: str = "bgr24") -> NDArray[np.uint8] | None:
        """The newest picture, at once; it can still be read.

        Args:
            format: As in `read`.

        Returns:
            As of `read`; None before the first picture. When pictures have stopped, or the session is closed, the last one.

        Raises:
            ValueError: The format is unknown.
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        check_format(format)
        with self._changed:
            newest = self._newest
            self._is_seen = True
        return None if newest is None else _converted(newest, format)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the newest picture again and again, each once, until the session is closed."""
        while True:
            try:
                yield self.read(timeout=FOR_EVER)
            except SessionClosed:
                return

    def _decode(self, frame: EncodedFrame) -> None:
        for picture in self._video_decoder.decode(frame):
            self._add(picture)

    def _add(self, picture: av.VideoFrame) -> None:
        with self._changed:
            if not self._is_seen:
                self._frames_dropped += 1
            self._newest = picture
            self._is_read = self._is_seen = False
            self._rate.add(time.monotonic())
            # After the picture is there, because it is read without the lock.
            self._frames_received += 1
            threads = [each for each in self.frame.threads_for(self) if each not in self._emissions_due]
            self._emissions_due.update(threads)
            self._changed.notify_all()
        for thread in threads:
            self._callbacks.post_to(thread, self._emit, thread)

    def _emit(self, thread: str | None) -> None:
        with self._changed:
            self._emissions_due.discard(thread)
            newest, number = self._newest, self._frames_received
            if newest is None or self._emitted.get(thread) == number:
                return
            self._emitted[thread] = number
            self._is_seen = True
        self.frame.emit_on(thread, self, {"frame": newest})


class _Reformatters(threading.local):
    """A converter for each thread: several may convert one picture at a time, and one is not to be shared by threads."""

    def __init__(self) -> None:
        self._by_format: dict[str, VideoReformatter] = {}

    def of(self, format: str) -> VideoReformatter:
        """The one for a format, which keeps what it computed for the last picture of that format."""
        if format not in self._by_format:
            self._by_format[format] = VideoReformatter()
        return self._by_format[format]


_reformatters = _Reformatters()


def _converted(picture: av.VideoFrame, format: str) -> NDArray[np.uint8]:
    # One thread: it is this one that is to do the work.
    converted = _reformatters.of(format).reformat(picture, format=_AV_NAMES.get(format, format), threads=1)
    return to_array(converted, format)
