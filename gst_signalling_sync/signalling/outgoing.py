"""`Outgoing`: what waits for the writer of a connection."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..threads.interruptible import Condition

__all__ = ["Outgoing"]

_TOGETHER: Final = 16 * 2**10
"""Characters of texts that are taken at once, unless one is longer: short ones in one packet, none behind a long one."""


class Outgoing:
    """Texts in their order, and control frames, which overtake them; of each kind of these only the newest waits.

    So a server that pings and does not read costs no memory: RFC 6455 section 5.5.3 lets a pong answer several pings.
    """

    def __init__(self) -> None:
        # Guards everything.
        self._changed = Condition()
        self._texts: deque[str] = deque()
        self._control: dict[str, bytes] = {}
        self._is_ended = False
        self._is_closed = False

    def put(self, text: str) -> None:
        """Add a text; returns at once. After `close` it goes nowhere."""
        with self._changed:
            if not self._is_closed:
                self._texts.append(text)
                self._changed.notify()

    def put_control(self, kind: str, frame: bytes) -> None:
        """Add a control frame, in the place of one of its kind; returns at once. After `close` it goes nowhere.

        Args:
            kind: Such as ``"pong"``.
            frame: As it goes over the wire.
        """
        with self._changed:
            if not self._is_closed:
                self._control[kind] = frame
                self._changed.notify()

    def close(self, frame: bytes) -> None:
        """Have `take` return a closing frame, and then None: nothing follows it (RFC 6455 section 5.5.1); returns at once."""
        with self._changed:
            self._texts.clear()
            self._control = {"close": frame}
            self._is_ended = self._is_closed = True
            self._changed.notify()

    def end(self) -> None:
        """Have `take` return None once everything before is taken; returns at once."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def take(self) -> list[str | bytes] | None:
        """What waits, up to some length: control frames and then texts. Blocks until there is something.

        Returns:
            At least one; None: `end` was called, and nothing is left.
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
