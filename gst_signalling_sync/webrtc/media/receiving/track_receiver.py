"""`TrackReceiver`: base of `VideoReceiver` and `AudioReceiver`: a decoder, waiting readers, and an end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ....errors import SessionClosed, TrackRemoved, WaitTimeout
from ....threads.callbacks import Callbacks
from ....threads.interruptible import Condition
from ....threads.loop_thread import LoopThread
from ....threads.owner import Owner
from ....threads.waiting import Deadline, wait_for
from ..encoded_frame import EncodedFrame
from .decoder_thread import DecoderThread
from .media_receiver import MediaReceiver
from .track_feed import TrackFeed

__all__ = ["FOREVER", "TrackReceiver"]

FOREVER: Final = threading.TIMEOUT_MAX
"""Seconds of a wait without a timeout."""


class TrackReceiver:
    """One received track.

    Args:
        named: The session as errors name it.
        rtp: Delivers the encoded frames.
        loop: The loop that `rtp` lives on.
        callbacks: Emits the signals.
        timeout: Default of the reads' timeout, in seconds.
    """

    def __init__(self, named: str, rtp: MediaReceiver, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        self._named = named
        self.feed: Final = TrackFeed(rtp)
        """The encoded frames, over whichever peer connection they come; for the session and its recorders."""
        self.name: Final = rtp.name
        """The name that the peer gave the track, else its ``mid``, the identifier of its media section."""
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._owner = Owner(f"{rtp.kind} of {named}")
        self._frames_received = 0

        # Guards the state that the decoder thread, readers and callbacks share; notified when a waiting reader may go on.
        self._changed = Condition()
        self._has_ended = False
        self._error: Exception | None = None

        self._decoder = DecoderThread(f"{rtp.kind}-decoder", self._decode, self.feed.request_keyframe)
        self.feed.add_tap(self._on_frame)

    def __repr__(self) -> str:
        state = (
            "ended" if self._has_ended else f"{self.codec or 'nothing yet'}, {self._frames_received} frames received"
        )
        return f"<{type(self).__name__} {self.name!r} of {self._named}, {state}>"

    @property
    def rtp(self) -> MediaReceiver:
        """The receiver of the track's RTP packets now."""
        return self.feed.rtp

    @property
    def is_paused(self) -> bool:
        """Whether the peer says that it has paused the track (`VideoSource.pause`), so that no frames come.

        Only peers of this library say so; with others, no frames come either, and `VideoReceiver.age` grows.
        """
        return self.feed.rtp.is_paused and not self._has_ended

    @property
    def has_ended(self) -> bool:
        """Whether no more frames come: the session has ended, or the peer has removed the track."""
        return self._has_ended

    @property
    def codec(self) -> str | None:
        """The codec of the received frames, as in ``a=rtpmap``; None before the first one."""
        return self.feed.codec

    @property
    def frames_received(self) -> int:
        """Number of frames decoded."""
        return self._frames_received

    @property
    def frames_failed(self) -> int:
        """Number of complete frames that could not be decoded. Unforeseen errors are logged, at most every 10 s."""
        return self._decoder.failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be decoded; None: nothing failed."""
        return self._decoder.failures.newest

    @property
    def packets_lost(self) -> int:
        """Number of packets that never came, not even after they were requested again."""
        return self.feed.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Number of missing packets that were repaired.

        A video packet is repaired by retransmission, an audio packet by its repetition in a later one (RED, RFC 2198).
        """
        return self.feed.packets_repaired

    # The following three methods are called on the loop.

    def _on_frame(self, frame: EncodedFrame) -> None:
        """Have the next frame of the feed decoded."""
        self._decoder.put(frame)

    def end(self, error: Exception | None) -> None:
        """Tell readers that no more frames come, because the session ended; idempotent.

        Args:
            error: Why it ended; None: in order.
        """
        with self._changed:
            if not self._has_ended:
                self._has_ended = True
                self._error = error
            self._changed.notify_all()
        self.feed.remove_tap(self._on_frame)
        self._decoder.end()

    async def wait_ended(self, seconds: float) -> None:
        """Wait until the decoder's thread has ended; after `end`.

        Args:
            seconds: Maximum wait. A longer one is logged.
        """
        await self._decoder.wait_ended(seconds)

    # The methods below are called on any thread.

    def _decode(self, frame: EncodedFrame) -> None:
        raise NotImplementedError

    def _wait_until(self, predicate: Callable[[], object], doing: str, timeout: float | None) -> None:
        """Wait, holding `_changed`, until a read can go on or the track has ended.

        Raises:
            SessionClosed: The track has ended, and the predicate is still false; a `TrackRemoved` if the session goes on.
            WaitTimeout: The predicate did not become true in time.
            RuntimeError: This would block the event loop.
        """
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if not predicate() and not self._has_ended:
            if self._loop.is_current:
                raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself forever")
            wait_for(self._changed, lambda: self._has_ended or predicate(), deadline)
        if predicate():
            return
        if self._has_ended:
            kind = TrackRemoved if isinstance(self._error, TrackRemoved) else SessionClosed
            raise kind(f"{doing}: {self._error or 'the session is closed'}")
        raise WaitTimeout(f"{doing}: nothing within {deadline}; {self._progress()}")

    def _progress(self) -> str:
        """The progress so far, for an error that says that nothing came."""
        progress = (
            f"so far {self.feed.packets_received} packets ({self.feed.packets_lost} lost),"
            f" {self.feed.frames_received} whole frames, {self._frames_received} decoded"
        )
        if self.frames_failed:
            progress += f", {self.frames_failed} not decodable"
        if self.failure is not None:
            progress += f" (the last: {self.failure!r})"
        return progress
