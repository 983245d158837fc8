"""`Mailbox`: messages for a peer whose connection broke, and that may resume."""

from __future__ import annotations

from collections.abc import Callable

from ..protocol.limits import ServerLimits
from ..protocol.quota import Pool
from .commons import Holder

__all__ = ["Mailbox"]


class Mailbox:
    """Keeps frames for a peer without a connection, within the limits of what a connected one may leave unread.

    Args:
        limits: The limits.
        unread: The bytes that wait for all peers.
        on_exceeded: Called with the name of the limit that is exceeded.
    """

    def __init__(self, limits: ServerLimits, unread: Pool[Holder], on_exceeded: Callable[[str], object]) -> None:
        self._limit = limits.unread_bytes
        self._unread = unread
        self._on_exceeded = on_exceeded
        self._frames: list[bytes] = []
        self._size = 0

    def add(self, frames: bytes) -> None:
        """Add frames."""
        self._frames.append(frames)
        self._size += len(frames)
        if self._limit is not None and self._size > self._limit:
            self.exceed("unread_bytes", "")
            return
        for holder in self._unread.hold(self, self._size):
            holder.exceed("unread_bytes_in_all", "all peers leave too much unread, and it leaves the most")

    def empty(self) -> bytes:
        """Remove all frames.

        Returns:
            The frames, ready to send.
        """
        self._unread.hold(self, 0)
        frames, self._frames, self._size = b"".join(self._frames), [], 0
        return frames

    def exceed(self, rule: str, details: str) -> None:
        """Drop all frames, because too many bytes wait."""
        self.empty()
        self._on_exceeded(rule)
