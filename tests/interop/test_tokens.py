"""The real peers at a server that asks for tokens: webrtcsink in a header, the browser in the query of the URI."""

from __future__ import annotations

import pytest

from gst_signalling_sync import Endpoint, Grant, SignallingServer, connect

from ..helpers.waiting import wait_until
from ..peers.browser import Browser, find_browser
from ..peers.colour_bars import has_smpte_bars
from ..peers.gst_pipelines import SentMedia
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink

pytestmark = pytest.mark.interop

SINKS = "token-of-webrtcsink"
PAGES = "token+of/a page%"
OPERATORS = "token-of-an-operator"
GRANTS = {
    SINKS: Grant(subject="robot", roles=["producer"], names=["robot"], peers=[]),
    PAGES: Grant(subject="page", roles=["listener"], peers=["robot"]),
    OPERATORS: Grant(subject="operator", roles=[], peers=["robot"]),
}


@pytest.fixture(autouse=True)
def _peers() -> None:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    require("webrtcsink", find_media_peer(), ".ci/peers")


def test_webrtcsink_and_the_browser_meet_by_their_tokens() -> None:
    header = rf'signaller::headers="headers,Authorization=\"Bearer {SINKS}\""'
    with (
        SignallingServer(port=0, tokens=GRANTS) as server,
        run_webrtcsink(server.uri, "robot", SentMedia(), header),
        Browser() as browser,
    ):
        wait_until(lambda: [peer.name for peer in server.peers.values()] == ["robot"], "webrtcsink is registered", 30)
        with browser.consumer(f"{server.uri}/?token=token%2Bof%2Fa%20page%25", name="robot") as page:
            assert page.wait_for_frame(has_smpte_bars).shape == (240, 320, 3)
        with connect(Endpoint(server.uri, token=OPERATORS), name="robot") as session:
            assert session.video is not None
            assert session.video.read().shape == (240, 320, 3)
        assert server.refusals.get("tokens") is None
        assert server.refusals.get("grant") is None


def test_webrtcsink_without_a_token_is_refused() -> None:
    with SignallingServer(port=0, tokens=GRANTS) as server, run_webrtcsink(server.uri, "robot"):
        wait_until(lambda: server.refusals == {"tokens": 1}, "it was refused", 30)
        assert server.peers == {}


def test_browser_whose_token_does_not_let_it_produce_is_refused() -> None:
    with (
        SignallingServer(port=0, tokens=GRANTS) as server,
        Browser() as browser,
        browser.producer(f"{server.uri}/?token=token%2Bof%2Fa%20page%25", name="robot") as page,
    ):
        page.wait_for("ready")
        wait_until(lambda: "grant" in server.refusals, "it was refused", 30)
