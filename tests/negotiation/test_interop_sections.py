"""A browser that sends video only in what this library cannot decode: its sound is heard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import SignallingServer, TrackNotFound, connect

from ..media import frequency_of
from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.require import require
from ..waiting import wait_until

pytestmark = pytest.mark.interop

SECONDS = 45.0


@pytest.fixture
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


@pytest.mark.parametrize("codec", ["AV1"])
def test_browser_that_sends_another_codec_is_heard(
    embedded_server: SignallingServer, browser: Browser, codec: str
) -> None:
    with browser.producer(embedded_server.uri, "page", BrowserMedia(codec=codec, frequency=550)) as page:
        page.wait_for("registered")
        with connect(embedded_server.uri, name="page", timeout=SECONDS) as session:
            wait_until(
                lambda: abs(frequency_of(session.audio.read(12_000, timeout=SECONDS)) - 550) < 20, "the tone", SECONDS
            )

            with pytest.raises(TrackNotFound, match=f"no codec that both ends have: the peer offers video as {codec}"):
                _ = session.video
