"""`VideoFeed`: the frames of a `VideoSource`, encoded once or twice per codec, for the senders of all sessions.

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
from ..codecs import DEFAULT_VIDEO
from ..codecs.codec import SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE
from ..failures import Failures
from ..frame_conversion import to_frame, to_yuv420p
from ..track_names import checked_name
from .chosen_encoder import EncoderInUse
from .degradation import Degradation, DegradationPreference
from .encoder_choice import choose_encoder
from .encoding import FRAME_TOLERANCE
from .encodings import Encodings, Move, Work
from .fan_out import FanOut, FrameStream, Sink
from .source_thread import SourceThread
from .video_options import Bitrate, bitrate_limits, check_fps, checked_codecs

__all__ = ["VideoFeed"]

logger = logging.getLogger(__name__)

_BURST: Final = 3
"""Number of frames that may come early. A writer at about `fps` that catches up after a stall must not be throttled from then
on."""

_POLL_SECONDS: Final = 0.005


class _Written:
    """A written frame and its capture time. Identity tells two of them apart."""

    __slots__ = ("frame", "time")

    def __init__(self, frame: av.VideoFrame, time: float) -> None:
        self.frame = frame
        self.time = time


class VideoFeed:
    """Encodes the newest written frame and delivers it to senders.

    The arguments are those of `VideoSource`.
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
        self.fps: Final = float(fps)
        names = checked_codecs(codecs)
        self._limits = bitrate_limits(bitrate)
        Degradation(degradation)
        choice = choose_encoder(encoder, names)
        self.codecs: Final = choice.codecs
        self._interval = 1 / self.fps / FRAME_TOLERANCE
        self._owner = Owner("video source")
        self._fan_out = FanOut()

        # Guards the attributes below; notified when the thread may have something to do.
        self._changed = Condition()
        self._newest: _Written | None = None
        self._written = 0
        self._encoded = 0
        self._encodings = Encodings(choice, degradation, lambda: repr(self))
        self._thread = SourceThread("video-source")
        self._failures = Failures(logger, lambda: repr(self), (av.FFmpegError, ValueError))

    def __repr__(self) -> str:
        return f"<VideoSource {'/'.join(self.codecs)}, {self.fps:g} fps, {self._written} frames written>"

    # The following members are used by the source, on any thread.

    @property
    def frames_written(self) -> int:
        """Number of frames written."""
        return self._written

    @property
    def frames_encoded(self) -> int:
        """Number of frames encoded."""
        return self._encoded

    @property
    def frames_failed(self) -> int:
        """Number of frames that could not be converted or encoded."""
        return self._failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be sent; None: nothing failed."""
        return self._failures.newest

    @property
    def encoders(self) -> dict[str, str]:
        """FFmpeg's names of the encoders in use, by codec."""
        self._owner.check()
        with self._changed:
            return self._encodings.encoders

    @property
    def encoder_failure(self) -> MediaError | None:
        """Why software encodes although hardware was asked for; None: hardware was not asked for, or it works."""
        return self._encodings.failure

    @property
    def bitrate(self) -> int | None:
        """The highest target bitrate, in bit/s; None while no session takes the track."""
        self._owner.check()
        with self._changed:
            return self._encodings.bitrate

    def write(self, array: Any, format: str = "bgr24", *, captured: float | None = None) -> None:
        """Put a frame into the slot; see `VideoSource.write`."""
        self._owner.check()
        now = time.monotonic()
        moment = now if captured is None else capture_time(captured, now)
        frame = to_frame(array, format)
        with self._changed:
            self._newest = _Written(frame, moment)
            self._written += 1
            self._changed.notify_all()

    def join(self, deadline: Deadline) -> None:
        """Wait until the thread has ended, if no session takes the track any more; on a caller's thread."""
        if not self._encodings and not self._thread.join(deadline):
            logger.warning("%r: a frame is still being encoded %g s after close()", self, deadline.seconds)
        self._encodings.join(deadline)

    # The following methods are called by senders, on the loop.

    def attach(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver frames to a session's sender. A keyframe follows soon; the sender cannot use the frames before it.

        Args:
            sink: Gets every frame from now on.
            form: Form of one of `codecs`.
            loop: The loop on whose thread the sink is called.
        """
        with self._changed:
            self._encodings.add(sink, form)
            self._fan_out.add(sink, form, loop)
            self._thread.ensure(self._main)
        self.request_keyframe(sink)

    def detach(self, sink: Sink) -> None:
        """Stop delivering to a sender. The thread ends with the last sender."""
        with self._changed:
            self._fan_out.remove(sink)
            self._encodings.remove(sink)
            self._changed.notify_all()

    def request_keyframe(self, sink: Sink) -> bool:
        """Ask for a keyframe on behalf of a receiver.

        Returns:
            Whether one will come. False: this receiver asks too often.
        """
        with self._changed:
            encoding = self._encodings.of(sink)
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
            encoding = self._encodings.of(sink)
            if encoding is None:
                return bitrate, bitrate
            self._encodings.report_estimate(sink, bitrate, is_confirmed)
            return encoding.bitrate.limits if encoding.has_limits else (bitrate, bitrate)

    def needed_by(self, sink: Sink) -> int | None:
        """Maximum that a link is ever sent, in bit/s; None: not known before the first frame."""
        with self._changed:
            encoding = self._encodings.of(sink)
            return encoding.bitrate.limits[1] if encoding is not None and encoding.has_limits else None

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Record whether frames wait on a link. While frames wait on all links of an encoding, it encodes no more.

        Args:
            sink: The link's sender.
            is_behind: Whether frames wait.
        """
        with self._changed:
            self._encodings.report_backlog(sink, is_behind)
            self._changed.notify_all()

    def encoder_of(self, sink: Sink) -> EncoderInUse | None:
        """The encoder whose frames a sender gets; None: the sender is not attached."""
        with self._changed:
            encoding = self._encodings.of(sink)
            return None if encoding is None else encoding.encoder.in_use

    def target_of(self, sink: Sink) -> int | None:
        """Target bitrate of the encoder whose frames a sender gets, in bit/s; None: not known before the first frame."""
        with self._changed:
            encoding = self._encodings.of(sink)
            return encoding.bitrate.target() if encoding is not None and encoding.has_limits else None

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
            # A repeated frame gets a new RTP timestamp, since it is shown now, but keeps its capture time.
            self._encode_all(converted, timestamp, written.time)
            end = time.monotonic()
            self._encodings.spent(end - now, end)

    def _next(self, last: _Written | None, last_time: float, due: float) -> _Written | None:
        """Wait for the next frame to encode: a new one, or the last one again. None: the thread must end."""
        with self._changed:
            while self._encodings:
                now = time.monotonic()
                newest = self._newest
                until: float | None = None
                if newest is not None:
                    until = due if newest is not last else self._encodings.repeat_at(last_time, self._interval)
                    if now >= until and not self._fan_out.is_congested and not self._encodings.all_behind:
                        return newest
                self._changed.wait(None if until is None else max(until - now, _POLL_SECONDS))
            self._thread.leave()
            return None

    def _convert(self, frame: av.VideoFrame, reformatter: VideoReformatter) -> av.VideoFrame | None:
        try:
            return to_yuv420p(frame, reformatter)
        except Exception as error:  # noqa: BLE001 - reported; whatever it was, the next frame may be better
            self._failures.add(f"convert a {frame.format.name} frame", error, time.monotonic())
            return None

    def _encode_all(self, frame: av.VideoFrame, timestamp: int, captured: float) -> None:
        with self._changed:
            work = self._encodings.work((frame.width, frame.height), self.fps, self._limits, time.monotonic())
        # Before any frame of this moment is posted, so that a sender that changes its encoding gets exactly one of them.
        for each in work:
            if each.moves:
                self._fan_out.call(self._switch, each.moves, each.stream, timestamp)
        for each in work:
            self._encode(each, frame, timestamp, captured)

    def _encode(self, work: Work, frame: av.VideoFrame, timestamp: int, captured: float) -> None:
        try:
            encoded = work.encoding.encode(frame, work.order, timestamp, captured)
            with self._changed:
                self._encoded += 1
                for each in encoded:
                    work.encoding.made(each, time.monotonic())
            for each in encoded:
                self._fan_out.post(work.stream, each)
        except Exception as error:  # noqa: BLE001 - reported; the other encodings must still get their frame
            action = f"encode a frame of {frame.width}x{frame.height} in {work.stream.form.codec}"
            self._failures.add(action, error, time.monotonic())
            work.encoding.restart()
        else:
            self._failures.passed()

    def _switch(self, moves: list[Move], stream: FrameStream, timestamp: int) -> None:
        """Deliver another stream to some senders, from the frame of a timestamp on; on the loop."""
        with self._changed:
            for each in moves:
                if self._encodings.arrived(each):
                    self._fan_out.switch(each.sink, stream, timestamp)
