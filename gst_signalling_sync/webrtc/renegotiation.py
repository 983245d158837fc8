"""`Renegotiation`: when a running session needs another offer (RFC 8829 section 3.2), and which end makes it.

Only the producer makes offers, so that offers do not cross. The consumer asks it for an offer in-band. A change during an
outstanding offer waits for the answer, and goes into the next offer. No I/O and no clock.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

__all__ = ["ANSWER_SECONDS", "Renegotiation", "Step"]

ANSWER_SECONDS: Final = 15.0
"""Seconds that an answer, or a requested offer, may take. A peer of this library that gets too many offers in a short time
waits for a second before it answers."""

_ATTEMPTS: Final = 3
"""Maximum number of offers for one change. A track needs two if the section that it takes over has to become inactive first,
and an offer that crossed the request for one counts too."""


class Step(Enum):
    """The next thing to do."""

    OFFER = auto()
    """Make an offer and send it."""

    ASK = auto()
    """Ask the other end for an offer."""

    WITHDRAW = auto()
    """Roll back the offer, since no answer came."""

    GIVE_UP = auto()
    """Report that the other end does not accept all that this end wants to send. This comes once."""


class _State(Enum):
    STARTING = auto()
    STABLE = auto()
    WAITING = auto()
    """An answer, or a requested offer, is outstanding."""
    CUT_OFF = auto()
    """No message reaches the other end."""


class Renegotiation:
    """The negotiation of a session from its connection to its end.

    Args:
        offers: Whether this end makes the offers.
    """

    def __init__(self, offers: bool) -> None:
        self._go: Final = Step.OFFER if offers else Step.ASK
        self.answer_seconds: Final = ANSWER_SECONDS
        """Seconds that the other end may take."""
        self._state = _State.STARTING
        # Whether something changed, or an offer was requested, since the last offer.
        self._is_pending = False
        self._attempts = 0
        self._has_given_up = False
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `on_time` is due; None: it is not."""
        return self._deadline

    @property
    def is_waiting(self) -> bool:
        """Whether an answer or a requested offer is outstanding."""
        return self._state is _State.WAITING

    def connected(self, is_complete: bool, now: float) -> Step | None:
        """Handle that the session is connected.

        Args:
            is_complete: Whether the descriptions have all that this end wants to send.
            now: The time in seconds, on a clock that does not jump.
        """
        if self._state is not _State.STARTING:
            return None
        self._state = _State.STABLE
        self._is_pending = self._is_pending or not is_complete
        return self._next(now)

    def changed(self, now: float) -> Step | None:
        """Handle a change of what this end wants to send."""
        self._is_pending = True
        self._has_given_up = False
        return self._next(now)

    def asked(self, now: float) -> Step | None:
        """Handle the other end's request for an offer."""
        return self.changed(now)

    def settled(self, is_complete: bool, now: float) -> Step | None:
        """Handle that either end has answered an offer.

        Args:
            is_complete: Whether the descriptions have all that this end wants to send.
            now: The time, in seconds.
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
        """Handle that the other end's answer or offer cannot be used. The next change begins another offer."""
        if self._state is not _State.WAITING:
            return None
        self._rest()
        return self._next(now)

    def cut_off(self) -> None:
        """Handle that the offer cannot be sent. Another one is made once the other end is reachable."""
        if self._state is not _State.STARTING:
            self._rest()
            self._state = _State.CUT_OFF
            self._is_pending = True

    def may_be_lost(self) -> None:
        """Handle that an offer or an answer which is under way may never arrive, since one end's signalling connection broke.

        Another offer follows the answer, or its deadline. Sooner, an old answer that the server has kept could be taken for the
        new one.
        """
        if self._state is _State.WAITING:
            self._is_pending = True

    def reachable(self, now: float) -> Step | None:
        """Handle that the other end may be reachable again."""
        if self._state is not _State.CUT_OFF:
            return None
        self._state = _State.STABLE
        return self._next(now)

    def on_time(self, now: float) -> list[Step]:
        """The next things to do, in order, if `deadline` has passed."""
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
