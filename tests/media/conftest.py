"""A producer, to which tests add tracks; links that change their groups soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Producer, SignallingServer
from gst_signalling_sync.webrtc.media.sending import encoder_load, rate_groups


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with Producer(embedded_server.uri, name="robot") as producer:
        yield producer


@pytest.fixture
def _impatient_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links go to a second encoding soon, and return soon, whatever else the machine does."""
    monkeypatch.setattr(rate_groups, "DIVISION_SECONDS", 0.2)
    monkeypatch.setattr(rate_groups, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(rate_groups, "FAST_SECONDS", (0.2, 0.2))
    monkeypatch.setattr(encoder_load, "ROOM", 3.0)
    monkeypatch.setattr(encoder_load, "OVERLOAD", 2.0)
