"""`Leases`: which peers answer pings (RFC 6455 section 5.5.2). No I/O and no clock."""

from __future__ import annotations

from typing import Final

from .tables import shrunk

__all__ = ["Leases"]

MAX_STEP_SECONDS: Final = 2.0
"""Maximum that counts as passed between two calls. A server that did not run for longer could not hear its peers either."""


class Leases:
    """A lease per peer, which every answer to a ping renews.

    Time counts only while the methods are called: a server that was stopped, or whose machine was suspended, continues where it
    was, and does not mistake its own silence for that of its peers.

    Args:
        seconds: Length of a lease. A peer is pinged after half of it.
        now: The time, in seconds.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self.seconds = seconds
        self._seen = now
        self._time = 0.0
        # Both in the order of their times, the oldest first: due peers are at the beginning.
        self._heard: dict[str, float] = {}
        self._pinged: dict[str, float] = {}

    def begin(self, peer_id: str, now: float) -> None:
        """Begin or renew a lease."""
        time = self._advance(now)
        for times in (self._heard, self._pinged):
            times.pop(peer_id, None)
            times[peer_id] = time

    def renew(self, peer_id: str, now: float) -> float | None:
        """Renew the lease of a peer that has answered a ping.

        Args:
            peer_id: Of the peer; one without a lease does not get one.
            now: The time, in seconds.

        Returns:
            Seconds since the ping; None: the peer has no lease.
        """
        if self._heard.pop(peer_id, None) is None:
            return None
        time = self._heard[peer_id] = self._advance(now)
        return time - self._pinged[peer_id]

    def end(self, peer_id: str) -> None:
        """End the lease of a peer."""
        self._heard.pop(peer_id, None)
        self._pinged.pop(peer_id, None)

    def shrink(self) -> None:
        """Give back the memory of leases that have ended."""
        self._heard, self._pinged = shrunk(self._heard), shrunk(self._pinged)

    def to_ping(self, now: float, maximum: int) -> list[str]:
        """The peers to ping now, which counts as done.

        Args:
            now: The time, in seconds.
            maximum: Maximum number to return; the others remain due.
        """
        time = self._advance(now)
        due: list[str] = []
        for peer_id, pinged in self._pinged.items():
            if pinged + self.seconds / 2 > time or len(due) == maximum:
                break
            due.append(peer_id)
        for peer_id in due:
            del self._pinged[peer_id]
            self._pinged[peer_id] = time
        return due

    def over(self, now: float) -> list[str]:
        """The peers whose leases are over, and have ended by this call."""
        time = self._advance(now)
        over = []
        for peer_id, heard in self._heard.items():
            if heard + self.seconds > time:
                break
            over.append(peer_id)
        for peer_id in over:
            self.end(peer_id)
        return over

    def _advance(self, now: float) -> float:
        self._time += min(max(0.0, now - self._seen), MAX_STEP_SECONDS)
        self._seen = now
        return self._time
