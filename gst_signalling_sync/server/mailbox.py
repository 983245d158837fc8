"""`Mailbox`: what waits for a peer that may come back."""

from __future__ import annotations

from collections.abc import Callable

from ..protocol.limits import ServerLimits
from ..protocol.quota import Pool
from .commons import Holder

__all__ = ["Mailbox"]


class Mailbox:
    """Keeps frames for a peer without a connection, within what a connected one may leave unread.

    Args:
        limits: How much.
        unread: The bytes that wait for all peers.
        on_exceeded: Is told of the limit that is exceeded, by name.
    """

    def __init__(self, limits: ServerLimits, unread: Pool[Holder], on_exceeded: Callable[[str], object]) -> None:
        self._limit = limits.unread_bytes
        self._unread = unread
        self._on_exceeded = on_exceeded
        self._frames: list[bytes] = []
        self._size = 0

    def add(self, frames: bytes) -> None:
        """Keep frames behind the others."""
        self._frames.append(frames)
        self._size += len(frames)
        if self._limit is not None and self._size > self._limit:
            self.exceed("unread_bytes", "")
            return
        for holder in self._unread.hold(self, self._size):
            holder.exceed("unread_bytes_in_all", "all peers leave too much unread, and it leaves the most")

    def empty(self) -> bytes:
        """Take all frames out."""
        self._unread.hold(self, 0)
        frames, self._frames, self._size = b"".join(self._frames), [], 0
        return frames

    def exceed(self, rule: str, details: str) -> None:
        """Give up, because too much waits."""
        self.empty()
        self._on_exceeded(rule)
