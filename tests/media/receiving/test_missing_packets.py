"""Packets that are missing: they are asked for (NACK), waited for, and given up for a keyframe."""

from __future__ import annotations

import itertools

from ...helpers.rtp_streams import Stream
from .reassembled import Reassembled


def test_missing_packets_are_asked_for_at_once_and_again_at_intervals_that_grow_later(reassembled: Reassembled) -> None:
    stream = Stream("VP8", sequence_number=65534)
    reassembled.give(stream.frame(keyframe=True, parts=1))
    packets = stream.frame(parts=4)
    reassembled.give(packets[3:])

    asked = []
    for _ in range(450):
        if numbers := reassembled.missing():
            assert numbers == [65535, 0, 1]
            asked.append(reassembled.now)
        reassembled.wait(0.001)

    intervals = [after - before for before, after in itertools.pairwise(asked)]
    assert 4 <= len(asked) <= 8
    assert asked[0] == 100.0
    assert 0.025 < intervals[0] < 0.07
    assert [round(each, 2) for each in intervals] == sorted(round(each, 2) for each in intervals)
    assert intervals[-1] > 1.4 * intervals[0]


def test_round_trip_decides_when_to_ask_again(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    reassembled.give(stream.frame(keyframe=True))
    for _ in range(40):
        lost, *rest = stream.frame()
        reassembled.give(rest)
        reassembled.missing()
        reassembled.wait(0.1)
        reassembled.give([lost])
    _, *rest = stream.frame()
    reassembled.give(rest)

    assert len(reassembled.missing()) == 1
    reassembled.wait(0.1)
    assert reassembled.missing() == []
    reassembled.wait(0.1)
    assert len(reassembled.missing()) == 1


def test_losses_of_requests_and_answers_do_not_count_as_a_longer_round_trip(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    reassembled.give(stream.frame(keyframe=True))
    for number in range(100):
        lost, *rest = stream.frame()
        reassembled.give(rest)
        reassembled.missing()
        # One packet in five comes only after the second or third request.
        reassembled.wait(0.2 if number % 5 == 0 else 0.08)
        reassembled.give([lost])
    _, *rest = stream.frame()
    reassembled.give(rest)
    reassembled.missing()

    due_at = reassembled.reassembly.due_at
    assert due_at is not None
    assert 0.09 < due_at - reassembled.now < 0.13


def test_what_does_not_come_is_given_up_for_the_next_keyframe(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    lost = stream.frame()
    reassembled.give(lost[1:])
    reassembled.give(stream.frame())

    assert reassembled.wait(0.49) == []
    assert not reassembled.reassembly.wants_keyframe
    assert reassembled.wait(0.02) == []

    assert reassembled.reassembly.wants_keyframe
    assert reassembled.reassembly.packets_lost == 1
    assert reassembled.give(stream.frame()) == []
    assert len(reassembled.give([*stream.frame(keyframe=True), *stream.frame()])) == 2
    assert reassembled.give(lost) == []


def test_keyframe_that_is_whole_behind_a_gap_is_gone_on_with_at_once(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    reassembled.give(stream.frame()[1:])
    keyframe = stream.frame(keyframe=True, parts=5)
    following = stream.frame()

    assert reassembled.give([*keyframe[:2], *keyframe[3:], *following]) == []
    frames = reassembled.give([keyframe[2]])

    assert [frame.data for frame in frames] == [stream.data_of(keyframe), stream.data_of(following)]
    assert not reassembled.reassembly.is_waiting
    assert reassembled.reassembly.waiting_bytes == 0
    assert reassembled.reassembly.packets_lost == 1


def test_keyframe_behind_a_gap_is_followed_by_a_gap(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    reassembled.give(stream.frame()[1:])
    keyframe, damaged = stream.frame(keyframe=True), stream.frame()

    frames = reassembled.give([*damaged[1:], *keyframe])

    assert [frame.data for frame in frames] == [stream.data_of(keyframe)]
    assert damaged[0].sequence_number in reassembled.missing()
    assert len(reassembled.give(damaged[:1])) == 1


def test_keyframe_of_h264_does_not_begin_behind_a_gap_that_may_hold_its_parameters(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    keyframe = stream.packets([b"\x67sequence", b"\x68picture", b"\x65\x88slice", b"\x65\x08slice"])

    assert reassembled.give(keyframe[2:]) == []
    (frame,) = reassembled.give(keyframe[:2])

    assert frame.keyframe
    assert b"sequence" in frame.data


def test_second_of_two_damaged_keyframes_is_gone_on_with(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    reassembled.give(stream.frame()[1:])
    reassembled.give(stream.frame(keyframe=True)[:-1])

    frames = reassembled.give(stream.frame(keyframe=True))

    assert len(frames) == 1


def test_without_retransmissions_a_gap_is_soon_given_up() -> None:
    reassembled = Reassembled(patience=0.1)
    stream = Stream("VP8")
    reassembled.give(stream.frame(keyframe=True))
    reassembled.give(stream.frame()[1:])

    reassembled.wait(0.11)

    assert reassembled.reassembly.wants_keyframe


def test_time_of_the_next_step_is_told(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    reassembled.give(stream.frame(keyframe=True))
    assert reassembled.reassembly.due_at is None

    reassembled.give(stream.frame()[1:])
    assert reassembled.reassembly.due_at == reassembled.now
    reassembled.missing()
    due_at = reassembled.reassembly.due_at
    assert due_at is not None
    assert reassembled.now < due_at <= reassembled.now + 0.07
