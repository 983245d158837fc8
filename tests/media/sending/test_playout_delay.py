"""How long a receiver is told to hold frames, by the retransmissions that it requests."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.sending.playout_delay import PlayoutDelay, PlayoutLimits

FPS = 30
NO_MAXIMUM = 1000


class Film:
    """Frames of 30 per second, some of which have a packet that is retransmitted."""

    def __init__(self) -> None:
        self.delay = PlayoutDelay()
        self.now = 100.0
        self._numbers = itertools.count()

    def run(self, seconds: float, late: float = 0.0, every: int = 3, round_trip: float = 0.0) -> list[int | None]:
        """Send frames, and return the minimum that was told with each."""
        told = []
        for _ in range(round(seconds * FPS)):
            number = next(self._numbers)
            self.delay.on_frame(3000 * number & 0xFFFFFFFF, self.now, round_trip)
            if late and number % every == 0:
                self.delay.on_repair(3000 * number & 0xFFFFFFFF, late)
            limits = self.delay.limits(self.now)
            told.append(None if limits is None else limits.minimum)
            self.now += 1 / FPS
        return told


def test_nothing_is_told_where_nothing_is_lost() -> None:
    assert set(Film().run(20.0)) == {None}


@pytest.mark.parametrize(("late", "told"), [(0.06, 7), (0.1, 11), (0.2, 21), (2.0, 40)])
def test_frames_are_held_until_their_retransmissions_have_come(late: float, told: int) -> None:
    assert Film().run(20.0, late)[-1] == told


def test_frames_are_not_held_for_the_queue_of_a_thin_link() -> None:
    assert Film().run(20.0, 0.35, round_trip=0.05)[-1] == 11


def test_the_round_trip_of_an_empty_queue_counts_until_the_path_is_another_one() -> None:
    film = Film()
    film.run(1.0, round_trip=0.05)

    assert film.run(50.0, 0.35, round_trip=0.3)[-1] == 11
    assert film.run(20.0, 0.35, round_trip=0.3)[-1] == 36


def test_a_frame_in_fifty_may_be_late() -> None:
    assert set(Film().run(20.0, 0.1, every=50)) == {None}


def test_delay_is_told_soon_after_the_first_losses() -> None:
    film = Film()
    film.run(20.0)

    assert film.run(3.5, 0.08)[-1] == 9


def test_delay_ends_ten_seconds_after_the_losses_and_is_told() -> None:
    film = Film()
    film.run(20.0, 0.08)
    film.run(10.6)

    assert set(film.run(5.0)) == {0}


def test_changes_too_small_to_see_are_not_told() -> None:
    film = Film()
    film.run(20.0, 0.1)

    assert film.run(20.0, 0.11)[-1] == 11
    assert film.run(20.0, 0.14)[-1] == 15


def test_late_packet_of_a_frame_that_is_forgotten_is_ignored() -> None:
    film = Film()
    film.run(20.0)
    film.delay.on_repair(5, 0.3)

    assert film.run(1.0)[-1] is None


def test_the_first_keyframe_says_little_of_later_frames() -> None:
    film = Film()

    assert set(film.run(0.4, 0.3, every=1)) == {None}


def test_limits_have_twelve_bits_each() -> None:
    assert PlayoutLimits(7).pack() == bytes([0x00, 0x73, 0xE8])
    assert PlayoutLimits(0xABC, 0xDEF).pack() == bytes([0xAB, 0xCD, 0xEF])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 5)), max_size=200))
def test_limits_always_fit(frames: list[tuple[float, float]]) -> None:
    delay = PlayoutDelay()
    now = 0.0
    for number, (interval, late) in enumerate(frames):
        now += interval
        delay.on_frame(number, now, 0.0)
        delay.on_repair(number, late)
        limits = delay.limits(now)
        assert limits is None or 0 <= limits.minimum <= 40
        assert limits is None or len(limits.pack()) == 3
