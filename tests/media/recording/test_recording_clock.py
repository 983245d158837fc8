"""The positions of a track's frames in a recording, by their RTP timestamps, the sender's clock, and their arrival."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.recording.recording_clock import RecordingClock, Zero

RATE = 48_000
WALL = 1_700_000_000.0


class Sender:
    """Sends a frame every 20 ms. The test sets its arrival, ticks and wall clock independently."""

    def __init__(self, capture: float | None = WALL) -> None:
        self.ticks_ahead = self.wall_ahead = self.delay = 0.0
        self.has_report = True
        self.clock = RecordingClock(Zero(100.0, capture), self)

    def seconds(self, timestamp: int) -> float | None:
        """The time of a timestamp, as `RemoteClock.seconds`."""
        return WALL + timestamp / RATE - self.ticks_ahead + self.wall_ahead if self.has_report else None

    def send(self, begin: float, end: float) -> list[float]:
        """Send the frames of an interval, and return the seconds by which their positions are too late."""
        offsets = []
        for number in range(round(begin * 50), round(end * 50)):
            captured = number / 50
            timestamp = round((captured + self.ticks_ahead) * RATE)
            frame = EncodedFrame("opus", b"x", timestamp, True, 100 + captured + self.delay)
            offsets.append(self.clock.position(frame, RATE) - captured)
        return offsets


def test_even_ticks_give_even_positions() -> None:
    assert Sender().send(0, 10) == pytest.approx([0] * 500, abs=1e-6)


def test_delays_of_the_network_do_not_count() -> None:
    sender = Sender()
    sender.delay = 2
    assert sender.send(1, 2) == pytest.approx([0] * 50, abs=1e-6)
    sender.delay = 4.5
    assert sender.send(2, 3) == pytest.approx([0] * 50, abs=1e-6)


def test_arrival_counts_without_the_senders_clock() -> None:
    sender = Sender(capture=None)
    sender.delay = 0.5
    assert sender.send(0, 1) == pytest.approx([0.5] * 50, abs=1e-6)
    sender.delay = 0.1
    assert sender.send(1, 2) == pytest.approx([0.5] * 50, abs=1e-6)


def test_small_deviations_shrink_slowly() -> None:
    sender = Sender()
    sender.send(0, 1)
    sender.wall_ahead = 0.04
    offsets = sender.send(1, 60)
    assert max(abs(after - before) for before, after in pairwise(offsets)) < 0.0002
    assert offsets[-1] == pytest.approx(0.04, abs=0.001)


def test_what_is_missing_is_left_out_at_once() -> None:
    sender = Sender()
    sender.send(0, 1)
    # The sender paused, and its ticks did too.
    sender.ticks_ahead = -2.0
    offsets = sender.send(3, 4)
    assert offsets == pytest.approx([0] * 50, abs=1e-6)


def test_what_is_ahead_gives_way_slowly() -> None:
    sender = Sender()
    sender.send(0, 1)
    sender.wall_ahead = -1.0
    offsets = sender.send(1, 60)
    assert max(abs(after - before) for before, after in pairwise(offsets)) < 0.0011
    assert offsets[-1] == pytest.approx(-1, abs=0.001)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_was_set_still_gives_the_pace(seconds: float) -> None:
    sender = Sender()
    sender.send(0, 1)
    sender.wall_ahead = seconds
    assert sender.send(1, 2) == pytest.approx([0] * 50, abs=1e-6)
    sender.wall_ahead += 0.03
    assert sender.send(2, 60)[-1] == pytest.approx(0.03, abs=0.001)


@pytest.mark.parametrize("seconds", [1e6, -1e6])
@pytest.mark.parametrize("has_report", [True, False])
def test_ticks_that_jump_are_not_believed(seconds: float, has_report: bool) -> None:
    sender = Sender()
    sender.send(0, 1)
    sender.ticks_ahead = seconds
    sender.has_report = has_report
    sender.delay = 0.2
    offsets = sender.send(1, 2)
    assert offsets == pytest.approx([0.0 if has_report else 0.2] * 50, abs=1e-6)


@pytest.mark.parametrize("drift", [100e-6, -100e-6, 400e-6])
@pytest.mark.parametrize("has_report", [True, False])
def test_clocks_that_drift_apart_for_days_move_nothing(drift: float, has_report: bool) -> None:
    sender = Sender()
    sender.has_report = has_report
    offsets = []
    for second in range(2 * 86_400):
        frame = EncodedFrame("opus", b"x", second * RATE, True, 100 + second / (1 + drift))
        offsets.append(sender.clock.position(frame, RATE) - second)

    assert max(offsets) - min(offsets) < 0.01


def test_pause_of_a_day_is_kept_where_clocks_drift_apart() -> None:
    sender = Sender()
    sender.send(0, 1)
    sender.delay = -86_400 * 100e-6

    assert sender.send(86_400, 86_401) == pytest.approx([0] * 50, abs=1e-6)


def test_an_implausible_clock_at_the_beginning() -> None:
    sender = Sender()
    sender.wall_ahead = 1000.0
    sender.delay = 0.1
    assert sender.send(0, 1) == pytest.approx([0.1] * 50, abs=1e-6)
