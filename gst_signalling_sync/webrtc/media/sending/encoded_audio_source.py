"""`EncodedAudioSource`: Opus packets that were encoded elsewhere are sent unchanged to all sessions."""

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
from .controlled_track import ControlledTrack
from .fan_out import FanOut, Sink

__all__ = ["EncodedAudioSource"]

_GAP_SAMPLES: Final = AUDIO_CLOCK_RATE // 10
"""Maximum distance from the end of the last packet at which a packet joins it: writers are late by some milliseconds."""


class EncodedAudioSource(ControlledTrack):
    """An audio track of a player whose packets are already Opus.

    Threads: a writer posts each packet to the loop and waits only for other writers.

    Args:
        name: Name by which the peer knows the track, see `checked_name`. Defaults to None: no name.

    Raises:
        ValueError: The name is not that of a track.
    """

    kind: Final = "audio"
    codecs: Final = (OPUS,)
    makes_keyframes: Final = False

    def __init__(self, *, name: str | None = None) -> None:
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
        """Send a packet to every session; returns at once.

        Args:
            packet: One Opus packet, mono or stereo.
            captured: Capture time of its first sample in seconds, from `time.monotonic`. Defaults to None: the packet ends now.

        Raises:
            ValueError: It is not an Opus packet, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
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
            for form in self._fan_out.forms:
                self._fan_out.post(form, frame)

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

    def request_keyframe(self, sink: Sink) -> bool:
        """Return False: every audio packet can be decoded without a keyframe."""
        return False

    def needed_by(self, sink: Sink) -> int | None:
        """Return None: the bitrate of audio is not adapted."""
        return None

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Do nothing: audio is not left out; packets are dropped where the link does not take them."""

    def report_estimate(self, sink: Sink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Return the bitrate unchanged: that of audio is not adapted; see `AudioSource.report_estimate`."""
        return bitrate, bitrate

    def join(self, deadline: Deadline) -> None:
        """Return at once: there is no thread."""
