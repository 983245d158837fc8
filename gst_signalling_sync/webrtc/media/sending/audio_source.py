"""`AudioSource`: written audio is encoded once, for all sessions.

Threads: writers append to a timeline. While any session takes the track, one thread takes due samples from the timeline and
encodes them; the loop delivers the result. One lock guards the timeline. No thread holds it while it encodes.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ....errors import WaitTimeout
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline
from ...sender_clock import capture_time
from ..codecs.codec import SendForm
from ..encoded_frame import AUDIO_CLOCK_RATE
from ..failures import Failures
from ..track_names import checked_name
from .audio_encoder import OPUS, AudioEncoder
from .audio_timeline import AudioTimeline
from .controlled_track import ControlledTrack
from .fan_out import FanOut, Sink
from .samples import to_int16
from .source_thread import SourceThread

__all__ = ["AudioSource"]

logger = logging.getLogger(__name__)

_RATES: Final = (8000, 192_000)

_MAX_DRAIN_SECONDS: Final = 120.0
"""Maximum of a wait in `drain`, in seconds; more than a timeline holds."""


class AudioSource(ControlledTrack):
    """An audio track of a producer or consumer; made by their `add_audio`. `write` may be called from any thread.

    Example:
        microphone = robot.add_audio(rate=16000)
        with robot:
            microphone.write(np.zeros(320, np.int16))  # 20 ms

    Args:
        rate: Samples per second, 8000 to 192000. Defaults to 48000, the rate of Opus.
        channels: 1 or 2. Defaults to 1.
        name: Name by which the peer knows the track, see `checked_name`. Defaults to None: no name.
        low_delay: Whether packets hold 10 ms instead of 20 ms. Defaults to False.
        fec: Whether packets repeat the content of the previous one, as in `add_audio`. Defaults to None: while the link loses
            packets.

    Raises:
        ValueError: A number is out of range, or the name is not that of a track.
    """

    kind: Final = "audio"
    codecs: Final = (OPUS,)
    makes_keyframes: Final = False

    def __init__(
        self,
        rate: int = AUDIO_CLOCK_RATE,
        channels: int = 1,
        *,
        name: str | None = None,
        low_delay: bool = False,
        fec: bool | None = None,
    ) -> None:
        if not _RATES[0] <= rate <= _RATES[1]:
            raise ValueError(f"rate must be {_RATES[0]} to {_RATES[1]} samples per second, not {rate!r}")
        if channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {channels!r}")
        self.name: Final = checked_name(name, self.kind)
        """The name by which the peer knows the track; None: no name."""
        self.rate = rate
        self.channels = channels
        self.low_delay: Final = low_delay
        self.fec: Final = fec
        self._owner = Owner("audio source")
        self._fan_out = FanOut()

        # Guards the attributes below; notified when the thread may have something to do.
        self._changed = Condition()
        self._timeline = AudioTimeline(rate)
        self._written = 0
        self._thread = SourceThread("audio-source")
        self._failures = Failures(logger, lambda: repr(self), (av.FFmpegError, ValueError))

    def __repr__(self) -> str:
        return f"<AudioSource {self.rate} Hz, {self.channels} channels, {self._written} samples written>"

    @property
    def samples_written(self) -> int:
        """Number of samples written, per channel."""
        return self._written

    @property
    def samples_dropped(self) -> int:
        """Number of samples not sent, because more than a minute of audio waited or the writer's clock ran fast."""
        return self._timeline.dropped

    @property
    def frames_failed(self) -> int:
        """Number of pieces of audio, of about 20 ms, that could not be encoded. Failures are logged, at most every 10 s."""
        return self._failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest audio could not be sent; None: nothing failed."""
        return self._failures.newest

    @property
    def queued(self) -> float:
        """Seconds of audio that were written ahead of time and are not sent yet.

        While no session takes the track, audio expires at the same pace.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            return self._queued()

    def clear(self) -> None:
        """Drop the audio that is written and not sent yet. The peers hear silence until the next `write`.

        The audio on its way, some 20 ms plus the delay of the network, is still heard.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            self._timeline.clear()
            self._changed.notify_all()

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all written audio is sent, at its time, or cleared.

        Args:
            timeout: Seconds. Defaults to None: as long as it takes, at most a minute.

        Raises:
            WaitTimeout: Some audio still waits.
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        deadline = Deadline(_MAX_DRAIN_SECONDS if timeout is None else timeout)
        with self._changed:
            while queued := self._queued():
                if not deadline.remaining():
                    raise WaitTimeout(f"draining {self!r}: after {deadline}, {queued:.1f} s of audio are not sent yet")
                # While no session takes the track, nothing notifies of expired audio.
                self._changed.wait(min(queued, deadline.remaining()))

    def _queued(self) -> float:
        if not self._thread.is_running:
            self._timeline.discard(time.monotonic())
        return self._timeline.waiting

    def write(self, array: Any, *, captured: float | None = None) -> None:
        """Send audio to every session; returns at once. The samples are copied, so the array may be used again.

        Audio that is written in real time is sent at once. Audio that is written ahead waits, up to a minute, and is sent in
        real time. A writer that falls behind the clock and does not catch up has paused: the peers hear silence, and the audio
        then continues in sync with the video.

        Args:
            array: Samples of shape ``(samples,)`` or ``(samples, channels)``, int16, or float32 or float64 from -1 to 1; any
                number of samples.
            captured: Capture time of the first sample in seconds, from `time.monotonic`. The gap between the end of the last
                audio and it becomes silence at once. Defaults to None: the samples join the last ones, or, after a pause, end
                now.

        Raises:
            TypeError: `array` is not an array, or its elements are of another type.
            ValueError: The shape is another, a sample is not a number, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._owner.check()
        now = time.monotonic()
        begin = None if captured is None else capture_time(captured, now)
        samples = to_int16(array, self.channels)
        with self._changed:
            self._written += len(samples)
            self._timeline.write(samples, now, begin)
            if not self._thread.is_running:
                self._timeline.discard(now)
            self._changed.notify_all()

    # The following methods are called by senders, on the loop.

    def attach(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver packets to a session's sender.

        Args:
            sink: Gets every packet from now on.
            form: Form of one of `codecs`.
            loop: The loop on whose thread the sink is called.
        """
        with self._changed:
            self._fan_out.add(sink, form, loop)
            if not self._thread.is_running:
                self._timeline.discard(time.monotonic())
            self._thread.ensure(self._main)

    def detach(self, sink: Sink) -> None:
        """Stop delivering to a sender. The thread ends with the last sender."""
        with self._changed:
            self._fan_out.remove(sink)
            self._changed.notify_all()

    def request_keyframe(self, sink: Sink) -> bool:
        """Return False: every audio packet can be decoded without a keyframe."""
        return False

    def needed_by(self, sink: Sink) -> int | None:
        """Return None: the bitrate of audio is not adapted."""
        return None

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Do nothing: audio is not left out; packets are dropped where the link does not take them."""

    def report_estimate(self, sink: Sink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Return the bitrate unchanged: that of audio is not adapted, as it is a fraction of the video's.

        Args:
            sink: The link's sender.
            bitrate: Bits per second.
            is_confirmed: Not used. Defaults to True.

        Returns:
            The same bitrate, as minimum and maximum.
        """
        return bitrate, bitrate

    def join(self, deadline: Deadline) -> None:
        """Wait until the thread has ended, if no session takes the track any more; on a caller's thread."""
        if not self._fan_out.forms and not self._thread.join(deadline):
            logger.warning("%r: audio is still being encoded %g s after close()", self, deadline.seconds)

    # The following methods run on the source's thread.

    def _main(self) -> None:
        encoder = AudioEncoder(self.rate, self.channels, self.low_delay, fec=bool(self.fec))
        while (taken := self._next(encoder.packet_seconds)) is not None:
            samples, position, is_new = taken
            if is_new:
                encoder.restart()
            timestamp = round(position * AUDIO_CLOCK_RATE / self.rate)
            try:
                for packet in encoder.encode(samples, timestamp, position / self.rate):
                    for form in self._fan_out.forms:
                        self._fan_out.post(form, packet)
            except Exception as error:  # noqa: BLE001 - reported; the next samples may be better
                self._failures.add("encode audio", error, time.monotonic())
                encoder.restart()
            else:
                self._failures.passed()

    def _next(self, packet_seconds: float) -> tuple[NDArray[np.int16], int, bool] | None:
        """Wait for the samples to encode next; None: the thread must end."""
        with self._changed:
            while self._fan_out.forms:
                now = time.monotonic()
                taken = self._timeline.take(now, packet_seconds)
                if taken is not None:
                    # A caller of drain() may wait for it.
                    self._changed.notify_all()
                    return taken
                due = self._timeline.due_at()
                self._changed.wait(None if due is None else max(due - now, 0.001))
            self._thread.leave()
            return None
