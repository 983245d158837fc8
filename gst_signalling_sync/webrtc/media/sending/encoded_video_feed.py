"""`EncodedVideoFeed`: the frames of an `EncodedVideoSource`, sent unchanged to all sessions that take them.

Threads: a writer reads an access unit, cuts it into payloads and posts these to the loop; it waits only for other writers.
Senders attach, detach and request keyframes on the loop. The signals are emitted on the callback threads of the source's role,
and no thread waits for them. One lock keeps writers in order; another one guards the state that writers and the loop share.
Neither is held while the other side works.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from ....errors import MediaError
from ....signals import Signal
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline
from ...sender_clock import capture_time
from ..codecs import VIDEO
from ..codecs.access_unit import VideoFormat
from ..codecs.codec import SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..failures import Failures
from ..track_names import checked_name
from .bitrate import AnnouncedBitrate, SendRate
from .encoding import lowest_bitrate
from .keyframe_requests import KeyframeRequests
from .keyframe_watch import KeyframeWatch
from .merged_signal import CallbackThreads, MergedSignal
from .passed_frames import PassedFrames
from .source import Choice, Negotiated, StreamSink
from .stream_choice import choose_for
from .transcoder import Transcoder
from .video_encoder import default_bitrate
from .video_options import check_fps

__all__ = ["EncodedVideoFeed"]

logger = logging.getLogger(__name__)

_UNKNOWN_SIZE: Final = (1280, 720)
_PASSED_WITH: Final = {"packetization-mode": "1"}


class EncodedVideoFeed:
    """Reads written access units, and chooses for each link what delivers them.

    Args:
        codec: As in `EncodedVideoSource`.
        fps: As in `EncodedVideoSource`.
        name: As in `EncodedVideoSource`.
        encoder: As in `EncodedVideoSource`.
    """

    kind: Final = "video"

    def __init__(self, codec: str, fps: float, *, name: str | None = None, encoder: str | None = None) -> None:
        reader = VIDEO[codec].unit_reader() if codec in VIDEO else None
        if reader is None:
            readable = [each for each, known in VIDEO.items() if known.unit_reader() is not None]
            raise ValueError(f"codec must be one of {', '.join(map(repr, readable))} for encoded video, not {codec!r}")
        check_fps(fps)
        self.name: Final = checked_name(name, self.kind)
        self.codec: Final = codec
        self.fps: Final = float(fps)
        self._owner = Owner("encoded video source")
        self._form: SendForm = VIDEO[codec].send_form(_PASSED_WITH)
        self._failures = Failures(logger, lambda: repr(self), (MediaError,))
        self._announced = AnnouncedBitrate()
        # Set before the source is sent.
        self._keyframe_wanted: MergedSignal | None = None
        self._bitrate_wanted: MergedSignal | None = None
        # Keeps writers in order: the frame of one is posted before the next one is read.
        self._writing = threading.Lock()
        self._reader = reader
        self._timestamp = 0
        self._written = 0
        self._sendable = 0
        # Guards the state that writers and the loop share.
        self._lock = threading.Lock()
        self._format: VideoFormat | None = None
        self._requests = KeyframeRequests()
        self._watch = KeyframeWatch()
        self._senders: dict[StreamSink, LoopThread] = {}
        self._rate = SendRate()
        self._octets = 0
        self._measured = 0
        self._passed = PassedFrames(self._is_asked, self._ask, self._limits, self._want_bitrate)
        self._transcoder = Transcoder(
            self.fps, self._passed.joinable, lambda: self._ask(self._transcoder), lambda: repr(self), encoder
        )
        self.codecs: Final = (codec, *(each for each in self._transcoder.codecs if each != codec))

    def __repr__(self) -> str:
        return f"<EncodedVideoSource {self.codec}, {self.fps:g} fps, {self._written} frames written>"

    # The following members are used by the source, on any thread.

    @property
    def frames_written(self) -> int:
        """Number of access units written."""
        return self._written

    @property
    def frames_encoded(self) -> int:
        """Number of frames that could be sent: those from the first keyframe on."""
        return self._sendable

    @property
    def frames_decoded(self) -> int:
        """Number of frames decoded, to be encoded again for links that cannot take them unchanged."""
        return self._transcoder.frames_written

    @property
    def frames_failed(self) -> int:
        """Number of times that receivers waited 3 s for a keyframe, plus frames that could not be decoded or encoded again."""
        return self._failures.count + self._transcoder.frames_failed

    @property
    def failure(self) -> Exception | None:
        """Why receivers get no frames: a `MediaError` if no keyframe comes. None: nothing failed."""
        return self._failures.newest or self._transcoder.failure

    def emit_on(
        self, callbacks: CallbackThreads, source: object, keyframe_wanted: Signal, bitrate_wanted: Signal
    ) -> None:
        """Emit the signals of the source from now on; before it is sent.

        Args:
            callbacks: The callback threads of its role.
            source: The source, which emits them.
            keyframe_wanted: Emitted when the next frame should be a keyframe.
            bitrate_wanted: Emitted when the links carry another bitrate.
        """
        self._keyframe_wanted = MergedSignal(
            callbacks, keyframe_wanted, source, lambda: {} if self._watch.is_wanted else None
        )
        self._bitrate_wanted = MergedSignal(
            callbacks, bitrate_wanted, source, lambda: {"bits_per_second": self._announced.bitrate}
        )

    def write(self, access_unit: bytes, captured: float | None = None) -> None:
        """Deliver a frame; see `EncodedVideoSource.write`."""
        self._owner.check()
        now = time.monotonic()
        moment = now if captured is None else capture_time(captured, now)
        data = bytes(memoryview(access_unit))
        with self._writing:
            unit = self._reader.read(data)
            self._written += 1
            if unit is None:
                self._look_for_keyframe(now)
                return
            self._sendable += 1
            self._timestamp = max(self._timestamp + 1, int(moment * VIDEO_CLOCK_RATE))
            frame = EncodedFrame(self.codec, unit.data, self._timestamp, unit.keyframe, moment)
            self._follow_format(unit.format)
            self._passed.write(self._form, frame)
            self._transcoder.decode(frame)
            self._count(frame, now)

    def use_parameters(self, parameter_sets: bytes) -> None:
        """Use parameter sets from outside the stream, such as those in the description of an RTSP camera.

        Args:
            parameter_sets: Parameter sets in the Annex B format. If they cannot be read, they are left out.
        """
        with self._writing:
            try:
                self._reader.read(parameter_sets)
            except MediaError as error:
                logger.debug("%r: parameter sets are left out: %s", self, error)

    def _follow_format(self, format: VideoFormat) -> None:
        """Have each link choose again if the format of the stream has changed."""
        with self._lock:
            if format == self._format:
                return
            self._format = format
            senders = list(self._senders.items())
        self._passed.begin_again()
        for sender, loop in senders:
            loop.call(sender.choose_again)

    def _count(self, frame: EncodedFrame, now: float) -> None:
        with self._lock:
            self._octets += len(frame.data)
            self._measured = max(self._measured, round(self._rate.rate(self._octets, now)))
            if frame.keyframe:
                self._requests.made(now)
                self._watch.made()
        if frame.keyframe:
            self._failures.passed()
        else:
            self._look_for_keyframe(now)

    def _look_for_keyframe(self, now: float) -> None:
        """Request an overdue keyframe again, and report it."""
        with self._lock:
            asks = self._is_asked() and self._requests.is_due(now) and self._watch.is_to_be_told(now)
            overdue = self._watch.overdue(now)
        if asks:
            self._ask_program()
        if overdue is not None:
            error = MediaError(
                f"no keyframe came within {overdue:.0f} s, and receivers cannot begin without one; have the encoder make one"
                " when keyframe_wanted is emitted, or every few seconds"
            )
            self._failures.add("be decoded by new receivers", error, now)

    def _is_asked(self) -> bool:
        """Whether the program hears of keyframe requests, so that the frames since the last keyframe need not be kept."""
        return self._keyframe_wanted is not None and self._keyframe_wanted.has_receivers

    def _ask_program(self) -> None:
        if self._keyframe_wanted is not None:
            self._keyframe_wanted.emit()

    # The following methods are called by senders, on the loop.

    def choose(self, sender: StreamSink, negotiated: Sequence[Negotiated], loop: LoopThread) -> Choice:
        """Choose what a link is sent: the stream unchanged if the link takes it, else the stream encoded again.

        Args:
            sender: The link's sender.
            negotiated: The link's codecs, the preferred one first.
            loop: The loop that calls this.

        Returns:
            The codec's place in `negotiated`, and what delivers its frames.
        """
        with self._lock:
            self._senders[sender] = loop
            stream = self._format
        place, as_is = choose_for(negotiated, self.codec, stream, self._transcoder.codecs)
        if as_is:
            return Choice(place, self._passed)
        if not self._passed.joinable():
            self._ask(sender)
        return Choice(place, self._transcoder)

    def leave(self, sender: StreamSink) -> None:
        """Forget a sender that has ended."""
        with self._lock:
            self._senders.pop(sender, None)
            self._requests.forget(sender)
            if not self._senders:
                self._watch.made()

    def join(self, deadline: Deadline) -> None:
        """Wait until the threads have ended, if no session takes the track any more; on a caller's thread."""
        self._transcoder.join(deadline)

    def _ask(self, receiver: object) -> None:
        """Record that a receiver needs a keyframe, and emit `keyframe_wanted` if it is connected; on any thread."""
        now = time.monotonic()
        is_asked = self._is_asked()
        has_begin = not is_asked and bool(self._passed.joinable())
        with self._lock:
            if not has_begin and (self._requests.ask(receiver, now) or not is_asked):
                self._watch.want(now)
            asks = is_asked and self._requests.is_due(now) and self._watch.is_to_be_told(now)
        if asks:
            self._ask_program()

    def _limits(self) -> tuple[int, int]:
        stream = self._format
        width, height = _UNKNOWN_SIZE if stream is None else stream.size
        highest = max(default_bitrate(width, height, self.fps), self._measured)
        return lowest_bitrate(highest), highest

    def _want_bitrate(self, bitrate: int) -> None:
        if self._bitrate_wanted is None or not self._bitrate_wanted.has_receivers:
            return
        with self._lock:
            announces = self._announced.announce(bitrate, time.monotonic())
        if announces:
            self._bitrate_wanted.emit()
