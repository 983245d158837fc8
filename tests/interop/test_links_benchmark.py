"""The benchmark of links sees the frames of every peer, and how old they are."""

from __future__ import annotations

import pytest

from benchmarks.links.run import run

from ..peers.browser import find_browser
from ..peers.require import require
from ..peers.rust_peer import find_media_peer

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SECONDS = 4.0


@pytest.mark.parametrize("pair", ["c", "e", "f"])
def test_frames_tell_their_age(pair: str) -> None:
    require("Chromium", find_browser(), ".ci/peers")
    require("webrtcsink", find_media_peer(), ".ci/peers")

    (found,) = run(1, ["2 Mbit"], [pair], SECONDS, lambda text: None)

    assert found.pair.startswith(pair)
    assert found.fps > 0
    # No frame comes before the 20 ms of the link, nor much later than its queue allows.
    assert found.delay_p50 is not None
    assert 0.02 <= found.delay_p50 < 2.0
