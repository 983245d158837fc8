"""`DecoderThread`: decodes the frames of one track on a thread of its own, and drops frames if it is too slow.

Threads: the loop puts frames into the queue, the thread takes them out. Each side has counters that it alone writes; the number
of waiting frames is their difference. No wait for the thread blocks the loop: the thread is told to end, and notifies the loop
when it has.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import av

from ..encoded_frame import EncodedFrame
from ..failures import DecodingError, Failures

__all__ = ["DecoderThread"]

logger = logging.getLogger(__name__)

_MAX_FRAMES: Final = 60
_MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_SECONDS: Final = 2.0
"""Number, size and age of waiting frames at which they are dropped, up to the next keyframe."""

_EXIT_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.001


class DecoderThread:
    """Decodes frames one after another. The thread starts with the first frame and runs until `end`.

    Args:
        name: Name of the thread, without the prefix ``gss-``.
        decode: Called with each frame, on the thread. After an exception it is not called before the next keyframe. A damaged
            stream causes `DecodingError` and PyAV's errors; others are logged as errors.
        request_keyframe: Called, on any thread, if decoding can go on only with a keyframe.
    """

    def __init__(self, name: str, decode: Callable[[EncodedFrame], None], request_keyframe: Callable[[], None]) -> None:
        self._name = f"gss-{name}"
        self._decode = decode
        self._request_keyframe = request_keyframe
        self._queue: SimpleQueue[tuple[int, EncodedFrame] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

        # Written by the loop.
        self._put_frames = self._put_bytes = 0
        self._busy_since = 0.0
        self._needs_keyframe = True
        self._is_ending = False
        # Frames before this one are dropped.
        self._first = 0
        # Written by the thread.
        self._taken_frames = self._taken_bytes = 0
        self._taken_time = 0.0
        self.failures = Failures(logger, lambda: self._name, (av.FFmpegError, DecodingError), logging.DEBUG)

    @property
    def waiting(self) -> int:
        """Number of frames that wait to be decoded."""
        return self._put_frames - self._taken_frames

    def put(self, frame: EncodedFrame) -> None:
        """Put a frame into the queue; on the loop."""
        if self._is_ending:
            return
        if not self.waiting:
            self._busy_since = frame.time
        if self._is_full or frame.time - max(self._busy_since, self._taken_time) > _MAX_SECONDS:
            self._first = self._put_frames
            self._needs_keyframe = True
        # If one frame holds the thread forever, the frames that wait for it cannot be dropped either.
        if self._needs_keyframe and (not frame.keyframe or self._is_full):
            self._request_keyframe()
            return
        self._needs_keyframe = False
        self._put_frames += 1
        self._put_bytes += len(frame.data)
        self._queue.put((self._put_frames, frame))
        if self._thread is None:
            self._start()

    def skip(self) -> None:
        """Record that frames are left out, so that the next frame put must be a keyframe; on the loop."""
        self._needs_keyframe = True

    def end(self) -> None:
        """End the thread after its present frame; idempotent. On the loop, or when the loop has ended."""
        self._is_ending = True
        self._queue.put(None)

    async def wait_ended(self, seconds: float) -> bool:
        """Wait until the thread has ended, without blocking the loop.

        Args:
            seconds: Maximum wait.

        Returns:
            Whether it has ended.
        """
        if self._ended is None or self._thread is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
                # The thread notifies just before it returns.
                while self._thread.is_alive():
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            logger.warning("%s: a frame is still being decoded %g s after the end", self._name, seconds)
            return False
        return True

    def join(self, seconds: float) -> None:
        """Wait for the thread; only if there is no loop to block."""
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def _is_full(self) -> bool:
        return self.waiting >= _MAX_FRAMES or self._put_bytes - self._taken_bytes > _MAX_BYTES

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        thread = threading.Thread(target=self._main, name=self._name, daemon=True)
        thread.start()
        self._thread = thread
        _running.add(self)

    def _main(self) -> None:
        needs_keyframe = True
        try:
            while (item := self._queue.get()) is not None and not self._is_ending:
                number, frame = item
                self._taken_time = frame.time
                if number > self._first:
                    needs_keyframe = not self._is_decoded(frame, needs_keyframe)
                self._taken_bytes += len(frame.data)
                self._taken_frames = number
                # This function must not keep the last frame alive while the queue is empty.
                del item, frame
        finally:
            _running.discard(self)
            self._tell_ended()

    def _is_decoded(self, frame: EncodedFrame, needs_keyframe: bool) -> bool:
        """Decode a frame if it can be; return whether the next one can follow it. It never raises."""
        if frame.keyframe or not needs_keyframe:
            try:
                self._decode(frame)
            except Exception as error:  # noqa: BLE001 - reported; whatever it was, a keyframe may be decoded
                self.failures.add("decode a frame", error, time.monotonic())
            else:
                self.failures.passed()
                return True
        try:
            self._request_keyframe()
        except Exception as error:  # noqa: BLE001 - reported; the next frame asks again
            self.failures.add("ask for a keyframe", error, time.monotonic())
        return False

    def _tell_ended(self) -> None:
        assert self._loop is not None
        assert self._ended is not None
        try:
            self._loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:
            if not self._loop.is_closed():
                raise


_running: weakref.WeakSet[DecoderThread] = weakref.WeakSet()


@atexit.register
def _end_threads() -> None:
    """End running threads, before the interpreter would freeze them in the middle of C code."""
    deadline = time.monotonic() + _EXIT_SECONDS
    running = list(_running)
    for each in running:
        each.end()
    for each in running:
        each.join(max(0.0, deadline - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)
