"""`FanOut`: what one source encodes goes to the sender of every session, as ready payloads. Encoded once, packetised once."""

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
    """What takes encoded frames, on the loop; it must not block."""

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Take the next frame.

        Args:
            frame: Of the form that the sink was added with.
            payloads: The same as RTP payloads; shared, not to be changed.
        """


class FanOut:
    """The sinks of one source, by the form that they take.

    `add` and `remove` are called on the loop, `post` on the source's thread. The sinks are an immutable snapshot that the
    loop replaces, so that neither waits for the other.
    """

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._sinks: dict[SendForm, tuple[Sink, ...]] = {}
        self._packers: dict[SendForm, Packer] = {}
        # Written by both sides, each its own.
        self._posted = 0
        self._delivered = 0

    @property
    def forms(self) -> tuple[SendForm, ...]:
        """Those that somebody takes."""
        return tuple(self._sinks)

    @property
    def is_congested(self) -> bool:
        """Whether the loop has not yet delivered what was posted: the next frame had better wait."""
        return self._posted - self._delivered >= _MAX_ON_THE_WAY

    def add(self, sink: Sink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver to a sink; on the loop."""
        if loop is not self._loop:
            # What an earlier loop had not delivered when it ended is on its way no more.
            self._delivered = self._posted
        self._loop = loop
        self._sinks = {**self._sinks, form: (*self._sinks.get(form, ()), sink)}

    def remove(self, sink: Sink) -> None:
        """Stop delivering to a sink; on the loop."""
        remaining = {form: tuple(each for each in sinks if each is not sink) for form, sinks in self._sinks.items()}
        self._sinks = {form: sinks for form, sinks in remaining.items() if sinks}

    def post(self, form: SendForm, frame: EncodedFrame) -> None:
        """Deliver a frame to all sinks of a form, soon; on the source's thread."""
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
                # One that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r gets no more frames", sink)
                self.remove(sink)
