"""The largest UDP payload that the path to a peer takes (path MTU discovery as in RFC 8899), where it reports nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol

__all__ = ["PAYLOAD", "largest_payload"]

PAYLOAD: Final = 1200
"""Bytes of the largest UDP payload that this library sends."""

_SIZES: Final = (PAYLOAD, 1100, 1000, 900, 800, 700, 600, 500)
_TRIES: Final = 3
_ANSWER_SECONDS: Final = 1.0


class Check(Protocol):
    """Sends a request to the peer, and waits for the answer."""

    def __call__(self, seconds: float, size: int | None = None) -> Awaitable[float | None]:
        """The round trip in seconds, or None.

        Args:
            seconds: How long to wait.
            size: Bytes of the UDP payload; None: no more than needed.
        """


async def largest_payload(check: Check) -> int | None:
    """Find out what passes.

    A size passes when one of some requests of that size is answered. It does not when none is, while small ones are.

    Args:
        check: Asks the peer.

    Returns:
        `PAYLOAD`, or the largest of some smaller sizes that passed; None where the peer does not answer small ones either.
    """
    for size in _SIZES:
        for _ in range(_TRIES):
            if await check(_ANSWER_SECONDS, size) is not None:
                return size
            if await check(_ANSWER_SECONDS) is None:
                # Nothing passes at all now, which says nothing of sizes.
                return None
    return None
