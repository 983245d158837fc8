"""`FanOut`: what one source encodes goes to the sender of every session, as ready payloads. Encoded once, packetised once."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from ....threads.loop_thread import LoopThread
from ...engine.codecs import Packetizer
from ..encoded_frame import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame

__all__ = ["FanOut", "Sink"]

logger = logging.getLogger(__name__)

_CLOCK_RATES: Final = {"VP8": VIDEO_CLOCK_RATE, "H264": VIDEO_CLOCK_RATE, "opus": AUDIO_CLOCK_RATE}

_MOST_ON_THE_WAY: Final = 4


class Sink(Protocol):
    """What takes encoded frames, on the loop; it must not block."""

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Take the next frame.

        Args:
            frame: Of the codec that the sink was added with.
            payloads: The same as RTP payloads; shared, not to be changed.
        """


class FanOut:
    """The sinks of one source, by codec.

    `add` and `remove` are called on the loop, `post` on the source's thread. The sinks are an immutable snapshot that the
    loop replaces, so that neither waits for the other.
    """

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._sinks: dict[str, tuple[Sink, ...]] = {}
        self._packers: dict[str, Packetizer] = {}
        # Written by both sides, each its own.
        self._posted = 0
        self._delivered = 0

    @property
    def codecs(self) -> tuple[str, ...]:
        """Those that somebody takes."""
        return tuple(self._sinks)

    @property
    def is_congested(self) -> bool:
        """Whether the loop has not yet delivered what was posted: the next frame had better wait."""
        return self._posted - self._delivered >= _MOST_ON_THE_WAY

    def add(self, sink: Sink, codec: str, loop: LoopThread) -> None:
        """Begin to deliver to a sink; on the loop."""
        if loop is not self._loop:
            # What an earlier loop had not delivered when it ended is on its way no more.
            self._delivered = self._posted
        self._loop = loop
        self._sinks = {**self._sinks, codec: (*self._sinks.get(codec, ()), sink)}

    def remove(self, sink: Sink) -> None:
        """Stop delivering to a sink; on the loop."""
        remaining = {codec: tuple(each for each in sinks if each is not sink) for codec, sinks in self._sinks.items()}
        self._sinks = {codec: sinks for codec, sinks in remaining.items() if sinks}

    def post(self, frame: EncodedFrame) -> None:
        """Deliver a frame to all sinks of its codec, soon; on the source's thread."""
        loop = self._loop
        if loop is None:
            return
        payloads = self._pack(frame)
        self._posted += 1
        if not loop.call(self._deliver, frame, payloads):
            self._delivered = self._posted

    def _pack(self, frame: EncodedFrame) -> list[bytes]:
        if frame.codec not in self._packers:
            kind = "audio" if frame.codec == "opus" else "video"
            self._packers[frame.codec] = Packetizer(f"{kind}/{frame.codec}", _CLOCK_RATES[frame.codec])
        return self._packers[frame.codec].pack(frame.data, frame.timestamp)

    def _deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        self._delivered += 1
        for sink in self._sinks.get(frame.codec, ()):
            try:
                sink.deliver(frame, payloads)
            except Exception:
                # One that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r gets no more frames", sink)
                self.remove(sink)
