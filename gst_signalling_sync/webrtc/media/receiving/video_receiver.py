"""`VideoReceiver`: the newest received frame of a video track."""

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
from ....threads import clock
from ..encoded_frame import EncodedFrame
from ..frame import Frame
from ..frame_conversion import check_format, check_size, to_array
from .frame_rate import FrameRate
from .received_track import ReceivedTrack
from .track_receiver import FOREVER, TrackReceiver
from .video_decoder import VideoDecoder

__all__ = ["UNREAD_SECONDS", "VideoReceiver"]

_AV_NAMES: Final = {"gray8": "gray"}

UNREAD_SECONDS: Final = 10.0
"""How long a track is decoded before anybody asks for a frame, in seconds. A reader that begins at once thus gets the first
keyframe of the stream, and the sender need not make another one."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A decoded frame.

    Attributes:
        image: The frame, not converted yet.
        captured_at: As in `Frame`.
        received_at: As in `Frame`.
        number: As in `Frame`.
        repeated: As in `Frame`.
        fresh_since: Arrival of this frame, or of the frame that it repeats, on `threads.clock`.
    """

    image: av.VideoFrame
    captured_at: float | None
    received_at: float
    number: int
    repeated: bool | None
    fresh_since: float


class VideoReceiver(TrackReceiver):
    """A video track of a session; every method may be called from any thread and from callbacks.

    Only the newest frame is kept. Each frame is read once: with several readers, it goes to one of them. `read`, `latest` and
    the signal do not take frames from one another.

    An unused track is decoded for its first 10 s only. The first call, or the first receiver of `frame`, has it decoded from
    the next keyframe on, which is requested from the sender. `fps` and the packet counts need no decoding.

    A sender whose source writes nothing repeats its last frame every second, so frames alone do not prove that a camera works.
    `age` does, and so does `Frame.repeated` of `read_frame`.

    Example:
        frame = session.video.read(timeout=2)  # the newest, not read before
        small = session.videos["wrist"].latest(size=(320, 240))  # at once; None before the first

    Signals:
        frame(receiver, frame): A frame arrived. A slow callback gets fewer frames, and always the newest one.

    Iterating over it yields ``bgr24`` arrays until the session is closed.
    """

    def __init__(self, track: ReceivedTrack) -> None:
        super().__init__(track)
        # Guarded by the track's lock.
        self._newest: _Decoded | None = None
        self._is_read = self._is_seen = True
        # For each thread of the receivers of `frame`: the number of frames at its last emission, and whether one is posted.
        self._emitted: dict[str | None, int] = {}
        self._emissions_due: set[str | None] = set()
        self._rate = FrameRate()
        self._frames_dropped = 0
        # Whether anybody has asked for a frame or for its properties.
        self._is_wanted = False
        # Used by the loop alone: when the first frame came, and whether frames are left undecoded.
        self._first_time: float | None = None
        self._is_asleep = False
        # Used by the decoder thread alone.
        self._video_decoder = VideoDecoder()

        self.frame = Signal(
            "A frame arrived: ``(receiver, frame)``, an `av.VideoFrame`. A slow callback gets fewer of them, and always the"
            " newest.",
            self._want,
        )
        track.begin(self._decode, self._on_frame)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the newest frame, in pixels; None before the first."""
        self._want()
        newest = self._newest
        return None if newest is None else (newest.image.width, newest.image.height)

    @property
    def age(self) -> float | None:
        """Seconds since a new frame arrived, also those in which the machine slept. Frames known to be repeated do not count.

        None before the first frame. The age grows if the camera or the network fails; `fps` tells which: sources of this
        library repeat their last frame, so only a failure of the network lets it fall to 0.
        """
        self._want()
        newest = self._newest
        return None if newest is None else clock.now() - newest.fresh_since

    @property
    def fps(self) -> float:
        """Frames of the last second, or a fraction if there are less than two; 0.0 when they have stopped.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._track.owner.check()
        with self._track.changed:
            return self._rate.per_second(time.monotonic())

    @property
    def frames_received(self) -> int:
        """Number of frames decoded."""
        self._want()
        return self._track.frames_decoded

    @property
    def frames_dropped(self) -> int:
        """Number of decoded frames that a newer one replaced before `read`, `latest` or a receiver of `frame` got them."""
        return self._frames_dropped

    def read(
        self, format: str = "bgr24", timeout: float | None = None, *, size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Wait for the newest frame that was not read before, and convert it in the calling thread.

        Args:
            format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``. Defaults to ``"bgr24"``.
            timeout: Seconds. Defaults to the role object's timeout.
            size: Width and height in pixels to scale to. Defaults to None: the size that was sent.

        Returns:
            uint8 array of shape ``(height, width, 3)`` for bgr24 and rgb24, ``(height, width)`` for gray8,
            ``(height * 3 / 2, width)`` for yuv420p. The array belongs to the caller.

        Raises:
            WaitTimeout: No frame came in time.
            SessionClosed: The session ended, and the last frame was read.
            ValueError: The format is unknown, or the size is out of range.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        return self.read_frame(format, timeout, size=size).array

    def read_frame(
        self, format: str = "bgr24", timeout: float | None = None, *, size: tuple[int, int] | None = None
    ) -> Frame:
        """Wait for the newest frame that was not read before; return it with its times and number.

        Args:
            format: As in `read`.
            timeout: Seconds. Defaults to the role object's timeout.
            size: As in `read`.

        Returns:
            The frame. A repeated one counts as not read before; its attribute `repeated` is True.

        Raises:
            WaitTimeout: No frame came in time.
            SessionClosed: The session ended, and the last frame was read.
            ValueError: The format is unknown, or the size is out of range.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._track.owner.check()
        check_format(format)
        check_size(size)
        self._want()
        with self._track.changed:
            self._track.wait_until(lambda: not self._is_read, f"waiting for a frame of {self._track.named}", timeout)
            newest = self._newest
            self._is_read = self._is_seen = True
        assert newest is not None
        return _as_frame(newest, format, size)

    def latest(self, format: str = "bgr24", *, size: tuple[int, int] | None = None) -> NDArray[np.uint8] | None:
        """The newest frame, at once. It can still be read.

        Args:
            format: As in `read`.
            size: As in `read`.

        Returns:
            An array as from `read`; None before the first frame. When frames have stopped, or the session is closed, the last
            frame: `age` says how old it is.

        Raises:
            ValueError: The format is unknown, or the size is out of range.
            RuntimeError: The session was inherited by `fork`.
        """
        latest = self.latest_frame(format, size=size)
        return None if latest is None else latest.array

    def latest_frame(self, format: str = "bgr24", *, size: tuple[int, int] | None = None) -> Frame | None:
        """The newest frame with its times and number, at once. It can still be read.

        Args:
            format: As in `read`.
            size: As in `read`.

        Returns:
            The frame; None before the first one. When frames have stopped, or the session is closed, the last one.

        Raises:
            ValueError: The format is unknown, or the size is out of range.
            RuntimeError: The session was inherited by `fork`.
        """
        self._track.owner.check()
        check_format(format)
        check_size(size)
        self._want()
        with self._track.changed:
            newest = self._newest
            self._is_seen = True
        return None if newest is None else _as_frame(newest, format, size)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the newest frame repeatedly, each frame once, until the session is closed."""
        while True:
            try:
                yield self.read(timeout=FOREVER)
            except SessionClosed:
                return

    def _want(self) -> None:
        """Have frames decoded from now on."""
        if self._is_wanted:
            return
        self._is_wanted = True
        if self._is_asleep:
            # The next frame would request it too, but a paused source sends only one a second.
            self._track.feed.request_keyframe()

    def _on_frame(self, frame: EncodedFrame) -> None:
        if self._is_wanted:
            self._is_asleep = False
            self._track.put(frame)
            return
        if self._first_time is None:
            self._first_time = frame.time
        if frame.time - self._first_time <= UNREAD_SECONDS:
            self._track.put(frame)
            return
        if not self._is_asleep:
            self._is_asleep = True
            self._track.skip()
        with self._track.changed:
            self._rate.add(time.monotonic())
            # A frame of before would be taken for the newest one forever.
            self._newest = None
            self._is_read = self._is_seen = True

    def _decode(self, frame: EncodedFrame) -> None:
        for image in self._video_decoder.decode(frame):
            self._add(image, frame)

    def _add(self, image: av.VideoFrame, frame: EncodedFrame) -> None:
        before = self._newest
        told = frame.captured_at
        repeated = None if told is None else before is not None and told == before.captured_at
        waited = time.monotonic() - frame.time
        fresh_since = before.fresh_since if before is not None and repeated else clock.now() - waited
        captured_at = self._track.feed.clock.seconds(frame.timestamp) if told is None else told
        received_at = time.time() - waited
        with self._track.changed:
            if not self._is_seen:
                self._frames_dropped += 1
            self._newest = _Decoded(image, captured_at, received_at, self._track.frames_decoded, repeated, fresh_since)
            self._is_read = self._is_seen = False
            self._rate.add(time.monotonic())
            # Set after the frame, because it is read without the lock.
            self._track.frames_decoded += 1
            threads = [each for each in self.frame.threads_for(self) if each not in self._emissions_due]
            self._emissions_due.update(threads)
            self._track.changed.notify_all()
        for thread in threads:
            self._track.callbacks.post_to(thread, self._emit, thread)

    def _emit(self, thread: str | None) -> None:
        with self._track.changed:
            self._emissions_due.discard(thread)
            newest, number = self._newest, self._track.frames_decoded
            if newest is None or self._emitted.get(thread) == number:
                return
            self._emitted[thread] = number
            self._is_seen = True
        self.frame.emit_on(thread, self, {"frame": newest.image})


class _Reformatters(threading.local):
    """A converter per thread and format: several threads may convert a frame at once, and none is safe to share."""

    def __init__(self) -> None:
        self._by_format: dict[str, VideoReformatter] = {}

    def of(self, format: str) -> VideoReformatter:
        """The converter for a format; it keeps what it computed for the last frame of that format."""
        if format not in self._by_format:
            self._by_format[format] = VideoReformatter()
        return self._by_format[format]


_reformatters = _Reformatters()


def _as_frame(decoded: _Decoded, format: str, size: tuple[int, int] | None) -> Frame:
    # One thread: the work belongs to the calling thread.
    reformatter = _reformatters.of(format)
    width, height = size or (decoded.image.width, decoded.image.height)
    converted = reformatter.reformat(decoded.image, width, height, _AV_NAMES.get(format, format), threads=1)
    array = to_array(converted, format)
    return Frame(array, decoded.captured_at, decoded.received_at, decoded.number, decoded.repeated)
