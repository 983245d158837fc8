"""`FanOut`: delivers the frames of one source to the senders of all sessions as RTP payloads, encoded and packetized once."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from ....threads.loop_thread import LoopThread
from ..codecs.codec import Packer, SendForm
from ..encoded_frame import EncodedFrame

__all__ = ["FanOut", "Sink"]

logger = logging.getLogger(__name__)

_MAX_ON_THE_WAY: Final = 4


class Sink(Protocol):
    """Takes encoded frames, on the loop; it must not block."""

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Take the next frame.

        Args:
            frame: A frame of the form that the sink was added with.
            payloads: The frame as RTP payloads; shared, must not be changed.
        """


class FanOut:
    """The sinks of one source, by their form.

    `add` and `remove` are called on the loop, `post` on the source's thread. The loop replaces the sinks, which are immutable,
    so that neither side waits for the other.
    """

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._sinks: dict[SendForm, tuple[Sink, ...]] = {}
        self._packers: dict[SendForm, Packer] = {}
        # Each written by one side only: the source's thread and the loop.
        self._posted = 0
        self._delivered = 0

    @property
    def forms(self) -> tuple[SendForm, ...]:
        """The forms that any sink takes."""
        return tuple(self._sinks)

    @property
    def is_congested(self) -> bool:
        """Whether the loop has not delivered the posted frames yet, so that the next one should wait."""
        return self._posted - self._delivered >= _MAX_ON_THE_WAY

    def add(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver to a sink; on the loop."""
        if loop is not self._loop:
            # Frames that an earlier loop had not delivered when it ended will never be.
            self._delivered = self._posted
        self._loop = loop
        self._sinks = {**self._sinks, form: (*self._sinks.get(form, ()), sink)}

    def remove(self, sink: Sink) -> None:
        """Stop delivering to a sink; on the loop."""
        remaining = {form: tuple(each for each in sinks if each is not sink) for form, sinks in self._sinks.items()}
        self._sinks = {form: sinks for form, sinks in remaining.items() if sinks}

    def post(self, form: SendForm, frame: EncodedFrame) -> None:
        """Deliver a frame to all sinks of a form, by the loop; on the source's thread."""
        loop = self._loop
        if loop is None:
            return
        payloads = self._pack(form, frame)
        self._posted += 1
        if not loop.call(self._deliver, form, frame, payloads):
            self._delivered = self._posted

    def _pack(self, form: SendForm, frame: EncodedFrame) -> list[bytes]:
        if form not in self._packers:
            self._packers[form] = form.new_packer()
        return self._packers[form](frame.data)

    def _deliver(self, form: SendForm, frame: EncodedFrame, payloads: list[bytes]) -> None:
        self._delivered += 1
        for sink in self._sinks.get(form, ()):
            try:
                sink.deliver(frame, payloads)
            except Exception:
                # A sink that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r failed, and gets no more frames", sink)
                self.remove(sink)
