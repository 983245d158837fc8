"""A page of Chromium receives from a producer of this library whose tracks are added and removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Producer, SignallingServer

from ..helpers.filming import filming
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, BrowserPage, find_browser
from ..peers.require import require
from .tracks import come_and_go, robot_with_a_camera

pytestmark = pytest.mark.interop

SECONDS = 30.0


@pytest.fixture
def page(embedded_server: SignallingServer, producer: Producer) -> Iterator[BrowserPage]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as browser, browser.consumer(embedded_server.uri, name="robot") as opened:
        opened.wait_for("frame")
        yield opened


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with robot_with_a_camera(embedded_server.uri) as producer:
        yield producer


def decoded(page: BrowserPage, name: str) -> int:
    """Number of decoded frames of a track."""
    found = (each for each in page.stats() if each["type"] == "inbound-rtp" and each["trackIdentifier"] == name)
    return max((each.get("framesDecoded") or 0 for each in found), default=0)


def wait_for(page: BrowserPage, wanted: set[str], after: str) -> None:
    """Wait until the page has exactly these tracks, and receives frames of each."""
    wait_until(lambda: {each["id"] for each in page.tracks()} == wanted, f"{after}: {wanted}", SECONDS)
    before = {name: decoded(page, name) for name in wanted}
    wait_until(lambda: all(decoded(page, name) > before[name] for name in wanted), f"{after}: all are seen", SECONDS)


def test_tracks_that_come_and_go_are_followed(producer: Producer, page: BrowserPage) -> None:
    for number, there in enumerate(come_and_go(producer, fps=10)):
        wait_for(page, {"kept", *there}, f"change {number}")
    assert {each["mid"] for each in page.tracks()} == {"kept", *there}


def test_more_tracks_than_sections_are_followed(producer: Producer, page: BrowserPage) -> None:
    for number in range(12):
        source = producer.add_video(name=f"camera-{number}")
        with filming(source, (160, 120), fps=10):
            wait_for(page, {"kept", source.name or ""}, f"camera {number}")
        source.remove()
    wait_until(lambda: len(page.tracks()) == 1, "the last one is gone", SECONDS)


def test_paused_track_goes_on(producer: Producer, page: BrowserPage) -> None:
    wrist = producer.add_video(name="wrist")
    with filming(wrist, (160, 120)):
        wait_until(lambda: decoded(page, "wrist") > 2, "it is seen", SECONDS)
        wrist.pause()
        kept = decoded(page, "kept")
        wait_until(lambda: decoded(page, "kept") > kept + 10, "the other one is seen", SECONDS)
        before = decoded(page, "wrist")
        kept = decoded(page, "kept")
        wait_until(lambda: decoded(page, "kept") > kept + 10, "the other one is seen", SECONDS)
        assert decoded(page, "wrist") == before
        assert {each["id"] for each in page.tracks()} == {"kept", "wrist"}

        wrist.resume()
        wait_until(lambda: decoded(page, "wrist") > before, "it is seen again", SECONDS)
