"""The attempts to resume a session, with a session and a role that are played."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gst_signalling_sync import Retry, SessionClosed
from gst_signalling_sync.resumption import Resumption
from gst_signalling_sync.session_terms import DEFAULT_TERMS
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.live_session import LiveSession
from gst_signalling_sync.webrtc.session_state import SessionState

from ..helpers.waiting import wait_until

QUICK = Retry(first=0.01, maximum=0.01)


class PlayedSession:
    """A session whose connection broke."""

    def __init__(self) -> None:
        self.named = "session s"
        self.state = SessionState.CONNECTED
        self.error: Exception | None = None
        self.link = SimpleNamespace(termination=SimpleNamespace(is_given_up=False))
        self.broken: Callable[[Any, SessionClosed], bool] = lambda session, error: False

    def wait_state(self, is_wanted: Callable[[SessionState], bool], deadline: Deadline) -> bool:
        while deadline.remaining():
            if is_wanted(self.state):
                return True
        return False

    def abandon(self, error: Exception, *, only_while: SessionState) -> None:
        assert only_while is SessionState.RESUMING
        self.error, self.state = error, SessionState.CLOSED

    def breaks(self) -> None:
        assert self.broken(self, SessionClosed("nothing was heard", "lost"))
        self.state = SessionState.RESUMING


class PlayedRole:
    """A role whose attempts fail with some errors, and then succeed."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.attempts = 0

    def resume(self, session: Any, *arguments: object) -> None:
        self.attempts += 1
        if self._errors:
            raise self._errors.pop(0)
        session.state = SessionState.CONNECTED

    def wait_for_successor(self, *arguments: object) -> bool:
        return False


def armed(role: PlayedRole) -> PlayedSession:
    session = PlayedSession()
    Resumption(cast(LiveSession, session), "robot", DEFAULT_TERMS, QUICK, role).arm(resend=False)
    return session


def test_attempt_that_fails_is_made_again() -> None:
    role = PlayedRole(SessionClosed("the robot is not ready", "left"))
    session = armed(role)

    session.breaks()

    wait_until(lambda: session.state == "connected", "it goes on")
    assert role.attempts == 2


def test_attempt_that_nobody_foresaw_the_failure_of_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    role = PlayedRole(OSError(24, "Too many open files"))
    session = armed(role)

    with caplog.at_level(logging.ERROR):
        session.breaks()
        wait_until(lambda: session.state == "connected", "it goes on")

    assert role.attempts == 2
    assert [record.getMessage() for record in caplog.records] == ["session s is not resumed yet: internal error"]


def test_refusal_ends_the_session() -> None:
    role = PlayedRole(SessionClosed("the robot is somebody else's", "rejected"))
    session = armed(role)

    session.breaks()

    wait_until(lambda: session.state == "closed", "it is over")
    assert role.attempts == 1
    assert isinstance(session.error, SessionClosed)
    assert session.error.reason == "rejected"
