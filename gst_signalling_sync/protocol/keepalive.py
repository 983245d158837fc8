"""`Keepalive`: when a silent connection is pinged (RFC 6455 section 5.5.2), and when it is dead. No I/O and no clock."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ANSWER_SECONDS", "Keepalive", "Verdict"]

ANSWER_SECONDS: Final = 5.0
"""How long the peer may take to answer a ping."""

_POLL_SECONDS: Final = 1.0
"""Interval at which the connection is judged."""

_CONFIRM_SECONDS: Final = 0.25
"""How long the local address must be missing: an interface that is reconfigured loses it for a moment."""

_STALL_SECONDS: Final = 1.0
"""How late a judgement may be. A later one means that this process or machine was stopped, and could not hear the peer."""

_MAX_STALLS: Final = 3
"""How often a stall restarts the time for an answer."""


class Verdict(enum.Enum):
    """What to do about a connection."""

    ALIVE = "nothing"
    ASK = "send a ping"
    SILENT = "give it up: the peer did not answer a ping"
    ADDRESS_GONE = "give it up: this end's address does not exist any more"


class Keepalive:
    """Judges one connection by the bytes that arrive on it. Call `judge` at `next_at`, or earlier.

    The peer is pinged after `silence` seconds, and has `answer` seconds to send anything at all. While a slow link still
    delivers what was sent before the ping, the time for the answer does not run.

    Args:
        now: The time, in seconds of a clock that counts the time for which the machine is suspended.
        silence: Seconds without a byte from the peer after which it is pinged; `math.inf`: never.
        answer: Seconds that the peer may take to send anything. Defaults to 5.
    """

    def __init__(self, now: float, silence: float, answer: float = ANSWER_SECONDS) -> None:
        self._silence = silence
        self._answer = answer
        self._heard_at = now
        self._judged_at = now
        # When the time for an answer began; None: the peer was not pinged.
        self._asked_at: float | None = None
        self._stalls = 0
        self._missing_since: float | None = None

    @property
    def next_at(self) -> float:
        """The latest time for the next `judge`."""
        looks_at = self._judged_at + (_POLL_SECONDS if self._missing_since is None else _CONFIRM_SECONDS)
        return min(looks_at, self._due_at)

    @property
    def _due_at(self) -> float:
        return self._heard_at + self._silence if self._asked_at is None else self._asked_at + self._answer

    def silence(self, now: float) -> float:
        """Seconds since the last byte from the peer."""
        return now - self._heard_at

    def heard(self, now: float) -> None:
        """Record that bytes arrived from the peer, even of an incomplete message."""
        self._heard_at = now
        self._asked_at = None
        self._stalls = 0

    def delivering(self, now: float) -> None:
        """Record that the peer's system has acknowledged some bytes, and that more are under way."""
        if self._asked_at is not None:
            self._asked_at = now

    def judge(self, now: float, has_address: bool = True) -> Verdict:
        """What to do now.

        Args:
            now: The time, in seconds.
            has_address: Whether the local address of the connection still exists. Defaults to True.
        """
        stalled = now - self._judged_at > _POLL_SECONDS + _STALL_SECONDS
        self._judged_at = now
        if has_address:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since >= _CONFIRM_SECONDS:
            return Verdict.ADDRESS_GONE
        if self._asked_at is not None and stalled and self._stalls < _MAX_STALLS:
            self._stalls += 1
            self._asked_at = now
            return Verdict.ASK
        if now < self._due_at:
            return Verdict.ALIVE
        if self._asked_at is not None:
            return Verdict.SILENT
        self._asked_at = now
        return Verdict.ASK
