"""The report about an encoder that does not do what it was asked to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.encoders.check import EncoderCheck

INTERVAL = 1 / 30
BUDGET = 30_000.0


class Run:
    """An encoder that outputs each frame after some more have been put in."""

    def __init__(self, delay: int = 0, interval: float = INTERVAL) -> None:
        self.check = EncoderCheck()
        self.delay = delay
        self._interval = interval
        self._number = 0

    def frame(
        self, bits: int = 30_000, budget: float = BUDGET, asked: bool = False, keyframe: bool = False
    ) -> str | None:
        """Put a frame in, and return the fault that was found."""
        now = self._number * self._interval
        self.check.put(self._number, asked, budget, now)
        if self._number >= self.delay:
            self.check.came(self._number - self.delay, keyframe, bits)
        self._number += 1
        return self.check.fault(now)


@pytest.mark.parametrize("delay", range(6))
def test_frames_that_come_a_little_later_are_no_fault(delay: int) -> None:
    run = Run(delay)

    assert not any(run.frame() for _ in range(100))
    assert run.check.holds_back == delay


def test_frames_that_are_held_back_are_a_fault() -> None:
    run = Run(100)

    assert [run.frame() for _ in range(6)] == [None] * 5 + ["it returned nothing for 6 frames"]


def test_encoder_that_is_late_for_good_is_clogged() -> None:
    run = Run()
    for delay in range(6):
        run.delay = delay
        for _ in range(3):
            assert (run.frame(), run.check.is_clogged) == (None, False)
    run.delay = 6
    run.frame()
    assert run.check.is_clogged

    run.check.reopened(is_resized=False)
    assert not run.check.is_clogged


def test_silence_is_a_fault_at_low_frame_rates_too() -> None:
    run = Run(100, interval=0.3)

    assert [run.frame() for _ in range(4)] == [None] * 3 + ["it returned nothing for 0.9 s"]


def test_source_that_pauses_is_no_fault() -> None:
    run = Run(1, interval=10.0)

    assert not any(run.frame() for _ in range(10))


def test_keyframe_has_to_come_when_it_is_asked_for() -> None:
    run = Run(2)
    run.frame()
    faults = [run.frame(asked=True), run.frame(), run.frame()]

    assert faults == [None, None, "it made no keyframe when it was asked for one"]


def test_keyframe_that_comes_is_no_fault() -> None:
    run = Run(2)
    run.frame()

    assert not any([run.frame(asked=True), run.frame(), run.frame(keyframe=True), run.frame()])


def test_frame_that_is_left_out_is_no_fault() -> None:
    check = EncoderCheck()
    for number in range(3):
        check.put(number, False, BUDGET, number * INTERVAL)
    check.came(2, False, 1000)

    assert (check.holds_back, check.fault(0.1)) == (0, None)


def test_bitrate_that_is_not_followed_is_a_fault() -> None:
    run = Run()
    assert not any(run.frame() for _ in range(30))

    faults = [run.frame(budget=BUDGET / 3) for _ in range(30)]
    assert faults[-1] == "it did not follow a lower bitrate"
    assert faults.index(faults[-1]) < 12


def test_bitrate_that_is_followed_late_is_no_fault() -> None:
    run = Run()
    assert not any(run.frame() for _ in range(30))

    assert not any(run.frame(budget=BUDGET / 3) for _ in range(4))
    assert not any(run.frame(bits=10_000, budget=BUDGET / 3) for _ in range(100))


def test_scene_that_takes_more_is_no_fault() -> None:
    run = Run()
    assert not any(run.frame(bits=5_000) for _ in range(30))

    assert not any(run.frame(bits=60_000) for _ in range(30))
    run = Run()
    assert not any(run.frame(bits=5_000) for _ in range(30))
    assert not any(run.frame(bits=20_000, budget=BUDGET / 3) for _ in range(30))


def test_other_size_begins_again() -> None:
    run = Run(3)
    for _ in range(30):
        run.frame()
    run.check.reopened(is_resized=True)

    assert run.check.holds_back == 0
    assert not any(run.frame(budget=BUDGET / 3) for _ in range(30))


@given(
    budgets=st.lists(st.floats(1_000, 1_000_000), min_size=1, max_size=60),
    delay=st.integers(0, 5),
    share=st.floats(0.01, 1.25),
)
def test_encoder_that_keeps_to_its_budgets_has_no_fault(budgets: list[float], delay: int, share: float) -> None:
    check = EncoderCheck()
    for number, budget in enumerate(budgets):
        check.put(number, number == 0, budget, number * INTERVAL)
        if number >= delay:
            check.came(number - delay, number == delay, round(share * budgets[number - delay]))
        assert check.fault(number * INTERVAL) is None
