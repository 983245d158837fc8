"""`Outgoing`: the queue of a connection's writer."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..threads.interruptible import Condition

__all__ = ["Outgoing"]

_TOGETHER: Final = 16 * 2**10
"""Characters of messages that are taken together, unless one is longer: short ones share a packet, a long one goes alone."""


class Outgoing:
    """Text messages in their order, and control frames, which overtake them; only the newest control frame of a kind waits.

    So a server that pings and does not read costs no memory: a pong may answer several pings (RFC 6455 section 5.5.3).
    """

    def __init__(self) -> None:
        # Guards everything.
        self._changed = Condition()
        self._texts: deque[str] = deque()
        self._control: dict[str, bytes] = {}
        self._is_ended = False
        self._is_closed = False

    def put(self, text: str) -> None:
        """Add a text message; returns at once. After `close` it is dropped."""
        with self._changed:
            if not self._is_closed:
                self._texts.append(text)
                self._changed.notify()

    def put_control(self, kind: str, frame: bytes) -> None:
        """Add a control frame, in place of a waiting one of its kind; returns at once. After `close` it is dropped.

        Args:
            kind: Such as ``"pong"``.
            frame: Ready to send.
        """
        with self._changed:
            if not self._is_closed:
                self._control[kind] = frame
                self._changed.notify()

    def close(self, frame: bytes) -> None:
        """Make `take` return a closing frame, and then None: no frame may follow it (RFC 6455 section 5.5.1)."""
        with self._changed:
            self._texts.clear()
            self._control = {"close": frame}
            self._is_ended = self._is_closed = True
            self._changed.notify()

    def end(self) -> None:
        """Make `take` return None once the queue is empty; returns at once."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def take(self) -> list[str | bytes] | None:
        """Take waiting control frames and then text messages, up to some length. Blocks until there are any.

        Returns:
            At least one; None: `end` was called, and the queue is empty.
        """
        with self._changed:
            while not (self._control or self._texts):
                if self._is_ended:
                    return None
                self._changed.wait()
            taken: list[str | bytes] = list(self._control.values())
            self._control.clear()
            size = 0
            while self._texts and size < _TOGETHER:
                size += len(self._texts[0])
                taken.append(self._texts.popleft())
            return taken
