"""`PassedFrames`: what was encoded elsewhere goes to the senders of all sessions, as ready payloads. Packetised once.

Threads: writers add frames, one after another; senders come, go and ask on the loop, which delivers. One lock guards what
both touch: which frames a receiver may begin with, and how many are on their way to the loop. The senders are the loop's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ....threads.loop_thread import LoopThread
from ..codecs.codec import Packer, SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from .bitrate import SharedBitrate
from .joinable_frames import JoinableFrames, PassedFrame, squeezed
from .keyframe_requests import KeyframeRequests
from .source import StreamSink

__all__ = ["PassedFrames"]

logger = logging.getLogger(__name__)

_MAX_ON_THE_WAY: Final = 60
"""Frames that the loop has still to deliver: when there are more, it is given none until the next keyframe."""

_SILENT_SECONDS: Final = 0.5
"""After the last frame: what a receiver asks for then does not wait for the next one."""


class _Receiver:
    """What is known of one sender.

    Attributes:
        since: The number of the last frame that it got.
        timestamp: Of that; None: it got none.
        requests: For a keyframe, which is answered with what there is since the last one.
    """

    __slots__ = ("requests", "since", "timestamp")

    def __init__(self) -> None:
        self.since = 0
        self.timestamp: int | None = None
        self.requests = KeyframeRequests()


class PassedFrames:
    """The frames of one source, and the senders that take them as they are.

    Args:
        is_asked: Called for whether the source is asked for keyframes. If not, who needs one gets the frames since the last.
        ask: Called on the loop with a sender that needs a keyframe.
        limits: The bits per second, minimum and maximum, that the source may be asked for.
        wanted: Called on the loop when the links bear another bitrate, in bits per second.
    """

    def __init__(
        self,
        is_asked: Callable[[], bool],
        ask: Callable[[StreamSink], None],
        limits: Callable[[], tuple[int, int]],
        wanted: Callable[[int], None],
    ) -> None:
        self._is_asked = is_asked
        self._ask = ask
        self._limits = limits
        self._wanted = wanted
        self._loop: LoopThread | None = None
        self._receivers: dict[StreamSink, _Receiver] = {}
        self._behind: set[StreamSink] = set()
        self._bitrate = SharedBitrate(*limits())
        self._packer: Packer | None = None
        # Guards what follows.
        self._lock = threading.Lock()
        self._number = 0
        self._joinable = JoinableFrames()
        self._written_at = float("-inf")
        self._on_the_way = 0
        self._skips = False

    @property
    def is_watched(self) -> bool:
        """Whether somebody takes the frames."""
        return bool(self._receivers)

    @property
    def makes_keyframes(self) -> bool:
        """Whether a keyframe that is asked for is a new one: otherwise what there is since the last one is sent again."""
        return self._is_asked()

    def joinable(self) -> list[EncodedFrame]:
        """The frames since the last keyframe; on any thread."""
        with self._lock:
            return [each.frame for each in self._joinable.frames()]

    def begin_again(self) -> None:
        """Take note that the next frame is the first of another stream: who comes now begins with it."""
        with self._lock:
            self._joinable.clear()

    def write(self, form: SendForm, frame: EncodedFrame) -> None:
        """Deliver a frame to all, soon; by one thread at a time.

        Args:
            form: Of the frame.
            frame: The next one.
        """
        if self._packer is None:
            self._packer = form.new_packer()
        payloads = self._packer(frame.data)
        is_asked = self._is_asked()
        with self._lock:
            self._number += 1
            passed = PassedFrame(self._number, frame, payloads)
            self._written_at = time.monotonic()
            if is_asked:
                self._joinable.clear()
            else:
                self._joinable.add(passed)
            loop = self._loop
            if loop is None or not self._receivers:
                return
            self._skips = self._on_the_way >= _MAX_ON_THE_WAY or (self._skips and not frame.keyframe)
            if self._skips:
                return
            self._on_the_way += 1
        if not loop.call(self._deliver, passed):
            with self._lock:
                self._on_the_way = 0

    # What follows is for senders, on the loop.

    def attach(self, sink: StreamSink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver to a sender: first what there is since the last keyframe, or a keyframe that is asked for.

        Args:
            sink: Gets every frame from then on.
            form: Of the frames.
            loop: Whose thread this is.
        """
        receiver = _Receiver()
        with self._lock:
            if loop is not self._loop:
                # What an earlier loop had not delivered when it ended is on its way no more.
                self._on_the_way = 0
                self._loop = loop
            receiver.since = self._number
            self._receivers[sink] = receiver
        self._ask(sink)
        if not self._is_asked():
            self._replay(sink, receiver, until=self._now_if_silent())

    def detach(self, sink: StreamSink) -> None:
        """Stop delivering to a sender."""
        self._receivers.pop(sink, None)
        self._behind.discard(sink)
        self._bitrate.forget(sink)

    def request_keyframe(self, sink: StreamSink) -> bool:
        """Take note that a receiver needs a keyframe.

        Returns:
            Whether something will come that it can go on with.
        """
        receiver = self._receivers.get(sink)
        if receiver is None:
            return False
        self._ask(sink)
        if self._is_asked():
            return True
        now = time.monotonic()
        # To send everything once more is no help where the link bears less than the source brings.
        if sink in self._behind or not receiver.requests.ask(sink, now):
            return False
        until = self._now_if_silent()
        if until is not None and receiver.requests.is_due(now):
            self._replay(sink, receiver, until=until)
        return True

    def report_estimate(self, sink: StreamSink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Take note of what a link carries; see `VideoSource.report_estimate`."""
        if sink not in self._receivers:
            return bitrate, bitrate
        self._bitrate.set_limits(*self._limits())
        self._bitrate.report(sink, bitrate, is_confirmed)
        self._wanted(self._bitrate.target())
        return self._bitrate.limits

    def needed_by(self, sink: StreamSink) -> int | None:
        """The highest bitrate that a link is ever sent, in bits per second."""
        return self._limits()[1]

    def report_backlog(self, sink: StreamSink, is_behind: bool) -> None:
        """Take note of whether a link has frames waiting."""
        if is_behind:
            self._behind.add(sink)
        else:
            self._behind.discard(sink)

    def _now_if_silent(self) -> int | None:
        """The time stamp of now, where the source brings nothing, so that its last frame is of now for who begins with it."""
        now = time.monotonic()
        with self._lock:
            return int(now * VIDEO_CLOCK_RATE) if now - self._written_at > _SILENT_SECONDS else None

    def _deliver(self, passed: PassedFrame) -> None:
        with self._lock:
            self._on_the_way -= 1
        now = time.monotonic()
        for sink, receiver in list(self._receivers.items()):
            if passed.number <= receiver.since:
                continue
            try:
                if passed.frame.keyframe:
                    receiver.requests.made(now)
                elif receiver.requests.is_due(now):
                    self._replay(sink, receiver, before=passed.number, until=passed.frame.timestamp - 1)
                frame = passed.frame
                if receiver.timestamp is not None and frame.timestamp <= receiver.timestamp:
                    # It was captured before what was repeated as of now.
                    frame = replace(frame, timestamp=receiver.timestamp + 1)
                receiver.since, receiver.timestamp = passed.number, frame.timestamp
                sink.deliver(frame, passed.payloads)
            except Exception:
                # One that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r gets no more frames", sink)
                self.detach(sink)

    def _replay(
        self, sink: StreamSink, receiver: _Receiver, before: int | None = None, until: int | None = None
    ) -> None:
        """Send what there is since the last keyframe, if anything."""
        with self._lock:
            frames = self._joinable.frames(before)
        if not frames:
            return
        if before is None:
            receiver.since = frames[-1].number
        last = frames[-1].frame.timestamp if until is None else until
        replayed = squeezed(frames, receiver.timestamp, last)
        if replayed is None:
            return
        receiver.timestamp = last
        receiver.requests.made(time.monotonic())
        sink.replay([(each.frame, each.payloads) for each in replayed])
