"""The end of a session is told after its request, whichever comes first."""

from __future__ import annotations

from typing import cast

import pytest

from gst_signalling_sync.session_announcements import SessionAnnouncements
from gst_signalling_sync.webrtc.live_session import LiveSession


class Session:
    pass


@pytest.fixture
def session() -> LiveSession:
    return cast(LiveSession, Session())


def test_end_after_the_request_is_told_at_once(session: LiveSession) -> None:
    announcements = SessionAnnouncements()

    assert announcements.begin(session)
    assert not announcements.requested(session)
    assert announcements.ended(session)


def test_end_during_the_request_is_told_behind_it(session: LiveSession) -> None:
    announcements = SessionAnnouncements()

    assert announcements.begin(session)
    assert not announcements.ended(session)
    assert announcements.requested(session)


def test_session_that_ended_before_its_request_is_not_told(session: LiveSession) -> None:
    announcements = SessionAnnouncements()

    assert not announcements.ended(session)
    assert not announcements.begin(session)
