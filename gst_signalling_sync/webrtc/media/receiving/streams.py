"""`Streams`: chooses which of the streams that a peer sends on one track is played, by SSRC (RFC 3550 section 8)."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

__all__ = ["Streams"]

_SILENCE_SECONDS: Final = 1.0
"""A replaced stream is played again only if its successor is silent for this long."""

_MAX_REMEMBERED: Final = 16
_MAX_ROUTES: Final = 64


class Streams:
    """The streams of one track: a sender that begins again takes another SSRC (RFC 3550 section 8)."""

    def __init__(self) -> None:
        self.current: int | None = None
        self.heard = 0.0
        """When the current stream was last heard, in seconds on the caller's clock."""
        self._replaced: deque[int] = deque(maxlen=_MAX_REMEMBERED)

    def switch(self, ssrc: int, now: float) -> bool:
        """Make another stream the current one.

        Packets of the replaced stream may still be on their way, and a peer may send two streams at once: they do not
        alternate.

        Args:
            ssrc: SSRC of the other stream.
            now: Seconds on the caller's clock.

        Returns:
            Whether it is the current one now.
        """
        if self.current is not None:
            if ssrc in self._replaced and now - self.heard < _SILENCE_SECONDS:
                return False
            self._replaced.append(self.current)
        self.current = ssrc
        return True

    def prune(self, routes: dict[int, Any], owner: object) -> None:
        """Forget the routes of other streams, if there are many.

        Args:
            routes: Owners of routes by SSRC.
            owner: The owner whose routes are forgotten.
        """
        if len(routes) <= _MAX_ROUTES:
            return
        for ssrc in [ssrc for ssrc, each in routes.items() if each is owner and ssrc != self.current]:
            del routes[ssrc]
