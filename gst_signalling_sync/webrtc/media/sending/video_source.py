"""`VideoSource`: written frames are encoded once per codec, for all sessions.

Threads: writers leave the newest frame in a slot. While any session takes the track, one thread takes frames from the slot,
converts and encodes them; the loop delivers the result. One lock guards the slot and the receivers' requests to the encoders.
No thread holds it while it converts or encodes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import av
from av.video.reformatter import VideoReformatter

from ....errors import MediaError
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline
from ...sender_clock import capture_time
from ..codecs import DEFAULT_VIDEO, sent_video
from ..codecs.codec import SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE
from ..failures import Failures
from ..frame_conversion import to_frame, to_yuv420p
from ..track_names import checked_name
from .chosen_encoder import ChosenEncoder, EncoderInUse
from .controlled_track import ControlledTrack
from .degradation import Degradation, DegradationPreference
from .encoder_choice import choose_encoder
from .encoder_thread import EncoderThread
from .encoding import FRAME_TOLERANCE, MIN_BITRATE, Encoding, lowest_bitrate
from .fan_out import FanOut, Sink
from .source_thread import SourceThread

__all__ = ["Bitrate", "VideoSource", "check_fps"]

logger = logging.getLogger(__name__)

Bitrate = int | tuple[int, int] | None
"""Bits per second: the maximum, or ``(minimum, maximum)``; None: by the size of the frames."""

_MAX_FPS: Final = 240

_REPEAT_SECONDS: Final = 1.0
"""Interval in seconds at which a source repeats its last frame if no other is written. A receiver does not notice that the last
packets of a frame are lost until another frame comes."""

_BURST: Final = 3
"""Number of frames that may come early. A writer at about `fps` that catches up after a stall must not be throttled from then
on."""

_POLL_SECONDS: Final = 0.005

_HELD_BACK_SECONDS: Final = 0.25
"""Maximum interval in seconds after which the same frame is encoded again, if an encoder returns a frame only when it gets the
next one and none is written."""


def check_fps(fps: float) -> None:
    """Check the frame rate of a source.

    Raises:
        ValueError: `fps` is 0 or less, or more than 240.
    """
    if not 0 < fps <= _MAX_FPS:
        raise ValueError(f"fps must be more than 0 and at most {_MAX_FPS} frames per second, not {fps!r}")


class _Written:
    """A written frame and its capture time. Identity tells two of them apart."""

    __slots__ = ("frame", "time")

    def __init__(self, frame: av.VideoFrame, time: float) -> None:
        self.frame = frame
        self.time = time


class VideoSource(ControlledTrack):
    """A video track of a producer or consumer; made by their `add_video`. `write` may be called from any thread.

    Example:
        camera = robot.add_video(fps=30, bitrate=(300_000, 2_000_000), name="front")
        with robot:
            camera.write(np.zeros((480, 640, 3), np.uint8))

    Args:
        fps: Maximum frame rate, in frames per second. Frames that are written faster are left out. Defaults to 30.
        codecs: Some of ``"VP8"``, ``"H264"``, ``"VP9"`` and ``"AV1"``, the preferred one first. Each session gets the first one
            that its peer takes. Defaults to ``"VP8"`` and ``"H264"``, which need the least processor time.
        bitrate: Maximum in bit/s, or ``(minimum, maximum)``. Defaults to None: 0.08 bit per pixel and frame.
        degradation: What is reduced if a link is too thin for the frames, see `Degradation`. Defaults to ``"balanced"``.
        name: Name by which the peer knows the track, see `checked_name`. Defaults to None: no name.
        encoder: ``"software"``; ``"auto"``: hardware if it works; or FFmpeg's name of an encoder, see `choose_encoder`.
            Defaults to None: software.

    Raises:
        ValueError: A codec, the encoder or the preference is unknown, a number is out of range, or the name is not that of a
            track.
    """

    kind: Final = "video"
    makes_keyframes: Final = True

    def __init__(
        self,
        fps: float = 30,
        codecs: Sequence[str] = DEFAULT_VIDEO,
        bitrate: Bitrate = None,
        *,
        degradation: DegradationPreference = "balanced",
        name: str | None = None,
        encoder: str | None = None,
    ) -> None:
        check_fps(fps)
        self.name: Final = checked_name(name, self.kind)
        """The name by which the peer knows the track; None: no name."""
        self.fps = float(fps)
        names = _checked_codecs(codecs)
        self._limits = _checked_limits(bitrate)
        Degradation(degradation)
        self._degradation = degradation
        choice = choose_encoder(encoder, names)
        self.codecs = choice.codecs
        self._hardware = choice.kinds
        self._encoder_failure = choice.failure
        self._interval = 1 / self.fps / FRAME_TOLERANCE
        self._owner = Owner("video source")
        self._fan_out = FanOut()

        # Guards the attributes below; notified when the thread may have something to do.
        self._changed = Condition()
        self._newest: _Written | None = None
        self._written = 0
        self._encoded = 0
        self._encodings: dict[SendForm, Encoding] = {}
        self._form_of: dict[Sink, SendForm] = {}
        # Threads that call, or have called, a hardware encoder, by form.
        self._encoder_threads: dict[SendForm, EncoderThread] = {}
        self._thread = SourceThread("video-source")
        self._failures = Failures(logger, lambda: repr(self), (av.FFmpegError, ValueError))

    def __repr__(self) -> str:
        return f"<VideoSource {'/'.join(self.codecs)}, {self.fps:g} fps, {self._written} frames written>"

    @property
    def frames_written(self) -> int:
        """Number of frames written."""
        return self._written

    @property
    def frames_encoded(self) -> int:
        """Number of frames encoded. It does not grow while no session takes the track. A repeated frame counts again."""
        return self._encoded

    @property
    def frames_failed(self) -> int:
        """Number of frames that could not be converted or encoded, per codec in use. They are logged, at most every 10 s."""
        return self._failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be sent; None: nothing failed."""
        return self._failures.newest

    @property
    def encoders(self) -> dict[str, str]:
        """FFmpeg's names of the encoders in use by codec, such as ``{"H264": "h264_nvenc"}``; empty while no session takes it.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            return {form.codec: each.encoder.in_use.name for form, each in self._encodings.items()}

    @property
    def encoder_failure(self) -> MediaError | None:
        """Why software encodes although hardware was asked for; None: hardware was not asked for, or it works."""
        return self._encoder_failure

    @property
    def bitrate(self) -> int | None:
        """Target bitrate in bit/s, the highest of all codecs in use; None while no session takes the track.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            rates = [each.bitrate.target() for each in self._encodings.values() if each.has_limits]
        return max(rates, default=None)

    def write(self, array: Any, format: str = "bgr24", *, captured: float | None = None) -> None:
        """Send a frame to every session; returns at once. The frame is copied, so the array may be used again.

        Nothing is queued: if frames come faster than they are encoded, or than `fps`, the newest one is sent. If no frame is
        written, the last one is repeated every second, and whenever a receiver needs a keyframe.

        Args:
            array: uint8 of shape ``(height, width, 3)`` for bgr24 and rgb24, ``(height, width)`` for gray8,
                ``(height * 3 / 2, width)`` for yuv420p; or an `av.VideoFrame`, whose ``pts`` is ignored. The size may change
                at any time. H264 has even sides: an odd last row or column is left out.
            format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``; ignored for an `av.VideoFrame`. Defaults to
                ``"bgr24"``.
            captured: Capture time in seconds, from `time.monotonic`. Receivers keep video in sync with audio by it. Defaults to
                now.

        Raises:
            TypeError: `array` is neither an array of uint8 nor an `av.VideoFrame`.
            ValueError: The format is unknown, the shape is not the format's, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        now = time.monotonic()
        moment = now if captured is None else capture_time(captured, now)
        frame = to_frame(array, format)
        with self._changed:
            self._newest = _Written(frame, moment)
            self._written += 1
            self._changed.notify_all()

    # The following methods are called by senders, on the loop.

    def attach(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver frames to a session's sender. A keyframe follows soon; the sender cannot use the frames before it.

        Args:
            sink: Gets every frame from now on.
            form: Form of one of `codecs`.
            loop: The loop on whose thread the sink is called.
        """
        with self._changed:
            self._form_of[sink] = form
            if form not in self._encodings:
                self._encodings[form] = Encoding(self._new_encoder(form), self._degradation)
            self._encodings[form].sinks += 1
            self._fan_out.add(sink, form, loop)
            self._thread.ensure(self._main)
        self.request_keyframe(sink)

    def detach(self, sink: Sink) -> None:
        """Stop delivering to a sender. The thread ends with the last sender."""
        with self._changed:
            form = self._form_of.pop(sink, None)
            if form is None:
                return
            self._fan_out.remove(sink)
            encoding = self._encodings[form]
            encoding.keyframes.forget(sink)
            encoding.bitrate.forget(sink)
            encoding.behind.discard(sink)
            encoding.sinks -= 1
            if form not in self._fan_out.forms:
                self._encodings.pop(form).encoder.close()
            self._changed.notify_all()

    def request_keyframe(self, sink: Sink) -> bool:
        """Ask for a keyframe on behalf of a receiver.

        Returns:
            Whether one will come. False: this receiver asks too often.
        """
        with self._changed:
            encoding = self._encoding_of(sink)
            if encoding is None:
                return False
            self._changed.notify_all()
            return encoding.keyframes.ask(sink, time.monotonic())

    def report_estimate(self, sink: Sink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Record the bitrate that a link carries.

        Args:
            sink: The link's sender.
            bitrate: Bits per second.
            is_confirmed: Whether the bitrate was measured. One that was not does not affect other links. Defaults to True.

        Returns:
            The minimum and maximum that the source is ever sent with, in bit/s.
        """
        with self._changed:
            encoding = self._encoding_of(sink)
            if encoding is None:
                return bitrate, bitrate
            encoding.bitrate.report(sink, bitrate, is_confirmed)
            return encoding.bitrate.limits if encoding.has_limits else (bitrate, bitrate)

    def needed_by(self, sink: Sink) -> int | None:
        """Maximum that a link is ever sent, in bit/s; None: not known before the first frame."""
        with self._changed:
            encoding = self._encoding_of(sink)
            return encoding.bitrate.limits[1] if encoding is not None and encoding.has_limits else None

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Record whether frames wait on a link. While frames wait on all links, no more are encoded.

        Args:
            sink: The link's sender.
            is_behind: Whether frames wait.
        """
        with self._changed:
            encoding = self._encoding_of(sink)
            if encoding is None:
                return
            if is_behind:
                encoding.behind.add(sink)
            else:
                encoding.behind.discard(sink)
            self._changed.notify_all()

    def encoder_of(self, sink: Sink) -> EncoderInUse | None:
        """The encoder whose frames a sender gets; None: the sender is not attached."""
        with self._changed:
            encoding = self._encoding_of(sink)
            return None if encoding is None else encoding.encoder.in_use

    def _new_encoder(self, form: SendForm) -> ChosenEncoder:
        hardware = self._hardware.get(form.codec)
        if hardware is None:
            return ChosenEncoder(form)
        thread = EncoderThread(self._encoder_threads.get(form))
        self._encoder_threads[form] = thread
        self._encoder_failure = None
        return ChosenEncoder(form, hardware, thread, self._on_encoder_failure)

    def _encoding_of(self, sink: Sink) -> Encoding | None:
        form = self._form_of.get(sink)
        return None if form is None else self._encodings.get(form)

    def join(self, deadline: Deadline) -> None:
        """Wait until the thread has ended, if no session takes the track any more; on a caller's thread."""
        if not self._encodings and not self._thread.join(deadline):
            logger.warning("%r: a frame is still being encoded %g s after close()", self, deadline.seconds)
        for form, thread in list(self._encoder_threads.items()):
            if not thread.join(deadline):
                logger.warning(
                    "%r: the driver of its %s encoder has not returned %g s after close(); its thread is left behind",
                    self,
                    form.codec,
                    deadline.seconds,
                )

    # The following methods run on the source's thread.

    def _main(self) -> None:
        last: _Written | None = None
        last_time = due = 0.0
        timestamp = 0
        converted: av.VideoFrame | None = None
        reformatter = VideoReformatter()
        while True:
            written = self._next(last, last_time, due)
            if written is None:
                return
            now = time.monotonic()
            captured = written.time if written is not last else now
            if written is not last or converted is None:
                converted = self._convert(written.frame, reformatter)
            last, last_time = written, now
            due = max(due, now - _BURST * self._interval) + self._interval
            if converted is None:
                continue
            timestamp = max(timestamp + 1, int(captured * VIDEO_CLOCK_RATE))
            for form in self._fan_out.forms:
                # A repeated frame gets a new RTP timestamp, since it is shown now, but keeps its capture time.
                self._encode(converted, form, timestamp, written.time)

    def _next(self, last: _Written | None, last_time: float, due: float) -> _Written | None:
        """Wait for the next frame to encode: a new one, or the last one again. None: the thread must end."""
        with self._changed:
            while self._encodings:
                now = time.monotonic()
                newest = self._newest
                until: float | None = None
                if newest is not None:
                    until = due if newest is not last else self._repeat_at(last_time)
                    if now >= until and not self._fan_out.is_congested and not self._all_behind:
                        return newest
                self._changed.wait(None if until is None else max(until - now, _POLL_SECONDS))
            self._thread.leave()
            return None

    @property
    def _all_behind(self) -> bool:
        return all(len(each.behind) >= each.sinks for each in self._encodings.values())

    def _repeat_at(self, last_time: float) -> float:
        """The time at which the last frame is sent again if no other comes."""
        if any(each.holds_back for each in self._encodings.values()):
            return last_time + min(2 * self._interval, _HELD_BACK_SECONDS)
        times = [each.keyframes.due_at() for each in self._encodings.values()]
        wanted = min((due for due in times if due is not None), default=None)
        if wanted is None:
            return last_time + max(_REPEAT_SECONDS, 2 * self._interval)
        # The next frame is likely to come first.
        return max(wanted, last_time + min(2 * self._interval, _REPEAT_SECONDS / 4))

    def _convert(self, frame: av.VideoFrame, reformatter: VideoReformatter) -> av.VideoFrame | None:
        try:
            return to_yuv420p(frame, reformatter)
        except Exception as error:  # noqa: BLE001 - reported; whatever it was, the next frame may be better
            self._failures.add(f"convert a {frame.format.name} frame", error, time.monotonic())
            return None

    def _encode(self, frame: av.VideoFrame, form: SendForm, timestamp: int, captured: float) -> None:
        now = time.monotonic()
        with self._changed:
            encoding = self._encodings.get(form)
            if encoding is None:
                return
            order = encoding.order((frame.width, frame.height), self.fps, self._limits, now)
        if order is None:
            return
        try:
            encoded = encoding.encode(frame, order, timestamp, captured)
            with self._changed:
                self._encoded += 1
                for each in encoded:
                    encoding.made(each, time.monotonic())
            for each in encoded:
                self._fan_out.post(form, each)
        except Exception as error:  # noqa: BLE001 - reported; the other codecs must still get their frame
            self._failures.add(f"encode a frame of {frame.width}x{frame.height} in {form.codec}", error, now)
            encoding.restart()
        else:
            self._failures.passed()

    def _on_encoder_failure(self, error: MediaError) -> None:
        self._encoder_failure = error
        logger.warning("%r: %s; software encodes from now on", self, error)


def _checked_codecs(codecs: Sequence[str]) -> tuple[str, ...]:
    names = (codecs,) if isinstance(codecs, str) else tuple(codecs)
    known = sent_video()
    if not names or any(name not in known for name in names):
        raise ValueError(f"codecs must be some of {', '.join(map(repr, known))}, not {codecs!r}")
    return tuple(dict.fromkeys(names))


def _checked_limits(bitrate: Bitrate) -> tuple[int, int] | None:
    if bitrate is None:
        return None
    limits = bitrate if isinstance(bitrate, tuple) else (lowest_bitrate(bitrate), bitrate)
    if len(limits) != 2 or not MIN_BITRATE <= limits[0] <= limits[1]:
        raise ValueError(
            f"bitrate must be a maximum or (minimum, maximum) in bit/s, each at least {MIN_BITRATE}, not {bitrate!r}"
        )
    return limits
