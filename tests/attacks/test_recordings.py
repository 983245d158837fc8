"""M15: what a peer sends costs a recording a limited amount of time and memory."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from gst_signalling_sync.webrtc.media.encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from gst_signalling_sync.webrtc.media.recording.recorded_tracks import RecordedVideo
from gst_signalling_sync.webrtc.media.recording.recording_clock import RecordingClock, Zero

FPS = 30


class Sender:
    """Sends VP8 video, which its recording must re-encode, frame by frame at times that the test decides.

    Args:
        width: Width of its frames in pixels.
        height: Height of its frames in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        encoder = av.CodecContext.create("libvpx", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height = width, height
        encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FPS)
        encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self._encoder = encoder
        self._number = 0

    def next(self, *, keyframe: bool = False) -> EncodedFrame:
        """The next frame, which is complete 1/30 s after the one before."""
        frame = av.VideoFrame(self._encoder.width, self._encoder.height, "yuv420p")
        frame.pts = self._number
        frame.pict_type = 1 if keyframe else 0
        [packet] = self._encoder.encode(frame)
        seconds = self._number / FPS
        self._number += 1
        return EncodedFrame("VP8", bytes(packet), round(seconds * VIDEO_CLOCK_RATE), packet.is_keyframe, seconds)

    def seconds(self, timestamp: int) -> float:
        """The capture time, as `RemoteClock.seconds`."""
        return timestamp / VIDEO_CLOCK_RATE


def recorded(sender: Sender, asked: list[None]) -> RecordedVideo:
    """The video of a recording that can only hold H264; notes each keyframe that it requests."""
    return RecordedVideo(RecordingClock(Zero(0.0, 0.0), sender), ("H264",), lambda: asked.append(None))


def test_frame_that_is_late_is_not_reencoded_nor_are_those_up_to_the_next_keyframe() -> None:
    asked: list[None] = []
    sender = Sender(64, 48)
    video = recorded(sender, asked)
    first, second, third = sender.next(), sender.next(), sender.next()
    assert len(video.packets(first, first.time)) == 1

    assert video.packets(second, second.time + 2.1) == []
    assert asked
    assert video.packets(third, third.time) == []

    keyframe = sender.next(keyframe=True)
    [packet] = video.packets(keyframe, keyframe.time)
    assert packet.keyframe
    assert video.dropped == 1


def test_frame_that_is_written_as_it_came_may_be_late() -> None:
    sender = Sender(64, 48)
    video = RecordedVideo(RecordingClock(Zero(0.0, 0.0), sender), ("VP8",), lambda: None)

    assert len(video.packets(sender.next(), 60.0)) == 1
    assert video.dropped == 0


@pytest.mark.parametrize(("width", "height", "packets"), [(4096, 2304, 1), (4112, 2304, 0)])
def test_frame_that_is_too_large_is_not_reencoded(width: int, height: int, packets: int) -> None:
    sender = Sender(width, height)
    frame = sender.next()

    assert len(recorded(sender, []).packets(frame, frame.time)) == packets
