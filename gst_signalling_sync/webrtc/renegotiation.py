"""`Renegotiation`: which end of a running session describes its tracks anew, and when (RFC 8829 section 3.2).

Only one end makes offers, so that no two cross: the producer's. The other end asks it in-band for one. What changes while an
offer is outstanding waits for its answer, and then goes into one more. No I/O and no clock.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

__all__ = ["ANSWER_SECONDS", "Renegotiation", "Step"]

ANSWER_SECONDS: Final = 15.0
"""How long an answer, or the offer that was asked for, may take. A peer of this library that was offered too much in a short
time waits for a second before it answers."""

_ATTEMPTS: Final = 3
"""Rounds for one change. A track may need two, where the section that it takes over has to fall silent first, and an offer that
crossed the request for one counts too."""


class Step(Enum):
    """What is to be done next."""

    OFFER = auto()
    """Make an offer and send it."""

    ASK = auto()
    """Ask the other end for an offer."""

    WITHDRAW = auto()
    """Nothing came back: what was offered counts as not offered."""

    GIVE_UP = auto()
    """The other end does not take what this end wants to send; told once."""


class _State(Enum):
    STARTING = auto()
    STABLE = auto()
    WAITING = auto()
    """For an answer, or for the offer that was asked for."""
    CUT_OFF = auto()
    """Nothing reaches the other end."""


class Renegotiation:
    """The negotiation of a session from its connection to its end.

    Args:
        offers: Whether this end makes the offers.
    """

    def __init__(self, offers: bool) -> None:
        self._go: Final = Step.OFFER if offers else Step.ASK
        self.answer_seconds: Final = ANSWER_SECONDS
        """How long the other end may take."""
        self._state = _State.STARTING
        # Whether something changed since the last offer, or was asked for.
        self._is_pending = False
        self._attempts = 0
        self._has_given_up = False
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called; None: not at all."""
        return self._deadline

    @property
    def is_waiting(self) -> bool:
        """Whether something is outstanding."""
        return self._state is _State.WAITING

    def connected(self, is_complete: bool, now: float) -> Step | None:
        """Take note that the session is connected.

        Args:
            is_complete: Whether both ends have described what this end wants to send.
            now: Seconds on any clock that does not jump, as everywhere here.
        """
        if self._state is not _State.STARTING:
            return None
        self._state = _State.STABLE
        self._is_pending = self._is_pending or not is_complete
        return self._next(now)

    def changed(self, now: float) -> Step | None:
        """Take note that this end wants to send something else."""
        self._is_pending = True
        self._has_given_up = False
        return self._next(now)

    def asked(self, now: float) -> Step | None:
        """Take note that the other end asks for an offer."""
        return self.changed(now)

    def settled(self, is_complete: bool, now: float) -> Step | None:
        """Take note that an offer was answered, by whichever end.

        Args:
            is_complete: Whether both ends have described what this end wants to send.
            now: As of `connected`.
        """
        if self._state in (_State.STARTING, _State.CUT_OFF):
            return None
        self._rest()
        if self._is_pending:
            return self._next(now)
        if is_complete:
            self._has_given_up = False
            return None
        if self._attempts < _ATTEMPTS:
            return self._begin(now)
        if self._has_given_up:
            return None
        self._has_given_up = True
        return Step.GIVE_UP

    def failed(self, now: float) -> Step | None:
        """Take note that the other end's answer or offer cannot be used; the next change begins another round."""
        if self._state is not _State.WAITING:
            return None
        self._rest()
        return self._next(now)

    def cut_off(self) -> None:
        """Take note that what was to be sent reaches nobody: it is sent once something does again."""
        if self._state is not _State.STARTING:
            self._rest()
            self._state = _State.CUT_OFF
            self._is_pending = True

    def reachable(self, now: float) -> Step | None:
        """Take note that the other end may be reached again."""
        if self._state is not _State.CUT_OFF:
            return None
        self._state = _State.STABLE
        return self._next(now)

    def on_time(self, now: float) -> list[Step]:
        """What is to be done, in order, if `deadline` has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        self._rest()
        step = self._next(now)
        return [Step.WITHDRAW] if step is None else [Step.WITHDRAW, step]

    def _rest(self) -> None:
        self._state = _State.STABLE
        self._deadline = None

    def _next(self, now: float) -> Step | None:
        if self._state is not _State.STABLE or not self._is_pending:
            return None
        self._attempts = 0
        return self._begin(now)

    def _begin(self, now: float) -> Step:
        self._is_pending = False
        self._attempts += 1
        self._state = _State.WAITING
        self._deadline = now + self.answer_seconds
        return self._go
