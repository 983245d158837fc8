"""Transport-wide feedback (TWCC) of other receivers over a link that loses and reorders packets: all of it is read."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from gst_signalling_sync import Producer, SignallingServer
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.webrtc.bwe.feedback_budget import FeedbackBudget

from ..helpers.background import running_beside
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, find_browser
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsrc

pytestmark = [pytest.mark.interop, pytest.mark.timeout(90)]

LOSSY = LinkProfile(rate=2_000_000, queue=0.2, delay=0.05, jitter=0.03, loss=0.1, reordering=0.1)
MESSAGES = 60

Receiver = Callable[[str, Producer, Path], AbstractContextManager[None]]


@contextmanager
def webrtcsrc(server: str, producer: Producer, folder: Path) -> Iterator[None]:
    require("webrtcsrc", find_media_peer(), ".ci/peers")
    assert producer.peer_id is not None
    with run_webrtcsrc(server, producer.peer_id, folder):
        yield


@contextmanager
def chromium(server: str, producer: Producer, folder: Path) -> Iterator[None]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as browser, browser.consumer(server, name="robot"):
        yield


@pytest.mark.parametrize("receiver", [webrtcsrc, chromium])
def test_feedback_is_within_its_budget(
    embedded_server: SignallingServer,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read: list[bool] = []
    spend = FeedbackBudget.spend

    def spend_and_note(budget: FeedbackBudget, packets: int) -> bool:
        read.append(spend(budget, packets))
        return read[-1]

    monkeypatch.setattr(FeedbackBudget, "spend", spend_and_note)
    stop = threading.Event()
    with (
        SimulatedNetwork(embedded_server.uri, LOSSY) as network,
        Producer(network.uri, name="robot") as producer,
    ):
        camera = producer.add_video(fps=30)
        noise = np.random.default_rng(1).integers(0, 255, (8, 240, 320, 3), dtype=np.uint8)

        def film() -> None:
            while not stop.wait(1 / 30):
                camera.write(noise[round(time.monotonic() * 30) % len(noise)])

        with running_beside(film, stop), receiver(embedded_server.uri, producer, tmp_path):
            wait_until(lambda: len(read) >= MESSAGES, "the receiver has sent feedback", 60)

    assert all(read)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING and "malformed" in record.msg]
