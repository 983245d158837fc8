"""`AudioFeed`: the audio of an `AudioSource`, encoded once, for the senders of all sessions.

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
from .audio_encoder import AudioEncoder
from .audio_timeline import AudioTimeline
from .fan_out import FanOut, Sink
from .samples import to_int16
from .source_thread import SourceThread
from .steady_feed import SteadyFeed

__all__ = ["AudioFeed"]

logger = logging.getLogger(__name__)

_RATES: Final = (8000, 192_000)

_MAX_DRAIN_SECONDS: Final = 120.0
"""Maximum of a wait in `drain`, in seconds; more than a timeline holds."""


class AudioFeed(SteadyFeed):
    """Encodes written audio in real time and delivers it to senders.

    The arguments are those of `AudioSource`.
    """

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
        self.rate: Final = rate
        self.channels: Final = channels
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

    # The following members are used by the source, on any thread.

    @property
    def samples_written(self) -> int:
        """Number of samples written, per channel."""
        return self._written

    @property
    def samples_dropped(self) -> int:
        """Number of samples not sent."""
        return self._timeline.dropped

    @property
    def frames_failed(self) -> int:
        """Number of pieces of audio that could not be encoded."""
        return self._failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest audio could not be sent; None: nothing failed."""
        return self._failures.newest

    @property
    def queued(self) -> float:
        """Seconds of audio that were written ahead of time and are not sent yet."""
        self._owner.check()
        with self._changed:
            return self._queued()

    def clear(self) -> None:
        """Drop the audio that is not sent yet; see `AudioSource.clear`."""
        self._owner.check()
        with self._changed:
            self._timeline.clear()
            self._changed.notify_all()

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all written audio is sent or cleared; see `AudioSource.drain`."""
        self._owner.check()
        deadline = Deadline(_MAX_DRAIN_SECONDS if timeout is None else timeout)
        with self._changed:
            while queued := self._queued():
                if not deadline.remaining():
                    raise WaitTimeout(f"draining {self!r}: after {deadline}, {queued:.1f} s of audio are not sent yet")
                # While no session takes the track, nothing notifies of expired audio.
                self._changed.wait(min(queued, deadline.remaining()))

    def write(self, array: Any, *, captured: float | None = None) -> None:
        """Add audio to the timeline; see `AudioSource.write`."""
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

    def join(self, deadline: Deadline) -> None:
        """Wait until the thread has ended, if no session takes the track any more; on a caller's thread."""
        if not self._fan_out.streams and not self._thread.join(deadline):
            logger.warning("%r: audio is still being encoded %g s after close()", self, deadline.seconds)

    def _queued(self) -> float:
        if not self._thread.is_running:
            self._timeline.discard(time.monotonic())
        return self._timeline.waiting

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
                    for stream in self._fan_out.streams:
                        self._fan_out.post(stream, packet)
            except Exception as error:  # noqa: BLE001 - reported; the next samples may be better
                self._failures.add("encode audio", error, time.monotonic())
                encoder.restart()
            else:
                self._failures.passed()

    def _next(self, packet_seconds: float) -> tuple[NDArray[np.int16], int, bool] | None:
        """Wait for the samples to encode next; None: the thread must end."""
        with self._changed:
            while self._fan_out.streams:
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
