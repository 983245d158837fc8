"""`TokenBucket`: how often something may happen. No clock."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets `burst` events through at once, and `rate` a second in the long run.

    Args:
        rate: Events per second.
        burst: Events at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at: float | None = None

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Whether an event may happen; it then counts.

        Args:
            now: Seconds, by any clock that never goes back.
            tokens: What the event costs.
        """
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True
