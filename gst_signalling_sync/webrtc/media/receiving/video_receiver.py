"""`VideoReceiver`: the frames that the other end sends, the newest first and only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
from ..frame import Frame
from ..pictures import check_format, check_size, to_array
from .frame_rate import FrameRate
from .media_receiver import MediaReceiver
from .track_receiver import FOR_EVER, TrackReceiver
from .video_decoder import VideoDecoder

__all__ = ["VideoReceiver"]

_AV_NAMES: Final = {"gray8": "gray"}

_UNREAD_SECONDS: Final = 10.0
"""How long a track is decoded that nobody asks for. So whoever reads from the beginning gets the keyframe that a stream begins
with, and costs the sender no other."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A decoded frame.

    Attributes:
        image: Not converted yet.
        captured_at: As of `Frame`.
        received_at: As of `Frame`.
        number: As of `Frame`.
        repeated: As of `Frame`.
        fresh_since: `time.monotonic` when it, or the frame that it repeats, arrived.
    """

    image: av.VideoFrame
    captured_at: float | None
    received_at: float
    number: int
    repeated: bool | None
    fresh_since: float


class VideoReceiver(TrackReceiver):
    """A video track of a session; every method may be called from any thread and from callbacks.

    Only the newest frame is kept. Each is read once: with several readers, each frame goes to one of them. Reading,
    `latest` and the signal do not take frames away from one another.

    A track that nobody uses is not decoded after its first 10 s. From the first call, or the first receiver of `frame`, on it
    is, beginning with a keyframe, for which the sender is asked; `fps` and the counts of packets do not need that.

    A sender whose source writes nothing sends its last frame again every second, so frames alone do not tell that a camera
    lives: `age`, and `Frame.repeated` of `read_frame`, do.

    Example:
        frame = session.video.read(timeout=2)  # the newest, not read before
        small = session.videos["wrist"].latest(size=(320, 240))  # at once; None before the first

    Signals:
        frame(receiver, frame): A frame arrived. A slow callback gets fewer of them, and always the newest.

    Iterating over it yields ``bgr24`` arrays until the session is closed.
    """

    def __init__(self, named: str, rtp: MediaReceiver, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        # Guarded by the lock of the base class.
        self._newest: _Decoded | None = None
        self._is_read = self._is_seen = True
        # For each thread of the receivers of `frame`: which frame they got last, and whether they are about to get one.
        self._emitted: dict[str | None, int] = {}
        self._emissions_due: set[str | None] = set()
        self._rate = FrameRate()
        self._frames_dropped = 0
        # Whether anybody has asked for a frame, or for what is known of it.
        self._is_wanted = False
        # The loop's: when the first frame came, and whether frames are left out.
        self._first_time: float | None = None
        self._is_asleep = False
        # The decoder thread's.
        self._video_decoder = VideoDecoder()

        self.frame = Signal(
            "A frame arrived: ``(receiver, frame)``, an `av.VideoFrame`. A slow callback gets fewer of them, and always the"
            " newest.",
            self._want,
        )
        super().__init__(named, rtp, loop, callbacks, timeout)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the newest frame, in pixels; None before the first."""
        self._want()
        newest = self._newest
        return None if newest is None else (newest.image.width, newest.image.height)

    @property
    def age(self) -> float | None:
        """Seconds since something new arrived, by this machine's clock: frames that are known to be repeated do not count.

        None before the first frame. It grows when the camera has died as it does when the network has; `fps` tells which.
        """
        self._want()
        newest = self._newest
        return None if newest is None else time.monotonic() - newest.fresh_since

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
    def frames_received(self) -> int:
        """Frames that were decoded."""
        self._want()
        return self._frames_received

    @property
    def frames_dropped(self) -> int:
        """Decoded frames that a newer one replaced before `read`, `latest` or a receiver of `frame` got them."""
        return self._frames_dropped

    def read(
        self, format: str = "bgr24", timeout: float | None = None, *, size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Wait for the newest frame that was not read before, and convert it in this thread.

        Args:
            format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``.
            timeout: Seconds; None: the role object's default.
            size: Width and height in pixels to scale to; None: as it was sent.

        Returns:
            ``(height, width, 3)`` uint8 of bgr24 and rgb24, ``(height, width)`` of gray8, ``(height * 3 / 2, width)`` of
            yuv420p. It is the caller's own.

        Raises:
            WaitTimeout: None came in time.
            SessionClosed: The session ended, and the last frame was read.
            ValueError: The format is unknown, or the size is none.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        return self.read_frame(format, timeout, size=size).array

    def read_frame(
        self, format: str = "bgr24", timeout: float | None = None, *, size: tuple[int, int] | None = None
    ) -> Frame:
        """Wait for the newest frame that was not read before, with what is known of its age.

        Args:
            format: As in `read`.
            timeout: Seconds; None: the role object's default.
            size: As in `read`.

        Returns:
            The frame. A repeated one is new to this call, and says of itself that it is `repeated`.

        Raises:
            WaitTimeout: None came in time.
            SessionClosed: The session ended, and the last frame was read.
            ValueError: The format is unknown, or the size is none.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        check_format(format)
        check_size(size)
        self._want()
        with self._changed:
            self._wait_until(lambda: not self._is_read, f"waiting for a frame of {self._named}", timeout)
            newest = self._newest
            self._is_read = self._is_seen = True
        assert newest is not None
        return _as_frame(newest, format, size)

    def latest(self, format: str = "bgr24", *, size: tuple[int, int] | None = None) -> NDArray[np.uint8] | None:
        """The newest frame, at once; it can still be read.

        Args:
            format: As in `read`.
            size: As in `read`.

        Returns:
            As of `read`; None before the first frame. When frames have stopped, or the session is closed, the last one:
            `age` tells how old it is.

        Raises:
            ValueError: The format is unknown, or the size is none.
            RuntimeError: The session was inherited by `fork`.
        """
        latest = self.latest_frame(format, size=size)
        return None if latest is None else latest.array

    def latest_frame(self, format: str = "bgr24", *, size: tuple[int, int] | None = None) -> Frame | None:
        """The newest frame, at once, with what is known of its age; it can still be read.

        Args:
            format: As in `read`.
            size: As in `read`.

        Returns:
            The frame; None before the first. When frames have stopped, or the session is closed, the last one.

        Raises:
            ValueError: The format is unknown, or the size is none.
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        check_format(format)
        check_size(size)
        self._want()
        with self._changed:
            newest = self._newest
            self._is_seen = True
        return None if newest is None else _as_frame(newest, format, size)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the newest frame again and again, each once, until the session is closed."""
        while True:
            try:
                yield self.read(timeout=FOR_EVER)
            except SessionClosed:
                return

    def _want(self) -> None:
        """Have frames decoded from now on."""
        if self._is_wanted:
            return
        self._is_wanted = True
        if self._is_asleep:
            # The next frame would ask for it too, but a source that pauses has one a second.
            self.feed.request_keyframe()

    def _take(self, frame: EncodedFrame) -> None:
        if self._is_wanted:
            self._is_asleep = False
            super()._take(frame)
            return
        if self._first_time is None:
            self._first_time = frame.time
        if frame.time - self._first_time <= _UNREAD_SECONDS:
            super()._take(frame)
            return
        if not self._is_asleep:
            self._is_asleep = True
            self._decoder.skip()
        with self._changed:
            self._rate.add(time.monotonic())
            # It would be taken for a new one forever.
            self._newest = None
            self._is_read = self._is_seen = True

    def _decode(self, frame: EncodedFrame) -> None:
        for image in self._video_decoder.decode(frame):
            self._add(image, frame)

    def _add(self, image: av.VideoFrame, frame: EncodedFrame) -> None:
        before = self._newest
        told = frame.captured_at
        repeated = None if told is None else before is not None and told == before.captured_at
        fresh_since = before.fresh_since if before is not None and repeated else frame.time
        captured_at = self.rtp.clock.seconds(frame.timestamp) if told is None else told
        received_at = time.time() - (time.monotonic() - frame.time)
        with self._changed:
            if not self._is_seen:
                self._frames_dropped += 1
            self._newest = _Decoded(image, captured_at, received_at, self._frames_received, repeated, fresh_since)
            self._is_read = self._is_seen = False
            self._rate.add(time.monotonic())
            # After the frame is there, because it is read without the lock.
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
        self.frame.emit_on(thread, self, {"frame": newest.image})


class _Reformatters(threading.local):
    """A converter for each thread: several may convert one frame at a time, and one is not to be shared by threads."""

    def __init__(self) -> None:
        self._by_format: dict[str, VideoReformatter] = {}

    def of(self, format: str) -> VideoReformatter:
        """The one for a format, which keeps what it computed for the last frame of that format."""
        if format not in self._by_format:
            self._by_format[format] = VideoReformatter()
        return self._by_format[format]


_reformatters = _Reformatters()


def _as_frame(decoded: _Decoded, format: str, size: tuple[int, int] | None) -> Frame:
    # One thread: it is this one that is to do the work.
    reformatter = _reformatters.of(format)
    width, height = size or (decoded.image.width, decoded.image.height)
    converted = reformatter.reformat(decoded.image, width, height, _AV_NAMES.get(format, format), threads=1)
    array = to_array(converted, format)
    return Frame(array, decoded.captured_at, decoded.received_at, decoded.number, decoded.repeated)
