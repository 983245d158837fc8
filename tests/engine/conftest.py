"""The SCTP implementation that carries the data channels of these tests."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.engine.peer_connection import SCTP_VARIABLE


@pytest.fixture(params=["aiortc", "own"])
def either_sctp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with aiortc's SCTP and with this library's."""
    kind: str = request.param
    monkeypatch.setenv(SCTP_VARIABLE, kind)
    return kind
