"""`Streams`: which of the streams that a peer sends on one track is the one to play. By SSRC."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

__all__ = ["Streams"]

_SILENCE_SECONDS: Final = 1.0
"""A stream that another one replaced is played again only if that one is silent for so long."""

_MAX_REMEMBERED: Final = 16
_MAX_ROUTES: Final = 64


class Streams:
    """The streams of one track: a sender that begins anew takes another SSRC (RFC 3550 section 8)."""

    def __init__(self) -> None:
        self.current: int | None = None
        self.heard = 0.0
        """When the current stream was last heard, in seconds of the caller's clock."""
        self._replaced: deque[int] = deque(maxlen=_MAX_REMEMBERED)

    def switch(self, ssrc: int, now: float) -> bool:
        """Make another stream the current one.

        A packet of the one before may still be under way, and a peer may send two at a time: these do not take turns.

        Args:
            ssrc: Of the other stream.
            now: Seconds.

        Returns:
            Whether it is.
        """
        if self.current is not None:
            if ssrc in self._replaced and now - self.heard < _SILENCE_SECONDS:
                return False
            self._replaced.append(self.current)
        self.current = ssrc
        return True

    def prune(self, routes: dict[int, Any], owner: object) -> None:
        """Forget where packets of other streams went, if there are many.

        Args:
            routes: Owners by SSRC.
            owner: Whose routes are forgotten.
        """
        if len(routes) <= _MAX_ROUTES:
            return
        for ssrc in [ssrc for ssrc, each in routes.items() if each is owner and ssrc != self.current]:
            del routes[ssrc]
