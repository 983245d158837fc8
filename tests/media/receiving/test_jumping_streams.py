"""Streams whose sequence numbers, timestamps or codec change."""

from __future__ import annotations

import pytest

from ...helpers.rtp_streams import Stream
from .reassembled import FRAME_SECONDS, Reassembled


def test_stream_goes_on_far_ahead(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    stream.sequence_number = (stream.sequence_number + 2000) & 0xFFFF

    assert reassembled.give(stream.frame()) == []
    assert reassembled.missing() == []
    assert reassembled.reassembly.wants_keyframe
    assert reassembled.reassembly.packets_lost == 2000
    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


@pytest.mark.parametrize("jump", [-20000, 20000, 32768])
def test_stream_that_moved_elsewhere_is_followed(reassembled: Reassembled, stream: Stream, jump: int) -> None:
    reassembled.give(stream.frame(keyframe=True))
    stream.sequence_number = (stream.sequence_number + jump) & 0xFFFF

    reassembled.give(stream.frame())

    assert len(reassembled.give([*stream.frame(keyframe=True), *stream.frame()])) == 2


def test_stream_that_went_back_a_little_is_followed_after_a_while(reassembled: Reassembled, stream: Stream) -> None:
    for number in range(40):
        reassembled.give(stream.frame(keyframe=number == 0))
    stream.sequence_number = (stream.sequence_number - 1000) & 0xFFFF
    for _ in range(25):
        reassembled.wait(FRAME_SECONDS)
        reassembled.give(stream.frame())

    assert reassembled.reassembly.wants_keyframe
    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


def test_single_packet_from_elsewhere_changes_nothing(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    position = stream.sequence_number
    stream.sequence_number = (position + 30000) & 0xFFFF
    stray = stream.frame(keyframe=True, parts=1)[:1]
    stream.sequence_number = position

    assert reassembled.give(stray) == []
    assert len(reassembled.give(stream.frame())) == 1


def test_late_retransmissions_do_not_move_the_stream(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    old = stream.frame(keyframe=True, parts=100)
    reassembled.give(old)
    for packet in old:
        reassembled.now += 0.01
        added = reassembled.reassembly.add(
            "VP8", packet.sequence_number, packet.timestamp, False, packet.payload, reassembled.now, retransmitted=True
        )
        assert list(added) == []

    assert len(reassembled.give(stream.frame())) == 1


def test_timestamps_go_on_where_another_stream_begins(reassembled: Reassembled, stream: Stream) -> None:
    (before,) = reassembled.give(stream.frame(keyframe=True))
    reassembled.wait(2.0)
    reassembled.reassembly.restart()
    other = Stream(stream.codec, sequence_number=123, timestamp=(stream.timestamp + (1 << 31)) & 0xFFFFFFFF)

    first, second = reassembled.give([*other.frame(keyframe=True), *other.frame()])

    assert first.timestamp - before.timestamp == pytest.approx(2.0 * 90000, abs=10)
    assert second.timestamp - first.timestamp == 3000


def test_peer_whose_timestamps_stand_still_or_go_back_gets_growing_ones(reassembled: Reassembled) -> None:
    stream = Stream("VP8", ticks=0)
    reassembled.give(stream.frame(keyframe=True))
    stream.ticks = -500
    reassembled.give(packet for _ in range(5) for packet in stream.frame())

    timestamps = [frame.timestamp for frame in reassembled.frames]
    assert len(timestamps) == 6
    assert timestamps == sorted(set(timestamps))


def test_pause_is_kept_in_the_timestamps(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    (before,) = reassembled.give(stream.frame(keyframe=True))
    reassembled.wait(60.0)
    stream.timestamp += 60 * 90000

    (after,) = reassembled.give(stream.frame())

    assert after.timestamp - before.timestamp == 60 * 90000 + 3000


def test_codec_may_change_in_mid_stream(reassembled: Reassembled) -> None:
    vp8 = Stream("VP8")
    reassembled.give([*vp8.frame(keyframe=True), *vp8.frame()])
    h264 = Stream("H264", vp8.sequence_number, vp8.timestamp)

    assert reassembled.give(h264.frame()) == []
    assert reassembled.reassembly.wants_keyframe
    (frame,) = reassembled.give(h264.frame(keyframe=True))

    assert frame.codec == "H264"
