"""`Liveness`: whether the peer of a session is still there, by consent freshness (RFC 7675). No I/O and no clock.

Every packet is a sign of life. A peer that sends nothing is asked by STUN binding requests (RFC 8489), which every ICE agent
must answer (RFC 8445 section 7.3). Unlike those of RFC 7675, they become more frequent as the silence grows: 28 of them are
sent before the alarm. With 20 % of the packets lost in each direction, 0.36 of the requests go unanswered, and 0.36 ** 28 is
one false alarm in ten thousand years.

Silence counts only while this process listens. A late poll means that the process did not listen, because the interpreter was
held, the process was stopped or the machine was suspended. The delay of the poll does not count as silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import SessionClosedReason
from .session_state import SessionState

__all__ = [
    "DEFAULT_INTERRUPTED_AFTER",
    "LOST_AFTER",
    "MAX_INTERRUPTED_AFTER",
    "MIN_INTERRUPTED_AFTER",
    "Ending",
    "Liveness",
    "check_interrupted_after",
]

DEFAULT_INTERRUPTED_AFTER: Final = 2.0
"""Seconds of silence after which a session is interrupted."""

MIN_INTERRUPTED_AFTER: Final = 0.2
MAX_INTERRUPTED_AFTER: Final = 20.0

LOST_AFTER: Final = 30.0
"""Seconds of silence after which a session is closed, which is the expiry of consent in RFC 7675 section 5.1."""

DEPARTURE_SECONDS: Final = 0.8
"""Seconds without an answer after which a peer counts as gone, once the server has ended the session."""

DOUBT_SECONDS: Final = 3.0
"""Seconds for which the peer must keep answering after the server ended the session, since it may be about to leave."""

_UNDER_WAY_SECONDS: Final = 0.2
"""Seconds after the server's message in which packets may arrive that the peer sent before it left."""

_CHECK_SECONDS: Final = 0.1
"""Seconds between binding requests during a silence."""

_QUICK_CHECK_SECONDS: Final = 0.05
"""Seconds between binding requests once the first ones went unanswered."""

_LATE_SECONDS: Final = 0.2
"""Delay of a poll, in seconds, above which it does not count as silence. Shorter delays are ordinary in a busy event loop,
which listens between two polls; if they did not count either, a busy machine would notice silence later."""


@dataclass(frozen=True)
class Ending:
    """Why a session ended."""

    reason: SessionClosedReason

    in_order: bool = False
    """Whether one of the ends closed the session on purpose, which is not an error."""


def check_interrupted_after(seconds: float) -> float:
    """Check a value of `interrupted_after`.

    Args:
        seconds: Seconds of silence.

    Returns:
        The same value.

    Raises:
        ValueError: It is out of range.
    """
    if not MIN_INTERRUPTED_AFTER <= seconds <= MAX_INTERRUPTED_AFTER:
        raise ValueError(
            f"interrupted_after must be {MIN_INTERRUPTED_AFTER:g} to {MAX_INTERRUPTED_AFTER:g} seconds, not {seconds!r:.100}"
        )
    return seconds


class Liveness:
    """The liveness of one session. `now` is the time in seconds, on a clock that counts suspension and never goes back.

    Args:
        interrupted_after: Seconds of silence after which the session is interrupted. Defaults to 2.

    Raises:
        ValueError: `interrupted_after` is out of range.
    """

    def __init__(self, interrupted_after: float = DEFAULT_INTERRUPTED_AFTER) -> None:
        self._allowed = float(check_interrupted_after(interrupted_after))
        self._state = SessionState.CONNECTING
        self._ending: Ending | None = None
        self._heard_at = 0.0
        # The beginning of the silence, moved forward by the delays of late polls.
        self._silent_since = 0.0
        self._answered_at = 0.0
        self._doubted_since: float | None = None
        self._next_poll = float("inf")

    @property
    def state(self) -> SessionState:
        """``connecting``, ``connected``, ``interrupted`` or ``closed``."""
        return self._state

    @property
    def ending(self) -> Ending | None:
        """Why the session is closed; None: it is not."""
        return self._ending

    @property
    def next_poll(self) -> float:
        """When `poll` is due, on the clock of `now`; infinite: it is not due."""
        return self._next_poll

    def silence(self, now: float) -> float:
        """Seconds since the last packet from the peer, whether this process listened or not; 0 before the connection."""
        return max(0.0, now - self._heard_at) if self._state is not SessionState.CONNECTING else 0.0

    def connected(self, now: float) -> None:
        """Handle that the session is connected."""
        if self._state is SessionState.CONNECTING:
            self._state = SessionState.CONNECTED
            self._heard_at = self._silent_since = self._answered_at = now
            self._plan(now)

    def heard(self, now: float) -> None:
        """Handle a packet from the peer, of any kind.

        Args:
            now: When it was read. This may be called later, and more than once for a packet.
        """
        if not self._state.is_open or now <= self._heard_at:
            return
        self._heard_at = now
        self._silent_since = max(self._silent_since, now)
        if self._state is SessionState.INTERRUPTED:
            self._state = SessionState.CONNECTED
        if self._doubted_since is not None and now >= self._doubted_since + _UNDER_WAY_SECONDS:
            self._answered_at = max(self._answered_at, now)

    def answered(self, now: float, asked: float) -> None:
        """Handle the answer to a binding request.

        Args:
            now: When the answer was read.
            asked: When the request was sent.
        """
        if not self._state.is_open:
            return
        if self._doubted_since is not None and asked >= self._doubted_since:
            self._answered_at = max(self._answered_at, now)
        self.heard(now)

    def poll(self, now: float) -> bool:
        """Evaluate the silence; called at `next_poll`.

        Returns:
            Whether to send a binding request now.
        """
        if not self._state.is_open:
            return False
        self._excuse(now)
        silence = now - self._silent_since
        if self._doubted_since is not None:
            if now - self._answered_at >= DEPARTURE_SECONDS:
                # A peer that was silent before the server's message may have lost its network.
                self._end("lost" if self._state is SessionState.INTERRUPTED else "left")
                return False
            if now - self._doubted_since >= DOUBT_SECONDS:
                self._doubted_since = None
        if silence >= LOST_AFTER:
            self._end("lost")
            return False
        if silence >= self._allowed:
            self._state = SessionState.INTERRUPTED
        is_due = self._doubted_since is not None or silence >= self._allowed / 4
        self._plan(now)
        return is_due

    def ended_by_server(self, now: float, reason: SessionClosedReason | None = None) -> None:
        """Handle that the signalling server ended the session.

        A server also does this when only the peer's signalling connection is gone. So a connected session ends only if the peer
        no longer answers.

        Args:
            now: The time, in seconds.
            reason: The server's own reason, for which the session ends at once. Defaults to None: it has none.
        """
        if reason is not None or self._state is SessionState.CONNECTING:
            self._end(reason or "left")
        elif self._state.is_open and self._doubted_since is None:
            self._excuse(now)
            self._doubted_since = self._answered_at = now
            self._next_poll = now

    def said_goodbye(self, reason: SessionClosedReason = "left") -> None:
        """Handle that the peer itself ended the session.

        Args:
            reason: The peer's reason. Defaults to ``"left"``, which is an orderly end.
        """
        self._end(reason, in_order=reason == "left")

    def close(self) -> None:
        """Handle that this end closed the session."""
        self._end("left", in_order=True)

    def _excuse(self, now: float) -> None:
        late = now - self._next_poll
        if late <= min(_LATE_SECONDS, self._allowed / 10):
            return
        self._silent_since = min(now, self._silent_since + late)
        self._answered_at = min(now, self._answered_at + late)
        if self._doubted_since is not None:
            self._doubted_since = min(now, self._doubted_since + late)

    def _plan(self, now: float) -> None:
        silence = now - self._silent_since
        interval = _interval(silence, self._allowed)
        if self._doubted_since is not None:
            is_urgent = now - self._answered_at >= DEPARTURE_SECONDS / 2
            interval = min(interval, _QUICK_CHECK_SECONDS if is_urgent else _CHECK_SECONDS)
        self._next_poll = now + interval

    def _end(self, reason: SessionClosedReason, *, in_order: bool = False) -> None:
        if self._state is not SessionState.CLOSED:
            self._state = SessionState.CLOSED
            self._ending = Ending(reason, in_order)
            self._next_poll = float("inf")


def _interval(silence: float, allowed: float) -> float:
    """Seconds until the next poll.

    Args:
        silence: Seconds of silence so far.
        allowed: Seconds of silence after which the session is interrupted.
    """
    if silence < allowed / 4:
        return max(allowed / 4 - silence, allowed / 40)
    if silence < allowed / 3 or silence >= allowed:
        return min(_CHECK_SECONDS, allowed / 20)
    return min(_QUICK_CHECK_SECONDS, allowed / 40)
