"""What a source reduces when the bitrate is low: first the frame rate, then the size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.sending.degradation import Degradation, Plan

HD = (1280, 720)


def test_enough_is_enough() -> None:
    assert Degradation().plan(HD, 30, 2_000_000, 0.0) == Plan(30, HD)


@pytest.mark.parametrize(
    ("bitrate", "fps", "size"),
    [(553_000, 30, HD), (369_000, 20, HD), (277_000, 15, HD), (180_000, 17, (960, 540)), (75_000, 16, (640, 360))],
)
def test_frame_rate_falls_before_the_size(bitrate: int, fps: float, size: tuple[int, int]) -> None:
    plan = Degradation().plan(HD, 30, bitrate, 0.0)

    assert plan.size == size
    assert plan.fps == pytest.approx(fps, abs=0.7)


def test_frame_rate_is_kept() -> None:
    plan = Degradation("maintain-framerate").plan(HD, 30, 200_000, 0.0)

    assert plan == Plan(30, (640, 360))


def test_size_is_kept() -> None:
    plan = Degradation("maintain-resolution").plan(HD, 30, 50_000, 0.0)

    assert plan.size == HD
    assert plan.fps == pytest.approx(2.7, abs=0.1)


def sizes(degradation: Degradation, bitrates: Iterable[int], begin: float) -> list[tuple[int, int]]:
    """The planned sizes from a time on, with ten estimates a second."""
    return [degradation.plan(HD, 30, bitrate, begin + i / 10).size for i, bitrate in enumerate(bitrates)]


def lowered() -> Degradation:
    """A degradation that has reduced the size, and then tried a larger one that did not last."""
    degradation = Degradation()
    sizes(degradation, [250_000] + [600_000] * 20 + [250_000], 0.0)
    return degradation


def test_size_grows_again_only_where_it_fits_well() -> None:
    degradation = Degradation()
    assert degradation.plan(HD, 30, 250_000, 0.0).size == (960, 540)
    assert set(sizes(degradation, [320_000] * 100, 10.0)) == {(960, 540)}
    assert sizes(degradation, [380_000] * 20, 20.0)[-1] == HD


def test_size_grows_again_once_it_has_fitted_for_seconds() -> None:
    grown = sizes(lowered(), [600_000] * 60, 10.0)

    assert grown.index(HD) == pytest.approx(40, abs=1)


def test_estimate_that_falls_now_and_then_is_no_reason_to_grow() -> None:
    now_and_then = ([600_000] * 30 + [300_000]) * 20

    assert HD not in sizes(lowered(), now_and_then, 10.0)


def test_size_that_did_not_last_is_waited_for_twice_as_long_each_time() -> None:
    degradation = Degradation()
    pauses, begin = [], 0.0
    for _ in range(7):
        sizes(degradation, [250_000], begin)
        pauses.append(sizes(degradation, [600_000] * 700, begin + 0.1).index(HD) / 10)
        begin += 0.1 + pauses[-1]

    assert pauses == pytest.approx([1, 4, 8, 16, 32, 60, 60], abs=0.2)


def test_size_that_lasted_is_tried_again_as_soon_as_before() -> None:
    degradation = lowered()
    sizes(degradation, [600_000] * 500, 10.0)
    sizes(degradation, [250_000], 60.0)

    assert sizes(degradation, [600_000] * 100, 60.1).index(HD) == pytest.approx(40, abs=1)


def test_size_is_given_up_at_once() -> None:
    assert sizes(Degradation(), [600_000, 250_000], 0.0) == [HD, (960, 540)]


@dataclass
class Encoder:
    """An encoder whose frames cannot become smaller than the scene allows, and which otherwise keeps to its bitrate.

    Attributes:
        degradation: Plans the frames.
        bits_per_pixel: Minimum that the scene takes.
        plans: The plan of each frame.
        sent: The bits of each frame.
    """

    degradation: Degradation
    bits_per_pixel: float
    most_bits_per_pixel: float = 1.0
    plans: list[Plan] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    now: float = 0.0

    def run(self, seconds: float, bitrate: int) -> None:
        """Encode frames of 1280x720 or less, at 30 per second or less."""
        end = self.now + seconds
        while self.now < end:
            plan = self.degradation.plan(HD, 30, bitrate, self.now)
            pixels = plan.size[0] * plan.size[1]
            bits = min(max(bitrate / plan.fps, self.bits_per_pixel * pixels), self.most_bits_per_pixel * pixels)
            self.degradation.encoded(round(bits), plan, bitrate, self.now)
            self.plans.append(plan)
            self.sent.append(bits)
            self.now += 1 / plan.fps

    def rate(self, frames: int) -> float:
        """Bit/s of the last frames."""
        return sum(self.sent[-frames:]) / sum(1 / plan.fps for plan in self.plans[-frames:])


@pytest.mark.parametrize("bits_per_pixel", [0.01, 0.03, 0.06, 0.1, 0.2])
@pytest.mark.parametrize("bitrate", [300_000, 800_000, 2_000_000])
def test_scene_that_takes_more_is_sent_at_the_bitrate(bits_per_pixel: float, bitrate: int) -> None:
    encoder = Encoder(Degradation(), bits_per_pixel)
    encoder.run(5, bitrate)
    settled = len(encoder.plans)
    encoder.run(60, bitrate)

    assert encoder.rate(len(encoder.plans) - settled) < 1.1 * bitrate
    assert min(plan.fps for plan in encoder.plans[settled:]) >= 15
    sizes = [plan.size for plan in encoder.plans[settled:]]
    assert sum(before != after for before, after in itertools.pairwise(sizes)) <= 6


def test_scene_that_becomes_easy_has_all_frames_at_full_size_again() -> None:
    encoder = Encoder(Degradation(), 0.1)
    encoder.run(10, 800_000)
    assert encoder.plans[-1].size != HD
    encoder.bits_per_pixel, encoder.most_bits_per_pixel = 0.001, 0.01
    encoder.run(5, 800_000)

    assert encoder.plans[-1] == Plan(30, HD)


@pytest.mark.parametrize("pauses", [(0.01, 0.1), (0.01, 0.01, 0.2)])
def test_frames_that_come_irregularly_are_no_reason(pauses: tuple[float, ...]) -> None:
    degradation, bitrate, now = Degradation(), 800_000, 0.0
    for pause in itertools.islice(itertools.cycle(pauses), 300):
        plan = degradation.plan(HD, 30, bitrate, now)
        now += pause
        degradation.encoded(round(bitrate / plan.fps), plan, bitrate, now)

        assert plan == Plan(30, HD)


@pytest.mark.parametrize("swing", [0.2, 0.4])
def test_frames_that_are_too_large_for_a_while_are_no_reason(swing: float) -> None:
    degradation, bitrate = Degradation(), 800_000
    for number in range(600):
        now = number / 30
        plan = degradation.plan(HD, 30, bitrate, now)
        share = 1 + swing * math.sin(number * 2 * math.pi / 40)
        degradation.encoded(round(share * bitrate / 30), plan, bitrate, now)

        assert plan == Plan(30, HD)


def test_size_alone_is_given_up_for_a_scene_that_takes_more() -> None:
    encoder = Encoder(Degradation("maintain-framerate"), 0.06)
    encoder.run(10, 600_000)

    assert encoder.plans[-1].fps == 30
    assert encoder.rate(100) < 1.1 * 600_000


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
def test_there_is_always_a_frame(width: int, height: int, fps: float, bitrates: list[int], preference: str) -> None:
    degradation = Degradation(preference)  # type: ignore[arg-type]
    for bitrate in bitrates:
        plan = degradation.plan((width, height), fps, bitrate, 0.0)

        assert min(1.0, fps) <= plan.fps <= fps
        assert 1 <= plan.size[0] <= max(width, 2)
        assert 1 <= plan.size[1] <= max(height, 2)
