"""Slow links get their frames from software beside a hardware encoder, and change to it and back without a flaw."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.filming import filming
from ...helpers.waiting import wait_until
from ...helpers.watched_link import WatchedLink
from .stand_in import StandIn

NAME = "h264_standin"
HIGH, LOW = 1_000_000, 200_000


@pytest.mark.usefixtures("_impatient_groups")
@pytest.mark.parametrize("delay", [0, 2])
def test_link_changes_between_hardware_and_software(
    hardware: Callable[..., StandIn], loop: LoopThread, delay: int
) -> None:
    kind = hardware(delay=delay, sessions=1)
    source = VideoSource(encoder=NAME, bitrate=(50_000, HIGH))
    with filming(source):
        good, changing = (WatchedLink(source, loop, "H264", bitrate=HIGH) for _ in range(2))
        good.wait_for(HIGH)
        for _ in range(2):
            changing.carries(LOW)
            changing.wait_for(LOW)
            assert (encoder := feed_of(source).encoder_of(changing)) is not None
            assert not encoder.is_hardware
            assert source.encoders == {"H264": NAME}
            changing.carries(HIGH)
            changing.wait_for(HIGH)
        written = source.frames_written
        wait_until(lambda: source.frames_written >= written + 10, "frames are written")
        changing.leave()
        good.leave()
    feed_of(source).join(Deadline(5))
    times = changing.timestamps()

    assert len(times) > 10
    assert all(earlier < later for earlier, later in pairwise(times))
    assert good.timestamps()
    assert source.encoder_failure is None
    assert kind.open_now == 0
