"""`AudioTimeline`: when written sound is sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from gst_signalling_sync.webrtc.media.sending.audio_timeline import AudioTimeline

RATE = 48000


def _audio(seconds: float, value: int = 1) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.full((round(seconds * RATE), 1), value, np.int16)


def _take_all(timeline: AudioTimeline, now: float) -> list[tuple[int, int, bool]]:
    """Length, position and newness of everything that is due."""
    taken = []
    while (part := timeline.take(now, 0.02)) is not None:
        taken.append((len(part[0]), part[1], part[2]))
    return taken


def test_what_is_written_in_real_time_is_sent_at_once_and_without_gaps() -> None:
    timeline = AudioTimeline(RATE)
    end = None
    for step in range(100):
        now = 10.0 + step * 0.02 + (0.015 if step % 2 else 0.0)
        timeline.write(_audio(0.02), now)
        ((length, position, is_new),) = _take_all(timeline, now)
        assert length == 960
        assert is_new == (end is None)
        assert end is None or position == end
        end = position + length


def test_the_first_samples_end_at_the_moment_they_are_written() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.5), 10.0)
    assert _take_all(timeline, 10.0) == [(24000, 456000, True)]


def test_what_is_written_ahead_is_sent_in_real_time() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    timeline.write(_audio(2.0), 10.0)
    assert sum(length for length, _, _ in _take_all(timeline, 10.0)) <= round(0.04 * RATE)

    due = timeline.due_at()
    assert due is not None
    assert 10.0 < due <= 10.02
    assert not _take_all(timeline, due - 0.001)
    assert _take_all(timeline, due)
    assert sum(length for length, _, _ in _take_all(timeline, 20.0)) > 0
    assert timeline.due_at() is None


def test_after_a_pause_the_sound_goes_on_at_the_moment_of_the_write() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    _take_all(timeline, 10.0)
    timeline.write(_audio(0.02), 15.0)
    assert _take_all(timeline, 15.0) == [(960, 15 * RATE - 960, True)]


def test_a_writer_that_stalls_and_catches_up_stays_in_time() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    _take_all(timeline, 10.0)
    for _ in range(15):
        timeline.write(_audio(0.02), 10.3)
    taken = _take_all(timeline, 10.3)
    assert not any(is_new for _, _, is_new in taken)
    assert sum(length for length, _, _ in taken) == 15 * 960
    assert taken[0][1] == 10 * RATE


def test_a_short_pause_is_made_up_for_when_the_writer_does_not_catch_up() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    _take_all(timeline, 10.0)
    end = 0
    for step in range(100):
        now = 10.3 + step * 0.02
        timeline.write(_audio(0.02), now)
        for length, position, _ in _take_all(timeline, now):
            end = position + length
    assert abs(end / RATE - now) < 0.041


def test_sound_is_placed_when_it_was_captured() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.3, 10.0)
    assert _take_all(timeline, 10.3) == [(960, 10 * RATE, True)]
    # Late sound keeps its capture time, and does not move later sound.
    timeline.write(_audio(0.02), 11.5, 10.02)
    timeline.write(_audio(0.02), 11.5, 10.04)
    assert _take_all(timeline, 11.5) == [(1920, 10 * RATE + 960, False)]


def test_what_is_missing_between_captured_sounds_is_silence_at_once() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.02, 10.0)
    _take_all(timeline, 10.02)
    # The difference is less than the accuracy of any clock.
    timeline.write(_audio(0.02), 10.08, 10.05)
    assert _take_all(timeline, 10.08) == [(960, 10 * RATE + 960, False)]
    timeline.write(_audio(0.02), 10.52, 10.5)
    assert _take_all(timeline, 10.52) == [(960, round(10.5 * RATE), True)]


def test_a_gap_is_made_once_what_came_before_was_sent() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.02, 10.0)
    timeline.write(_audio(0.02), 10.52, 10.5)
    assert _take_all(timeline, 10.52) == [(1920, 10 * RATE, True)]
    timeline.write(_audio(0.02), 10.54, 10.52)
    assert _take_all(timeline, 10.54) == [(960, round(10.52 * RATE), True)]


def test_a_capture_clock_that_runs_fast_does_not_add_delay_forever() -> None:
    timeline = AudioTimeline(RATE)
    for step in range(60 * 50 * 5):
        begin = 10.0 + step * 0.02
        timeline.write(_audio(0.02 * 1.002), begin + 0.02, begin)
        _take_all(timeline, begin + 0.02)
    assert timeline.dropped > 0
    due = timeline.due_at()
    assert due is None or due - begin < 0.3


def test_a_writer_that_stalls_while_nobody_listens_stays_in_time() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    timeline.discard(10.0)
    for _ in range(15):
        timeline.write(_audio(0.02), 10.3)
    timeline.discard(10.3)
    timeline.write(_audio(0.02), 10.32)
    ((_, position, _),) = _take_all(timeline, 10.32)
    assert position == round(10.3 * RATE)


def test_what_is_not_due_is_not_discarded() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.02), 10.0)
    timeline.write(_audio(1.0), 10.0)
    timeline.discard(10.5)
    assert sum(length for length, _, _ in _take_all(timeline, 20.0)) == RATE // 2


def test_who_writes_ahead_on_purpose_loses_nothing() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.3), 10.0)
    for step in range(6000):
        now = 10.0 + step * 0.02
        timeline.write(_audio(0.02), now)
        _take_all(timeline, now)
    assert timeline.dropped == 0


def test_more_than_a_minute_ahead_is_dropped_from_the_front() -> None:
    timeline = AudioTimeline(RATE)
    for _ in range(70):
        timeline.write(_audio(1.0), 10.0)
    assert timeline.dropped == 10 * RATE


def test_a_clock_that_runs_fast_does_not_add_delay_forever() -> None:
    timeline = AudioTimeline(RATE)
    ahead = []
    for step in range(60 * 60 * 5):
        now = step * 0.2
        # 0.1 % too many samples would add 3.6 s of delay in an hour.
        timeline.write(_audio(0.2 / 4 * 1.001), now)
        timeline.write(_audio(0.2 / 4 * 1.001), now + 0.05)
        timeline.write(_audio(0.2 / 4 * 1.001), now + 0.1)
        timeline.write(_audio(0.2 / 4 * 1.001), now + 0.15)
        _take_all(timeline, now + 0.15)
        due = timeline.due_at()
        ahead.append(0.0 if due is None else due - now - 0.15)
    assert timeline.dropped
    assert max(ahead) < 0.3


def test_a_write_of_nothing_changes_nothing() -> None:
    timeline = AudioTimeline(RATE)
    timeline.write(_audio(0.0), 10.0)
    assert timeline.due_at() is None
