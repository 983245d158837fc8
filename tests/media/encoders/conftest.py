"""A stand-in for hardware encoders that this machine does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gst_signalling_sync.webrtc.media.encoders import HARDWARE
from gst_signalling_sync.webrtc.media.sending import encoder_choice

from .stand_in import StandIn


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., StandIn]]:
    """Makes a stand-in, with its arguments, the only hardware encoder."""
    kinds: list[StandIn] = []

    def make(*arguments: object, **named: object) -> StandIn:
        kind = StandIn(*arguments, **named)  # type: ignore[arg-type]
        kinds.append(kind)
        HARDWARE.clear()
        HARDWARE["standin"] = kind
        return kind

    before = dict(HARDWARE)
    monkeypatch.setattr(encoder_choice, "given_up", set())
    yield make
    HARDWARE.clear()
    HARDWARE.update(before)
    for kind in kinds:
        kind.goes_on.set()
