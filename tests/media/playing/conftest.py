"""Patience of players."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.playing import playback

from ...helpers.playing import SECONDS


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a player catch up after any delay, so that what it plays keeps its place on a machine that is held up."""
    monkeypatch.setattr(playback, "LATE_SECONDS", SECONDS)
