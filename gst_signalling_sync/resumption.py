"""`Resumption`: has a consumer's session go on in a new connection when its connection breaks.

The thread ``gss-resumption`` exists from the time at which the session is interrupted or breaks until it is connected again or
closed.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final, Protocol

from .errors import ConnectionLost, SessionClosed, SignallingError
from .protocol.backoff import Backoff, Retry
from .session_terms import SessionTerms
from .threads import clock
from .threads.waiting import Deadline
from .webrtc.live_session import LiveSession
from .webrtc.session_state import SessionState

__all__ = ["Resumption"]

logger = logging.getLogger(__name__)

_BREAKS: Final = ("lost", "left")
"""Reasons of ends that neither end asked for."""

_REFUSALS: Final = ("rejected", "expired", "limit", "incompatible")
"""Reasons for which another attempt would end in the same way."""

_BEFORE: Final = (SessionState.CONNECTED, SessionState.INTERRUPTED)

_ATTEMPT_SECONDS: Final = 10.0
"""Seconds that one attempt may take, to wait for the producer and to connect."""


class Reconnecting(Protocol):
    """The role's side of resumptions. Its methods block, on the resumption's thread."""

    def resume(self, session: LiveSession, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        """Have a session that is resuming go on with a new connection to a producer of that name.

        Raises:
            SignallingError: No new connection was made.
        """

    def wait_for_successor(self, session: LiveSession, name: str | None) -> bool:
        """Wait, while a session is interrupted, for a sign that its peer or this end has another address now.

        Returns:
            Whether there is such a sign. False: the session is not interrupted any more.
        """


class Resumption:
    """Resumes one session, as often as it breaks.

    Args:
        session: The session, which is connected.
        name: The producer's name; None: it has no name, and is found by its id.
        terms: The terms with which the session began.
        retry: When and how often it is tried.
        role: The session's role.
    """

    def __init__(
        self, session: LiveSession, name: str | None, terms: SessionTerms, retry: Retry, role: Reconnecting
    ) -> None:
        self._session = session
        self._name = name
        self._terms = terms
        self._retry = retry
        self._role = role

    def arm(self, resend: bool) -> None:
        """Have the session call this object when it is interrupted or breaks.

        Args:
            resend: Whether messages that were not acknowledged are sent again.
        """
        self._session.resends = resend
        self._session.interrupted = self._on_interrupted
        self._session.broken = self._on_broken

    # What follows is called on the loop.

    def _on_interrupted(self, session: LiveSession) -> None:
        self._begin(self._watch)

    def _on_broken(self, session: LiveSession, error: SessionClosed) -> bool:
        """Handle that the connection broke, and return whether the session waits for another one."""
        return error.reason in _BREAKS and self._begin(self._bring_back, error)

    def _begin(self, what: Callable[..., None], *arguments: object) -> bool:
        thread = threading.Thread(target=what, args=arguments, name="gss-resumption", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            logger.exception("%s cannot be resumed: the system has no more threads", self._session.named)
            return False
        return True

    # What follows runs on the resumption's thread.

    def _watch(self) -> None:
        moved = self._role.wait_for_successor(self._session, self._name)
        if moved and self._session.state is SessionState.INTERRUPTED:
            self._session.abandon(
                SessionClosed(f"{self._session.named}: one of its ends has another address", "lost"),
                only_while=SessionState.INTERRUPTED,
            )

    def _bring_back(self, broken_by: SessionClosed) -> None:
        backoff = Backoff(self._retry, random.random)
        backoff.lost(clock.now())
        session = self._session
        # The session enters its new state only after the call that started this thread.
        session.wait_state(lambda state: state not in _BEFORE, Deadline(_ATTEMPT_SECONDS))
        while session.state is SessionState.RESUMING and not session.link.termination.is_given_up:
            try:
                self._role.resume(session, self._name, self._terms, Deadline(_ATTEMPT_SECONDS))
            except SessionClosed as error:
                if error.reason in _REFUSALS:
                    session.abandon(error, only_while=SessionState.RESUMING)
                    return
                logger.info("%s is not resumed yet: %s", session.named, error)
            except ConnectionLost as error:
                # Either the role is closed, which ends the session too, or it is suspended.
                logger.info("%s is not resumed yet: %s", session.named, error)
            except SignallingError as error:
                logger.info("%s is not resumed yet: %s", session.named, error)
            except Exception:
                # The session would remain in its state forever.
                logger.exception("%s is not resumed yet: internal error", session.named)
            else:
                continue
            now = clock.now()
            due = backoff.next_attempt(now)
            if due is None:
                ended = SessionClosed(f"{broken_by}; it was not resumed in time", broken_by.reason)
                session.abandon(ended, only_while=SessionState.RESUMING)
                return
            session.wait_state(lambda state: state is not SessionState.RESUMING, Deadline(max(0.0, due - now)))
