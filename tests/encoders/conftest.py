"""An encoder in hardware that stands in for those that this machine does not have, and a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.webrtc.media.encoders import HARDWARE
from gst_signalling_sync.webrtc.media.sending import encoder_choice

from .stand_in import StandIn


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., StandIn]]:
    """Makes the only encoder in hardware that there is, with the arguments of `StandIn`."""
    kinds: list[StandIn] = []

    def make(*arguments: object, **named: object) -> StandIn:
        kind = StandIn(*arguments, **named)  # type: ignore[arg-type]
        kinds.append(kind)
        HARDWARE.clear()
        HARDWARE["standin"] = kind
        return kind

    before = dict(HARDWARE)
    monkeypatch.setattr(encoder_choice, "_given_up", set())
    yield make
    HARDWARE.clear()
    HARDWARE.update(before)
    for kind in kinds:
        kind.goes_on.set()


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """The loop that frames are delivered on."""
    thread = LoopThread("test")
    yield thread
    thread.close()
