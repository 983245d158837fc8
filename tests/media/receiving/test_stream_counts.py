"""The counts of a received stream: what receiver reports say of it, over days, where its numbers wrap and where they jump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.receiving.stream_counts import StreamCounts

RATE = 90_000
STEP = 3000
"""RTP ticks from one packet to the next."""


class Counted:
    """A stream of 30 packets per second, and its counts."""

    def __init__(self, sequence_number: int = 0, timestamp: int = 0) -> None:
        self.counts = StreamCounts(RATE)
        self.sequence_number = sequence_number
        self.timestamp = timestamp
        self.now = 1000.0

    def send(self, packets: int, delay: float = 0.0, is_lost: bool = False) -> None:
        """Send packets, each of which arrives after a delay unless it is lost."""
        for _ in range(packets):
            if not is_lost:
                self.counts.add(self.sequence_number & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.now + delay)
            self.sequence_number += 1
            self.timestamp += STEP
            self.now += STEP / RATE


def test_nothing_is_lost_where_sequence_numbers_wrap() -> None:
    stream = Counted(sequence_number=65_000)

    stream.send(70_000)

    assert stream.counts.packets_lost == 0
    assert stream.counts.fraction_lost() == 0
    assert stream.counts.highest_sequence == 65_000 + 70_000 - 1


def test_extended_sequence_number_has_32_bits() -> None:
    counts = StreamCounts(RATE)
    for number in range(0, (1 << 32) + 6000, 3000):
        counts.add(number & 0xFFFF, 0, number / 1000)

    assert counts.highest_sequence < 8000
    assert counts.packets_lost == 0x7FFFFF


def test_losses_around_a_wrap_are_counted() -> None:
    stream = Counted(sequence_number=65_530)
    stream.send(3)
    stream.send(10, is_lost=True)
    stream.send(7)

    assert stream.counts.packets_lost == 10
    assert stream.counts.fraction_lost() == 128


def test_fraction_is_that_since_the_last_report() -> None:
    stream = Counted()
    stream.send(10)
    stream.send(10, is_lost=True)
    stream.send(1)
    stream.counts.fraction_lost()

    stream.send(50)

    assert stream.counts.fraction_lost() == 0


def test_jitter_is_that_of_the_arrivals() -> None:
    stream = Counted()
    for _ in range(200):
        stream.send(1)
        stream.send(1, delay=0.01)

    assert stream.counts.jitter == pytest.approx(0.01 * RATE, rel=0.01)


def test_jitter_does_not_grow_where_timestamps_wrap() -> None:
    # At 90 kHz they do every 13 hours.
    stream = Counted(timestamp=(1 << 32) - 10 * STEP)

    stream.send(20)

    assert stream.counts.jitter <= 1


@pytest.mark.parametrize("pause", [3600, 13 * 3600 + 1000, 7 * 86400])
def test_pause_is_no_jitter(pause: int) -> None:
    stream = Counted()
    stream.send(10)
    stream.now += pause
    stream.timestamp += pause * RATE

    stream.send(10)

    assert stream.counts.jitter <= 1


@pytest.mark.parametrize("jump", [1_000_000, -1_000_000, 1 << 31])
def test_timestamps_that_jump_are_no_jitter(jump: int) -> None:
    stream = Counted()
    stream.send(10)
    stream.timestamp += jump

    stream.send(10)

    assert stream.counts.jitter <= 1


@pytest.mark.parametrize("jump", [20_000, -20_000])
def test_stream_that_begins_again_elsewhere_has_lost_nothing(jump: int) -> None:
    stream = Counted(sequence_number=30_000)
    stream.send(100)
    stream.sequence_number += jump

    stream.send(100)

    assert stream.counts.packets_lost in (0, -1)
    assert stream.counts.highest_sequence == 30_000 + jump + 199


def test_packets_that_come_twice_or_late_are_no_loss() -> None:
    counts = StreamCounts(RATE)
    for number in (5, 6, 8, 7, 8, 9):
        counts.add(number, number * STEP, number / 30)

    assert counts.packets_lost == -1
    assert counts.highest_sequence == 9


@given(
    packets=st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.floats(0, 1e6)), min_size=1, max_size=50
    )
)
def test_whatever_comes_fits_the_fields_of_a_report(packets: list[tuple[int, int, float]]) -> None:
    counts = StreamCounts(RATE)
    now = 0.0
    for sequence_number, timestamp, elapsed in packets:
        now += elapsed
        counts.add(sequence_number, timestamp, now)

        assert 0 <= counts.fraction_lost() <= 0xFF
        assert -0x800000 <= counts.packets_lost <= 0x7FFFFF
        assert 0 <= counts.highest_sequence <= 0xFFFFFFFF
        assert 0 <= counts.jitter <= 0xFFFFFFFF
