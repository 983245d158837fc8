"""`Keepalive`: when a connection that is silent is asked for a sign of life, and when it is dead. No I/O and no clock."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ANSWER_SECONDS", "Keepalive", "Verdict"]

ANSWER_SECONDS: Final = 5.0
"""What the peer may take to answer a ping."""

_POLL_SECONDS: Final = 1.0
"""How often the state of the connection is looked at."""

_CONFIRM_SECONDS: Final = 0.25
"""After which a local address that is gone must still be gone: an interface that is configured again loses it for a moment."""

_STALL_SECONDS: Final = 1.0
"""How late a look may be; later ones mean that this process or machine stood still, in which time nothing can be heard."""

_MAX_STALLS: Final = 3
"""How often an answer's time begins again because of them."""


class Verdict(enum.Enum):
    """What is to be done about a connection."""

    ALIVE = "nothing"
    ASK = "send a ping"
    SILENT = "give it up: the peer did not answer a ping"
    ADDRESS_GONE = "give it up: this end's address does not exist any more"


class Keepalive:
    """Judges one connection by what is heard on it. `judge` is called at `next_at`, or earlier.

    The peer is asked after `silence`, and has `answer` to say anything at all. What this end has not delivered yet, because
    the link is slow and the ping stands behind it, is no silence of the peer while it is on its way.

    Args:
        now: The time, in seconds of a clock that counts the machine's sleep.
        silence: Seconds without a byte from the peer after which it is asked; `math.inf`: never.
        answer: Seconds that it has to say anything.
    """

    def __init__(self, now: float, silence: float, answer: float = ANSWER_SECONDS) -> None:
        self._silence = silence
        self._answer = answer
        self._heard_at = now
        self._judged_at = now
        # When the time for an answer began; None: the peer was not asked.
        self._asked_at: float | None = None
        self._stalls = 0
        self._missing_since: float | None = None

    @property
    def next_at(self) -> float:
        """When to judge next, at the latest."""
        looks_at = self._judged_at + (_POLL_SECONDS if self._missing_since is None else _CONFIRM_SECONDS)
        return min(looks_at, self._due_at)

    @property
    def _due_at(self) -> float:
        return self._heard_at + self._silence if self._asked_at is None else self._asked_at + self._answer

    def silence(self, now: float) -> float:
        """Seconds since something was heard."""
        return now - self._heard_at

    def heard(self, now: float) -> None:
        """Any byte came from the peer, be it of a message that is not complete yet."""
        self._heard_at = now
        self._asked_at = None
        self._stalls = 0

    def delivering(self, now: float) -> None:
        """The peer's system took some of what was sent to it, and more is on its way."""
        if self._asked_at is not None:
            self._asked_at = now

    def judge(self, now: float, has_address: bool = True) -> Verdict:
        """What is to be done now.

        Args:
            now: The time.
            has_address: Whether the address of this end of the connection still exists.
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
