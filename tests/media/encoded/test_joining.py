"""Consumers that join between two keyframes: the frames that are kept for them, and their timestamps."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.joinable_frames import JoinableFrames, PassedFrame, squeezed

TICKS = 3000


def passed(number: int, keyframe: bool = False, size: int = 100) -> PassedFrame:
    return PassedFrame(number, EncodedFrame("VP8", b"", number * TICKS, keyframe, 0.0), [bytes(size)])


def numbers(frames: list[PassedFrame]) -> list[int]:
    return [each.number for each in frames]


@given(keyframes=st.lists(st.booleans(), max_size=60))
def test_frames_since_the_last_keyframe_are_kept(keyframes: list[bool]) -> None:
    kept = JoinableFrames()
    for number, keyframe in enumerate(keyframes):
        kept.add(passed(number, keyframe))
    begin = max((number for number, keyframe in enumerate(keyframes) if keyframe), default=len(keyframes))

    assert numbers(kept.frames()) == list(range(begin, len(keyframes)))


@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=100),
    max_frames=st.integers(1, 20),
    max_bytes=st.integers(0, 300),
)
def test_no_more_is_kept_than_allowed_and_nothing_without_its_keyframe(
    steps: list[tuple[bool, int]], max_frames: int, max_bytes: int
) -> None:
    kept = JoinableFrames(max_frames, max_bytes)
    for number, (keyframe, size) in enumerate(steps):
        kept.add(passed(number, keyframe, size))
        frames = kept.frames()
        assert len(frames) <= max_frames
        assert sum(len(payload) for each in frames for payload in each.payloads) <= max_bytes
        assert [each.frame.keyframe for each in frames] == [True] * bool(frames) + [False] * (len(frames) - 1)
        assert all(after.number == before.number + 1 for before, after in pairwise(frames))
        assert not frames or frames[-1].number == number


def test_frames_before_one_are_told() -> None:
    kept = JoinableFrames()
    for number in range(5, 10):
        kept.add(passed(number, number == 5))

    assert numbers(kept.frames(before=8)) == [5, 6, 7]
    assert kept.frames(before=5) == []


def test_who_comes_catches_up_within_a_moment() -> None:
    frames = [passed(number, number == 0) for number in range(250)]
    caught_up = squeezed(frames, None, frames[-1].frame.timestamp)

    assert caught_up is not None
    stamps = [each.frame.timestamp for each in caught_up]
    assert stamps[-1] == frames[-1].frame.timestamp
    assert {after - before for before, after in pairwise(stamps)} == {90}


@given(count=st.integers(1, 300), after=st.integers(0, 10_000), gap=st.integers(0, 10_000))
def test_time_stamps_rise_from_what_was_sent_to_what_comes(count: int, after: int, gap: int) -> None:
    caught_up = squeezed([passed(number) for number in range(count)], after, after + gap)

    if caught_up is None:
        assert gap < count
        return
    stamps = [after, *(each.frame.timestamp for each in caught_up)]
    assert stamps[-1] == after + gap
    assert all(before < later for before, later in pairwise(stamps))
