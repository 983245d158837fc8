"""The largest UDP payload that the path to a peer takes: path MTU discovery for datagrams (RFC 8899)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol

__all__ = ["PAYLOAD", "largest_payload"]

PAYLOAD: Final = 1200
"""The largest UDP payload that this library sends, in bytes."""

_SIZES: Final = (PAYLOAD, 1100, 1000, 900, 800, 700, 600, 500)
_TRIES: Final = 3
_ANSWER_SECONDS: Final = 1.0


class Check(Protocol):
    """Sends a request to the peer, and waits for the answer."""

    def __call__(self, seconds: float, size: int | None = None) -> Awaitable[float | None]:
        """Send a request and wait for the answer.

        Args:
            seconds: Maximum time to wait.
            size: Size of the UDP payload, in bytes. Defaults to the minimum.

        Returns:
            The round trip, in seconds; None: no answer came.
        """


async def largest_payload(check: Check) -> int | None:
    """Probe the path.

    A size passes if one of three requests of that size is answered. It does not pass if only small requests are answered.

    Args:
        check: Sends a request.

    Returns:
        `PAYLOAD`, or the largest smaller size in `_SIZES` that passes, in bytes; None: no size passes, or small requests are
        not answered either.
    """
    for size in _SIZES:
        for _ in range(_TRIES):
            if await check(_ANSWER_SECONDS, size) is not None:
                return size
            if await check(_ANSWER_SECONDS) is None:
                # Nothing passes at present, which says nothing about sizes.
                return None
    return None
