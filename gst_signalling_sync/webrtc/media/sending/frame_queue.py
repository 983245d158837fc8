"""`FrameQueue`: the frames of one link that wait for its transport, or for a link that is too thin. Lives on the loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from ...engine.eager import run_eagerly
from ..encoded_frame import EncodedFrame
from ..failures import Failures

__all__ = ["FrameQueue"]

_MAX_FRAMES: Final = 30
"""Maximum number of waiting frames."""

_BACKLOG: Final = 2
"""Number of waiting frames up to which the source is not told."""


class FrameQueue:
    """Sends frames one after another.

    Args:
        send: Sends a frame. It raises `ConnectionError` when the transport is closed.
        tell_backlog: Called when frames begin to wait, with True, and when they no longer do, with False.
        failures: Gets failures to send a frame.
    """

    def __init__(
        self,
        send: Callable[[EncodedFrame, list[bytes]], Coroutine[Any, Any, None]],
        tell_backlog: Callable[[bool], None],
        failures: Failures,
    ) -> None:
        self._send = send
        self._tell_backlog = tell_backlog
        self._failures = failures
        self._frames: deque[tuple[EncodedFrame, list[bytes]]] = deque()
        self._maximum = _MAX_FRAMES
        self._is_behind = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether the next frame must be dropped."""
        return self._sending is not None and len(self._frames) >= self._maximum

    @property
    def bits(self) -> int:
        """Bits of the waiting frames, without keyframes."""
        return sum(8 * len(frame.data) for frame, _ in self._frames if not frame.keyframe)

    @property
    def is_behind(self) -> bool:
        """Whether frames wait, as the source was told."""
        return self._is_behind

    def put(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        """Send a frame after those that wait."""
        self._frames.append((frame, payloads))
        self._begin()

    def put_all(self, frames: Sequence[tuple[EncodedFrame, list[bytes]]]) -> None:
        """Send frames after those that wait. They may be many: they wait until the link has taken them."""
        self._maximum = len(self._frames) + len(frames) + _MAX_FRAMES
        self._frames.extend(frames)
        self._begin()

    def drop(self) -> None:
        """Drop the waiting frames, because the link is too thin for them."""
        self._frames.clear()
        self._look_at_backlog()

    def reset(self) -> None:
        """Drop the waiting frames, because the next ones come from another feed."""
        self._frames.clear()
        self._is_behind = False

    def stop(self) -> None:
        """Stop sending."""
        if self._sending is not None:
            self._sending.cancel()

    def _begin(self) -> None:
        if self._sending is None:
            # Hardly any transport makes a datagram wait, so this usually sends all.
            self._sending = run_eagerly(self._send_all())
            if self._sending is not None:
                self._sending.add_done_callback(self._on_sent)
        self._look_at_backlog()

    async def _send_all(self) -> None:
        try:
            while self._frames:
                frame, payloads = self._frames.popleft()
                self._look_at_backlog()
                await self._send(frame, payloads)
            self._maximum = _MAX_FRAMES
        except ConnectionError:
            # The transport closed first, which ends the sender too.
            self._frames.clear()

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Exception):
            self._failures.add("send a frame", error, time.monotonic())

    def _look_at_backlog(self) -> None:
        is_behind = len(self._frames) > _BACKLOG
        if is_behind != self._is_behind:
            self._is_behind = is_behind
            self._tell_backlog(is_behind)
