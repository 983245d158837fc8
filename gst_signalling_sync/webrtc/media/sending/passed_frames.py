"""`PassedFrames`: delivers frames that were encoded elsewhere to the senders of all sessions, packetized once.

Threads: writers add frames, one after another. Senders attach, detach and request keyframes on the loop, which delivers. One
lock guards the state that both touch: the frames with which a receiver may begin, and how many frames are on their way to the
loop. The senders belong to the loop.
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
"""Maximum number of frames posted to the loop and not delivered. Beyond it, no frame is posted until the next keyframe."""

_SILENT_SECONDS: Final = 0.5
"""Silence of the source after which a request for a keyframe is answered without waiting for the next frame."""


class _Receiver:
    """The state of one sender.

    Attributes:
        since: Number of the last frame that it got.
        timestamp: Timestamp of the last frame that it got; None: it got no frame.
        requests: Its requests for keyframes, which are answered with the frames since the last keyframe.
    """

    __slots__ = ("requests", "since", "timestamp")

    def __init__(self) -> None:
        self.since = 0
        self.timestamp: int | None = None
        self.requests = KeyframeRequests()


class PassedFrames:
    """The frames of one source, and the senders that take them unchanged.

    Args:
        is_asked: Returns whether the source is asked for keyframes. If not, a receiver that needs one gets the frames since the
            last keyframe.
        ask: Called on the loop with a sender that needs a keyframe.
        limits: Returns the minimum and maximum that the source may be asked for, in bit/s.
        wanted: Called on the loop with the bitrate that the links carry, in bit/s, when it has changed.
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
        # Guards the attributes below.
        self._lock = threading.Lock()
        self._number = 0
        self._joinable = JoinableFrames()
        self._written_at = float("-inf")
        self._on_the_way = 0
        self._skips = False

    @property
    def is_watched(self) -> bool:
        """Whether any session takes the frames."""
        return bool(self._receivers)

    @property
    def makes_keyframes(self) -> bool:
        """Whether a requested keyframe is a new frame; if not, the frames since the last keyframe are sent again."""
        return self._is_asked()

    def joinable(self) -> list[EncodedFrame]:
        """The frames since the last keyframe; on any thread."""
        with self._lock:
            return [each.frame for each in self._joinable.frames()]

    def begin_again(self) -> None:
        """Drop the frames kept, because the next frame begins another stream: new receivers begin with it."""
        with self._lock:
            self._joinable.clear()

    def write(self, form: SendForm, frame: EncodedFrame) -> None:
        """Post a frame to all senders; one thread at a time.

        Args:
            form: Form of the frame.
            frame: The next frame.
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

    # The following methods are called by senders, on the loop.

    def attach(self, sink: StreamSink, form: SendForm, loop: LoopThread) -> None:
        """Begin to deliver to a sender: first the frames since the last keyframe, or a keyframe that is requested.

        Args:
            sink: Gets every frame from then on.
            form: Form of the frames.
            loop: The loop that calls this.
        """
        receiver = _Receiver()
        with self._lock:
            if loop is not self._loop:
                # Frames that an earlier loop had not delivered when it ended will never be.
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
        """Record that a receiver needs a keyframe.

        Returns:
            Whether it will get frames with which it can go on.
        """
        receiver = self._receivers.get(sink)
        if receiver is None:
            return False
        self._ask(sink)
        if self._is_asked():
            return True
        now = time.monotonic()
        # Sending all frames again is no help if the link carries less than the source's bitrate.
        if sink in self._behind or not receiver.requests.ask(sink, now):
            return False
        until = self._now_if_silent()
        if until is not None and receiver.requests.is_due(now):
            self._replay(sink, receiver, until=until)
        return True

    def report_estimate(self, sink: StreamSink, bitrate: int, is_confirmed: bool = True) -> tuple[int, int]:
        """Record the bitrate that a link carries; see `VideoFeed.report_estimate`."""
        if sink not in self._receivers:
            return bitrate, bitrate
        self._bitrate.set_limits(*self._limits())
        self._bitrate.report(sink, bitrate, is_confirmed)
        self._wanted(self._bitrate.target())
        return self._bitrate.limits

    def needed_by(self, sink: StreamSink) -> int | None:
        """Maximum that a link is ever sent, in bit/s."""
        return self._limits()[1]

    def report_backlog(self, sink: StreamSink, is_behind: bool) -> None:
        """Record whether frames wait on a link."""
        if is_behind:
            self._behind.add(sink)
        else:
            self._behind.discard(sink)

    def _now_if_silent(self) -> int | None:
        """The timestamp of now if the source is silent, for a receiver that begins with its last frame; else None."""
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
                    # It was captured before a frame that was repeated with the timestamp of that moment.
                    frame = replace(frame, timestamp=receiver.timestamp + 1)
                receiver.since, receiver.timestamp = passed.number, frame.timestamp
                sink.deliver(frame, passed.payloads)
            except Exception:
                # A sender that fails would fail for every frame, and must not take the video from the others.
                logger.exception("%r failed, and gets no more frames", sink)
                self.detach(sink)

    def _replay(
        self, sink: StreamSink, receiver: _Receiver, before: int | None = None, until: int | None = None
    ) -> None:
        """Send the frames since the last keyframe, if there are any."""
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
