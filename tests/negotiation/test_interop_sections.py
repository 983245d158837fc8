"""A browser sends video only in a codec that this end does not accept: its audio is received."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import SignallingServer, TrackNotFound, connect
from gst_signalling_sync.webrtc import session_connection
from gst_signalling_sync.webrtc.engine.capabilities import Capabilities
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES, CODECS

from ..helpers.media import frequency_of
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.require import require

pytestmark = pytest.mark.interop

SECONDS = 45.0


def without(codec: str) -> Capabilities:
    """The capabilities without one codec."""
    forms = [form for each in CODECS.values() for form in each.forms if each.name != codec]
    extensions = {
        kind: {each.uri: each.id for each in extensions} for kind, extensions in CAPABILITIES.extensions.items()
    }
    return Capabilities(forms, extensions)


@pytest.fixture
def browser() -> Iterator[Browser]:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with Browser() as started:
        yield started


def test_browser_that_sends_a_codec_that_is_not_taken_is_heard(
    embedded_server: SignallingServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This library has every codec that Chromium has.
    monkeypatch.setattr(session_connection, "CAPABILITIES", without("VP9"))
    with browser.producer(embedded_server.uri, "page", BrowserMedia(codec="VP9", frequency=550)) as page:
        page.wait_for("registered")
        with connect(embedded_server.uri, name="page", timeout=SECONDS) as session:
            wait_until(
                lambda: abs(frequency_of(session.audio.read(12_000, timeout=SECONDS)) - 550) < 20, "the tone", SECONDS
            )

            with pytest.raises(TrackNotFound, match="no codec that both ends have: the peer offers video as VP9"):
                _ = session.video
