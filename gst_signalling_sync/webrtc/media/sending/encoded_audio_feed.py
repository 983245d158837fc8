"""`EncodedAudioFeed`: delivers the Opus packets of an `EncodedAudioSource` to the senders of all sessions.

Threads: a writer posts each packet to the loop and waits only for other writers.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline
from ...sender_clock import capture_time
from ..codecs.codec import SendForm
from ..codecs.opus import samples_of
from ..encoded_frame import AUDIO_CLOCK_RATE, EncodedFrame
from ..track_names import checked_name
from .audio_encoder import OPUS
from .fan_out import FanOut, Sink
from .steady_feed import SteadyFeed

__all__ = ["EncodedAudioFeed"]

_GAP_SAMPLES: Final = AUDIO_CLOCK_RATE // 10
"""Maximum distance from the end of the last packet at which a packet joins it: writers are late by some milliseconds."""


class EncodedAudioFeed(SteadyFeed):
    """Packetizes written Opus packets and delivers them to senders.

    Args:
        name: As in `EncodedAudioSource`.
    """

    def __init__(self, name: str | None) -> None:
        self.name: Final = checked_name(name, self.kind)
        self._owner = Owner("encoded audio source")
        self._fan_out = FanOut()
        # Keeps writers in order.
        self._writing = threading.Lock()
        self._expected: int | None = None
        self._written = 0

    def __repr__(self) -> str:
        return f"<EncodedAudioSource, {self._written} packets written>"

    @property
    def packets_written(self) -> int:
        """Number of packets written."""
        return self._written

    def write(self, packet: bytes, captured: float | None = None) -> None:
        """Deliver a packet; see `EncodedAudioSource.write`."""
        self._owner.check()
        samples = samples_of(packet)
        now = time.monotonic()
        moment = now - samples / AUDIO_CLOCK_RATE if captured is None else capture_time(captured, now)
        with self._writing:
            begin = round(moment * AUDIO_CLOCK_RATE)
            if self._expected is not None and abs(begin - self._expected) < _GAP_SAMPLES:
                begin = self._expected
            self._expected = begin + samples
            self._written += 1
            frame = EncodedFrame(OPUS, packet, begin, True, begin / AUDIO_CLOCK_RATE)
            for stream in self._fan_out.streams:
                self._fan_out.post(stream, frame)

    # The following methods are called by senders, on the loop.

    def attach(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver packets to a session's sender.

        Args:
            sink: Gets every packet from now on.
            form: Form of one of `codecs`.
            loop: The loop on whose thread the sink is called.
        """
        self._fan_out.add(sink, form, loop)

    def detach(self, sink: Sink) -> None:
        """Stop delivering to a sender."""
        self._fan_out.remove(sink)

    def join(self, deadline: Deadline) -> None:
        """Return at once: there is no thread."""
