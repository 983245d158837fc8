"""`FanOut`: delivers the frames of one source to the senders of all sessions as RTP payloads, packetized once per stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from ....threads.loop_thread import LoopThread
from ..codecs.codec import Packer, SendForm
from ..codecs.frame_numbers import FrameNumbers
from ..encoded_frame import EncodedFrame

__all__ = ["FanOut", "FrameStream", "Sink"]

logger = logging.getLogger(__name__)

_MAX_ON_THE_WAY: Final = 4
"""Maximum number of posted frames of each stream that the loop has not delivered."""


class Sink(Protocol):
    """Takes encoded frames, on the loop; it must not block."""

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Take the next frame.

        Args:
            frame: A frame of the form that the sink was added with.
            payloads: The frame as RTP payloads; shared, must not be changed.
        """


class FrameStream(NamedTuple):
    """The frames of one encoding.

    Attributes:
        form: Their form.
        is_slow: Whether they are for the slow group of the form's links, see `RateGroups`. Defaults to False.
    """

    form: SendForm
    is_slow: bool = False


class FanOut:
    """The sinks of one source, by their stream.

    `add`, `switch` and `remove` are called on the loop, `post` and `call` on the source's thread. The loop replaces the sinks,
    which are immutable, so that neither side waits for the other.
    """

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._sinks: dict[FrameStream, tuple[Sink, ...]] = {}
        # The lowest timestamp with which a sink may begin that has changed its stream; the loop's alone.
        self._begins: dict[Sink, int] = {}
        # The source's thread's alone.
        self._packers: dict[FrameStream, Packer] = {}
        self._numbers: dict[SendForm, FrameNumbers] = {}
        # Each written by one side only: the source's thread and the loop.
        self._posted = 0
        self._delivered = 0

    @property
    def streams(self) -> tuple[FrameStream, ...]:
        """The streams that any sink takes."""
        return tuple(self._sinks)

    @property
    def is_congested(self) -> bool:
        """Whether the loop has not delivered the posted frames yet, so that the next one should wait."""
        return self._posted - self._delivered >= _MAX_ON_THE_WAY * max(1, len(self._sinks))

    def add(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver to a sink; on the loop."""
        if loop is not self._loop:
            # Frames that an earlier loop had not delivered when it ended will never be.
            self._delivered = self._posted
        self._loop = loop
        stream = FrameStream(form)
        self._sinks = {**self._sinks, stream: (*self._sinks.get(stream, ()), sink)}

    def switch(self, sink: Sink, stream: FrameStream, timestamp: int) -> None:
        """Deliver another stream to a sink, unless it was removed; on the loop.

        The sink gets the first keyframe that is not older than a moment, and what follows it. A hardware encoder returns older
        frames too.

        Args:
            sink: The sink.
            stream: The stream.
            timestamp: RTP timestamp of the moment, whose frame of the other stream the sink does not get.
        """
        if not any(sink in sinks for sinks in self._sinks.values()):
            return
        self.remove(sink)
        self._begins[sink] = timestamp
        self._sinks = {**self._sinks, stream: (*self._sinks.get(stream, ()), sink)}

    def remove(self, sink: Sink) -> None:
        """Stop delivering to a sink; on the loop."""
        self._begins.pop(sink, None)
        remaining = {stream: tuple(each for each in sinks if each is not sink) for stream, sinks in self._sinks.items()}
        self._sinks = {stream: sinks for stream, sinks in remaining.items() if sinks}

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop, before the frames that are posted later; on the source's thread."""
        if self._loop is not None:
            self._loop.call(function, *arguments)

    def post(self, stream: FrameStream, frame: EncodedFrame) -> None:
        """Deliver a frame to all sinks of a stream, by the loop; on the source's thread."""
        loop = self._loop
        if loop is None:
            return
        payloads = self._pack(stream, frame)
        self._posted += 1
        if not loop.call(self._deliver, stream, frame, payloads):
            self._delivered = self._posted

    def _pack(self, stream: FrameStream, frame: EncodedFrame) -> list[bytes]:
        if stream not in self._packers:
            numbers = self._numbers.setdefault(stream.form, FrameNumbers())
            self._packers[stream] = stream.form.new_packer(numbers=numbers)
        return self._packers[stream](frame.data)

    def _deliver(self, stream: FrameStream, frame: EncodedFrame, payloads: list[bytes]) -> None:
        self._delivered += 1
        for sink in self._sinks.get(stream, ()):
            if sink in self._begins:
                if frame.timestamp < self._begins[sink] or not frame.keyframe:
                    continue
                del self._begins[sink]
            try:
                sink.deliver(frame, payloads)
            except Exception:
                # A sink that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r failed, and gets no more frames", sink)
                self.remove(sink)
