"""A buffer of samples, with silence for lost samples, and a limit for samples that are not read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gst_signalling_sync.webrtc.media.receiving.sample_buffer import SampleBuffer

RATE = 1000
MAX_SAMPLES = 1000


@pytest.fixture
def buffer() -> SampleBuffer:
    return SampleBuffer(RATE, 2)


def samples(first: int, count: int) -> NDArray[np.int16]:
    """Samples numbered from `first`; the second channel is negative."""
    numbers = np.arange(first, first + count, dtype=np.int16)
    return np.stack([numbers, -numbers], axis=1)


def test_samples_come_out_as_they_went_in_whatever_the_blocks(buffer: SampleBuffer) -> None:
    for first in range(0, 100, 20):
        buffer.add(samples(first, 20), first, MAX_SAMPLES)

    parts = [buffer.take(count) for count in (7, 0, 33, 60)]

    assert np.array_equal(np.concatenate(parts), samples(0, 100))
    assert buffer.samples == 0


def test_what_was_lost_becomes_silence_of_its_length(buffer: SampleBuffer) -> None:
    buffer.add(samples(1, 20), 0, MAX_SAMPLES)
    buffer.add(samples(1, 20), 60, MAX_SAMPLES)

    taken = buffer.take(80)

    assert np.array_equal(taken[:20], samples(1, 20))
    assert not taken[20:60].any()
    assert np.array_equal(taken[60:], samples(1, 20))


def test_gap_of_more_than_a_second_is_not_filled(buffer: SampleBuffer) -> None:
    buffer.add(samples(0, 20), 0, MAX_SAMPLES)
    buffer.add(samples(0, 20), 20 + RATE, 5 * MAX_SAMPLES)
    assert buffer.samples == 40 + RATE

    buffer.add(samples(0, 20), 40 + 2 * RATE + 1, 5 * MAX_SAMPLES)
    assert buffer.samples == 60 + RATE


@pytest.mark.parametrize("position", [22, 20, 15, -100_000])
def test_timestamps_that_are_rounded_or_go_back_make_no_gap(buffer: SampleBuffer, position: int) -> None:
    buffer.add(samples(0, 20), 0, MAX_SAMPLES)
    buffer.add(samples(20, 20), position, MAX_SAMPLES)

    assert np.array_equal(buffer.take(40), samples(0, 40))


def test_oldest_are_dropped_and_counted(buffer: SampleBuffer) -> None:
    for first in range(0, 1200, 30):
        buffer.add(samples(first, 30), first, MAX_SAMPLES)

    assert (buffer.samples, buffer.dropped) == (MAX_SAMPLES, 200)
    assert np.array_equal(buffer.take(MAX_SAMPLES), samples(200, MAX_SAMPLES))


def test_more_are_kept_for_who_waits_for_more(buffer: SampleBuffer) -> None:
    buffer.add(samples(0, 600), 0, MAX_SAMPLES)
    buffer.add(samples(600, 900), 600, 1500)

    assert np.array_equal(buffer.take(1500), samples(0, 1500))
