"""Encoders keep to their bitrate, whatever the intervals between frames."""

from __future__ import annotations

import av
import numpy as np
import pytest

from gst_signalling_sync.webrtc.media.codecs import VIDEO, sent_video
from gst_signalling_sync.webrtc.media.codecs.h264 import H264
from gst_signalling_sync.webrtc.media.encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder

BITRATE = 400_000
codecs = pytest.mark.parametrize("codec", sent_video())


class Filmed:
    """An encoder of a scene with a corner of noise."""

    def __init__(self, codec: str) -> None:
        self._encoder = VideoEncoder(VIDEO[codec].send_form({}))
        self._random = np.random.default_rng(1)
        self._time = 0.0
        self.bitrate = BITRATE

    def frame(self, interval: float, fps: float) -> EncodedFrame:
        """Encode a frame that comes an interval, in seconds, after the one before."""
        self._time += interval
        image = np.full((240, 320, 3), 90, np.uint8)
        image[:96, :96] = self._random.integers(0, 255, (96, 96, 3), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
        (encoded,) = self._encoder.encode(
            frame, int(self._time * VIDEO_CLOCK_RATE), self._time, self.bitrate, fps, False
        )
        return encoded

    def bits(self, intervals: list[float], fps: float) -> float:
        """The mean number of bits of some frames."""
        return sum(8 * len(self.frame(interval, fps).data) for interval in intervals) / len(intervals)


@codecs
def test_frame_that_is_left_out_makes_the_next_ones_no_larger(codec: str) -> None:
    filmed = Filmed(codec)
    filmed.bits([1 / 30] * 60, 30)
    before = filmed.bits([1 / 30] * 15, 30)
    after = filmed.bits([2 / 30, *[1 / 30] * 14], 30)

    assert after < 1.2 * before


@codecs
@pytest.mark.parametrize("fps", [30, 15, 10])
def test_frames_share_the_bitrate(codec: str, fps: float) -> None:
    filmed = Filmed(codec)
    filmed.bits([1 / fps] * 60, fps)

    assert filmed.bits([1 / fps] * 60, fps) * fps < 1.15 * BITRATE


def test_no_frame_is_held_back() -> None:
    for codec in sent_video():
        filmed = Filmed(codec)

        assert all(filmed.frame(1 / 30, 30).data for _ in range(3))


def following() -> list[str]:
    """Codecs whose open encoders follow a new bitrate; with PyAV 18, H264 does not."""
    return [name for name in sent_video() if VideoEncoder(VIDEO[name].send_form({})).follows]


@pytest.mark.parametrize("codec", following())
def test_change_of_the_frame_rate_costs_no_keyframe(codec: str) -> None:
    filmed = Filmed(codec)
    filmed.bits([1 / 30] * 60, 30)
    keyframes = [filmed.frame(1 / fps, fps).keyframe for fps in (20, 15, 12, 17, 30)]
    filmed.bits([1 / 10] * 30, 10)

    assert not any(keyframes)
    # libx264 takes seconds to make larger frames again.
    assert 0.7 * BITRATE < filmed.bits([1 / 10] * 30, 10) * 10 < 1.15 * BITRATE


@pytest.mark.parametrize("codec", following())
@pytest.mark.parametrize("part", [0.6, 0.8, 1.5, 2.5])
def test_change_of_the_bitrate_costs_no_keyframe(codec: str, part: float) -> None:
    filmed = Filmed(codec)
    filmed.bitrate = 2 * BITRATE
    filmed.bits([1 / 30] * 60, 30)
    filmed.bitrate = round(part * 2 * BITRATE)
    frames = [filmed.frame(1 / 30, 30) for _ in range(120)]

    assert not any(frame.keyframe for frame in frames)
    assert sum(8 * len(frame.data) for frame in frames[60:]) / 2 == pytest.approx(filmed.bitrate, rel=0.2)


@codecs
@pytest.mark.parametrize("part", [0.2, 8])
def test_bitrate_that_is_another_altogether_begins_with_a_keyframe(codec: str, part: float) -> None:
    filmed = Filmed(codec)
    filmed.bits([1 / 30] * 10, 30)
    filmed.bitrate = round(part * BITRATE)

    assert filmed.frame(1 / 30, 30).keyframe


def test_encoder_that_does_not_follow_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(H264, "follows_bitrate", False)
    filmed = Filmed("H264")
    filmed.bits([1 / 30] * 30, 30)

    assert not filmed.frame(1 / 27, 27).keyframe
    assert filmed.frame(1 / 15, 15).keyframe
    filmed.bitrate = BITRATE // 2
    assert filmed.frame(1 / 15, 15).keyframe
