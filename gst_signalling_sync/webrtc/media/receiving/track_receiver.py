"""`TrackReceiver`: what the receivers of video and of audio have in common: a decoder, readers who wait, and an end."""

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

__all__ = ["FOR_EVER", "TrackReceiver"]

FOR_EVER: Final = threading.TIMEOUT_MAX
"""Seconds to wait where there is no timeout."""


class TrackReceiver:
    """One track that the other end sends.

    Args:
        named: The session as errors name it.
        rtp: Gives the encoded frames.
        loop: What `rtp` lives on.
        callbacks: Where the signals are emitted.
        timeout: Seconds that reads wait by default.
    """

    def __init__(self, named: str, rtp: MediaReceiver, loop: LoopThread, callbacks: Callbacks, timeout: float) -> None:
        self._named = named
        self.feed: Final = TrackFeed(rtp)
        """The encoded frames, whichever peer connection they come by; for the session and its recorders."""
        self.name: Final = rtp.name
        """The name that the other end gave the track, else its ``mid``, the identifier of its media section."""
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._owner = Owner(f"{rtp.kind} of {named}")
        self._frames_received = 0

        # Guards what the decoder's thread, readers and callbacks share; notified when a reader may have what it waits for.
        self._changed = Condition()
        self._has_ended = False
        self._error: Exception | None = None

        self._decoder = DecoderThread(f"{rtp.kind}-decoder", self._decode, self.feed.request_keyframe)
        self.feed.add_tap(self._take)

    def __repr__(self) -> str:
        state = (
            "ended" if self._has_ended else f"{self.codec or 'nothing yet'}, {self._frames_received} frames received"
        )
        return f"<{type(self).__name__} {self.name!r} of {self._named}, {state}>"

    @property
    def rtp(self) -> MediaReceiver:
        """What the track comes by now."""
        return self.feed.rtp

    @property
    def is_paused(self) -> bool:
        """Whether the other end says that it has paused the track (`VideoSource.pause`), so that nothing comes.

        Only ends of this library say so; of others nothing comes either, and `VideoReceiver.age` grows.
        """
        return self.feed.rtp.is_paused and not self._has_ended

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes: the session has ended, or the other end has removed the track."""
        return self._has_ended

    @property
    def codec(self) -> str | None:
        """The codec of what comes, as in ``a=rtpmap``; None before the first frame."""
        return self.feed.codec

    @property
    def frames_received(self) -> int:
        """Frames that were decoded."""
        return self._frames_received

    @property
    def frames_failed(self) -> int:
        """Frames that came whole and could not be decoded; what nobody foresaw is logged, at most every 10 s."""
        return self._decoder.failures.count

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be decoded; None: nothing is wrong."""
        return self._decoder.failures.newest

    @property
    def packets_lost(self) -> int:
        """Packets that never came, not even when they were asked for again."""
        return self.feed.packets_lost

    @property
    def packets_repaired(self) -> int:
        """Packets that were missing, and came after all; always 0 of audio, which is not asked for again."""
        return self.feed.packets_repaired

    # These three are called on the loop.

    def _take(self, frame: EncodedFrame) -> None:
        """Take the next frame of the feed."""
        self._decoder.put(frame)

    def end(self, error: Exception | None) -> None:
        """Tell readers that nothing more comes, because the session ended; idempotent.

        Args:
            error: Why, None where it was closed in order.
        """
        with self._changed:
            if not self._has_ended:
                self._has_ended = True
                self._error = error
            self._changed.notify_all()
        self.feed.remove_tap(self._take)
        self._decoder.end()

    async def wait_ended(self, seconds: float) -> None:
        """Wait until the decoder's thread has ended; after `end`.

        Args:
            seconds: How long at the most; it is logged if it takes longer.
        """
        await self._decoder.wait_ended(seconds)

    # Until here.

    def _decode(self, frame: EncodedFrame) -> None:
        raise NotImplementedError

    def _wait_until(self, predicate: Callable[[], object], doing: str, timeout: float | None) -> None:
        """Wait, holding `_changed`, until a read can go on or the track has ended.

        Raises:
            SessionClosed: It has ended, and the predicate is still false; a `TrackRemoved` where the session goes on.
            WaitTimeout: It took too long.
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
        """What has come so far, for who wonders why there is nothing."""
        progress = (
            f"so far {self.feed.packets_received} packets ({self.feed.packets_lost} lost),"
            f" {self.feed.frames_received} whole frames, {self._frames_received} decoded"
        )
        if self.frames_failed:
            progress += f", {self.frames_failed} not decodable"
        if self.failure is not None:
            progress += f" (the last: {self.failure!r})"
        return progress
