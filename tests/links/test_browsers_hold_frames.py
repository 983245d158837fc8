"""Chromium holds frames until the retransmissions of lost packets have come, as it is told (playout-delay)."""

from __future__ import annotations

import pytest

from gst_signalling_sync import Producer, SignallingServer
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.webrtc.media.sending.playout_delay import PlayoutDelay, PlayoutLimits

from ..helpers.filming import filming
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, BrowserPage, find_browser
from ..peers.require import require

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(90)]

ROUND_TRIP = 0.04
CLEAN = LinkProfile(rate=5e6, delay=ROUND_TRIP / 2)
LOSSY = LinkProfile(rate=5e6, delay=ROUND_TRIP / 2, loss=0.1)
FRAMES = 60


def held(page: BrowserPage, frames: int) -> float:
    """How long the browser means to hold the next frames of a page, on average, in seconds."""

    def counts() -> tuple[int, float]:
        (video,) = [each for each in page.stats() if each["type"] == "inbound-rtp" and each["kind"] == "video"]
        return video["jitterBufferEmittedCount"], video["jitterBufferTargetDelay"]

    wait_until(lambda: page.frame() is not None, "it shows the video", 30)
    number, delay = counts()
    wait_until(lambda: counts()[0] >= number + frames, "it shows frames", 30)
    later, delay_later = counts()
    return (delay_later - delay) / (later - number)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> set[PlayoutLimits | None]:
    """All limits that receivers are told."""
    found: set[PlayoutLimits | None] = set()
    limits = PlayoutDelay.limits

    def note(delay: PlayoutDelay, now: float) -> PlayoutLimits | None:
        found.add(limits(delay, now))
        return limits(delay, now)

    monkeypatch.setattr(PlayoutDelay, "limits", note)
    return found


@pytest.mark.parametrize(("profile", "least", "most"), [(CLEAN, 0.0, 0.1), (LOSSY, 1.25 * ROUND_TRIP, 0.4)])
def test_frames_are_held_as_long_as_retransmissions_take(
    embedded_server: SignallingServer,
    told: set[PlayoutLimits | None],
    profile: LinkProfile,
    least: float,
    most: float,
) -> None:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    producer = Producer(embedded_server.uri, name="robot")
    camera = producer.add_video(bitrate=2_500_000)
    with (
        SimulatedNetwork(embedded_server.uri, profile) as network,
        producer,
        filming(camera, size=(640, 480), noisy=True),
        Browser() as browser,
        browser.consumer(network.uri, name="robot") as page,
    ):
        held(page, 5 * FRAMES)

        assert least <= held(page, FRAMES) <= most
    assert (told == {None}) is (profile is CLEAN)
