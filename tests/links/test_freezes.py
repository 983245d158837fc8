"""Video over thin links in simulated time, with real encoders: it is not stopped by a keyframe that was not requested."""

from __future__ import annotations

import pytest

from benchmarks.links.profiles import PROFILES
from gst_signalling_sync.webrtc.media.codecs import VIDEO, sent_video
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder

from ..helpers.proofs import short_and_long
from .filmed_flow import FilmedFlow

pytestmark = pytest.mark.slow

SETTLED = 5.0

durations = short_and_long("seconds", 15.0, 300.0, timeout=900)
codecs = pytest.mark.parametrize(
    "codec",
    [
        pytest.param(name, marks=() if follows else pytest.mark.skip("this PyAV cannot change its bitrate"))
        for name, follows in ((name, VideoEncoder(VIDEO[name].send_form({})).follows) for name in sent_video())
    ],
)


@durations
@codecs
@pytest.mark.parametrize("name", ["300 kbit/s", "800 kbit/s", "2 Mbit/s"])
def test_video_over_a_steady_link_never_stops(name: str, codec: str, seconds: float) -> None:
    flow = FilmedFlow(PROFILES[name], codec=codec)
    flow.run(seconds)

    # The keyframe of a larger size takes its time on a thin link. A size that did not fit is given up again.
    keyframes = [time for time in flow.keyframes if time > SETTLED]
    assert flow.longest_freeze(SETTLED) < (1.0 if keyframes else 0.25)
    assert flow.shown_delay(SETTLED, 0.95) < 0.25
    assert len(keyframes) <= 2 * seconds / 60


@codecs
def test_video_over_a_link_that_becomes_thin_goes_on(codec: str) -> None:
    flow = FilmedFlow(PROFILES["3-0.5-3 Mbit/s"], codec=codec)
    flow.run(30.0)

    assert flow.longest_freeze(SETTLED) < 0.5
    assert flow.shown_delay(25.0, 0.95) < 0.15
