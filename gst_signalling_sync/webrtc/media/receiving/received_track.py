"""`ReceivedTrack`: a received track behind its receiver: the frames, the thread that decodes them, waiting readers, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ....errors import SessionClosed, TrackRemoved, WaitTimeout
from ....threads.callbacks import Callbacks
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline, wait_for
from ..encoded_frame import EncodedFrame
from ..failures import Failures
from .decoder_thread import DecoderThread
from .media_receiver import MediaReceiver
from .taps import Tap
from .track_feed import TrackFeed

__all__ = ["ReceivedTrack"]


class ReceivedTrack:
    """What a session and the loop work with of a received track; users hold its `VideoReceiver` or `AudioReceiver`.

    Args:
        named: The session as errors name it.
        rtp: Delivers the encoded frames.
        loop: The loop that `rtp` lives on.
        callbacks: Emits the signals of the receiver.
        timeout: Default of the reads' timeout, in seconds.
    """

    def __init__(self, named: str, rtp: MediaReceiver, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        self.named: Final = named
        self.feed: Final = TrackFeed(rtp)
        """The encoded frames, over whichever peer connection they come."""
        self.callbacks: Final = callbacks
        self.owner: Final = Owner(f"{rtp.kind} of {named}")
        self.frames_decoded = 0
        """Written by the decoder's thread."""
        self._loop = loop
        self._timeout = timeout
        self._decoder = DecoderThread(f"{rtp.kind}-decoder", self._decode, self.feed.request_keyframe)
        # Set by the receiver before the first frame.
        self._decode_frame: Callable[[EncodedFrame], None]
        self._tap: Tap

        self.changed: Final = Condition()
        """Guards the state that the decoder's thread, readers and callbacks share; notified when a reader may go on."""
        self._has_ended = False
        self._error: Exception | None = None

    def begin(self, decode: Callable[[EncodedFrame], None], on_frame: Tap | None = None) -> None:
        """Begin to decode; called once, by the receiver.

        Args:
            decode: Called on the decoder's thread with each frame.
            on_frame: Called on the loop with each frame; it calls `put` or `skip`. Defaults to None: each is decoded.
        """
        self._decode_frame = decode
        self._tap = self.put if on_frame is None else on_frame
        self.feed.add_tap(self._tap)

    @property
    def has_ended(self) -> bool:
        """Whether no more frames come."""
        return self._has_ended

    @property
    def failures(self) -> Failures:
        """Complete frames that could not be decoded."""
        return self._decoder.failures

    def wait_until(
        self,
        predicate: Callable[[], object],
        doing: str,
        timeout: float | None,
        waiting: Callable[[], str] = lambda: "",
    ) -> None:
        """Wait, holding `changed`, until a read can go on or the track has ended; on any thread.

        Args:
            predicate: Whether the read can go on.
            doing: What the caller does, for errors.
            timeout: Seconds. None: the default.
            waiting: Returns what has come for this read, for the error that it is not enough. Defaults to nothing.

        Raises:
            SessionClosed: The track has ended, and the predicate is still false; a `TrackRemoved` if the session goes on.
            WaitTimeout: The predicate did not become true in time.
            RuntimeError: This would block the event loop.
        """
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if not predicate() and not self._has_ended:
            if self._loop.is_current:
                raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself forever")
            wait_for(self.changed, lambda: self._has_ended or predicate(), deadline)
        if predicate():
            return
        if self._has_ended:
            error = self._error
            kind = TrackRemoved if isinstance(error, TrackRemoved) else SessionClosed
            reason = error.reason if isinstance(error, SessionClosed) else "left"
            raise kind(f"{doing}: {error or 'the session is closed'}", reason)
        raise WaitTimeout(f"{doing}: nothing within {deadline}; {self._progress()}{waiting()}")

    # The following methods are called on the loop.

    def put(self, frame: EncodedFrame) -> None:
        """Have a frame decoded."""
        self._decoder.put(frame)

    def skip(self) -> None:
        """Record that frames are left out, so that the next one to decode must be a keyframe."""
        self._decoder.skip()

    def end(self, error: Exception | None) -> None:
        """Tell readers that no more frames come, because the session ended; idempotent.

        Args:
            error: Why it ended; None: in order.
        """
        with self.changed:
            if not self._has_ended:
                self._has_ended = True
                self._error = error
            self.changed.notify_all()
        self.feed.remove_tap(self._tap)
        self._decoder.end()

    async def wait_ended(self, seconds: float) -> None:
        """Wait until the decoder's thread has ended; after `end`.

        Args:
            seconds: Maximum wait. A longer one is logged.
        """
        await self._decoder.wait_ended(seconds)

    def _decode(self, frame: EncodedFrame) -> None:
        self._decode_frame(frame)

    def _progress(self) -> str:
        """The progress so far, for an error that says that nothing came."""
        feed = self.feed
        progress = (
            f"so far {feed.packets_received} packets ({feed.packets_lost} lost), {feed.frames_received} whole frames,"
            f" {self.frames_decoded} decoded"
        )
        if self.failures.count:
            progress += f", {self.failures.count} not decodable"
        if self.failures.newest is not None:
            progress += f" (the last: {self.failures.newest!r})"
        return progress
