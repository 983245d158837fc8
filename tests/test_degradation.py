"""What a source gives up when the bitrate is low: the frame rate first, then the size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.sending.degradation import Degradation, Plan

HD = (1280, 720)


def test_enough_is_enough() -> None:
    assert Degradation().plan(HD, 30, 2_000_000) == Plan(30, HD)


@pytest.mark.parametrize(
    ("bitrate", "fps", "size"),
    [(553_000, 30, HD), (369_000, 20, HD), (185_000, 10, HD), (120_000, 12, (960, 540)), (50_000, 11, (640, 360))],
)
def test_frame_rate_falls_before_the_size(bitrate: int, fps: float, size: tuple[int, int]) -> None:
    plan = Degradation().plan(HD, 30, bitrate)

    assert plan.size == size
    assert plan.fps == pytest.approx(fps, abs=0.7)


def test_frame_rate_is_kept() -> None:
    plan = Degradation("maintain-framerate").plan(HD, 30, 200_000)

    assert plan == Plan(30, (640, 360))


def test_size_is_kept() -> None:
    plan = Degradation("maintain-resolution").plan(HD, 30, 50_000)

    assert plan.size == HD
    assert plan.fps == pytest.approx(2.7, abs=0.1)


def test_size_grows_again_only_where_it_fits_well() -> None:
    degradation = Degradation()
    assert degradation.plan(HD, 30, 150_000).size == (960, 540)
    assert degradation.plan(HD, 30, 200_000).size == (960, 540)
    assert degradation.plan(HD, 30, 260_000).size == HD


def test_word_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'maintain-framerate'"):
        Degradation("none")  # type: ignore[arg-type]


@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    fps=st.floats(0.1, 240),
    bitrates=st.lists(st.integers(1, 50_000_000), min_size=1, max_size=10),
    preference=st.sampled_from(["balanced", "maintain-framerate", "maintain-resolution"]),
)
def test_there_is_always_a_picture(width: int, height: int, fps: float, bitrates: list[int], preference: str) -> None:
    degradation = Degradation(preference)  # type: ignore[arg-type]
    for bitrate in bitrates:
        plan = degradation.plan((width, height), fps, bitrate)

        assert min(1.0, fps) <= plan.fps <= fps
        assert 1 <= plan.size[0] <= max(width, 2)
        assert 1 <= plan.size[1] <= max(height, 2)
