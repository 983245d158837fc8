"""Reassembly of frames from RTP packets of video, from the first keyframe on."""

from __future__ import annotations

import pytest

from ...helpers.rtp_streams import Packet, Stream
from .reassembled import Reassembled


def test_frame_is_complete_with_its_last_packet(reassembled: Reassembled, stream: Stream) -> None:
    packets = stream.frame(keyframe=True)

    assert reassembled.give(packets[:-1]) == []
    (frame,) = reassembled.give(packets[-1:])

    assert frame.data == stream.data_of(packets)
    assert (frame.codec, frame.keyframe, frame.time) == (stream.codec, True, reassembled.now)


def test_frame_without_marker_is_complete_with_the_next_one(reassembled: Reassembled, stream: Stream) -> None:
    def unmarked(packets: list[Packet]) -> list[Packet]:
        return [Packet(each.codec, each.sequence_number, each.timestamp, False, each.payload) for each in packets]

    first, second = stream.frame(keyframe=True), stream.frame()

    assert reassembled.give(unmarked(first)) == []
    (frame,) = reassembled.give(unmarked(second))

    assert frame.data == stream.data_of(first)


def test_packet_may_end_two_frames_at_once(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    (first,), second = stream.frame(keyframe=True, parts=1), stream.frame(parts=1)

    reassembled.give([Packet("VP8", first.sequence_number, first.timestamp, False, first.payload)])

    assert len(reassembled.give(second)) == 2


def test_timestamps_grow_where_the_counters_of_rtp_wrap(reassembled: Reassembled, stream: Stream) -> None:
    for number in range(10):
        reassembled.give(stream.frame(keyframe=number == 0))

    timestamps = [frame.timestamp for frame in reassembled.frames]
    assert timestamps == list(range(timestamps[0], timestamps[0] + 30_000, 3000))
    assert timestamps[-1] > 1 << 32


def test_order_of_arrival_does_not_matter(reassembled: Reassembled, stream: Stream) -> None:
    first, second = stream.frame(keyframe=True), stream.frame()

    reassembled.give([first[0], *reversed(first[1:]), *reversed(second)])

    assert [frame.data for frame in reassembled.frames] == [stream.data_of(first), stream.data_of(second)]


def test_duplicates_are_dropped(reassembled: Reassembled, stream: Stream) -> None:
    packets = [*stream.frame(keyframe=True), *stream.frame()]

    reassembled.give(packet for packet in packets for _ in range(3))
    reassembled.give(packets)

    assert len(reassembled.frames) == 2
    assert reassembled.reassembly.packets_lost == 0


def test_padding_holds_nothing_up(reassembled: Reassembled, stream: Stream) -> None:
    first = stream.frame(keyframe=True)
    padding = [stream.padding(), stream.padding()]

    assert len(reassembled.give([*first, *padding, *stream.frame()])) == 2


def test_lost_padding_is_given_up_in_the_end(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    stream.padding()
    reassembled.give(stream.frame())

    reassembled.wait(0.6)

    assert reassembled.reassembly.packets_lost == 1
    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


@pytest.mark.parametrize("lost", range(3))
def test_gap_in_each_place_of_a_frame_is_waited_for(reassembled: Reassembled, stream: Stream, lost: int) -> None:
    reassembled.give(stream.frame(keyframe=True))
    packets = stream.frame()
    following = stream.frame()

    assert reassembled.give([*packets[:lost], *packets[lost + 1 :], *following]) == []
    assert reassembled.missing() == [packets[lost].sequence_number]
    frames = reassembled.give([packets[lost]])

    assert [frame.data for frame in frames] == [stream.data_of(packets), stream.data_of(following)]
    assert reassembled.reassembly.packets_repaired == 1
    assert not reassembled.reassembly.is_waiting


def test_nothing_is_decoded_before_a_keyframe(reassembled: Reassembled, stream: Stream) -> None:
    assert reassembled.give([*stream.frame(), *stream.frame()]) == []
    assert reassembled.reassembly.wants_keyframe

    (frame,) = reassembled.give(stream.frame(keyframe=True))

    assert frame.keyframe
    assert not reassembled.reassembly.wants_keyframe
    assert len(reassembled.give(stream.frame())) == 1


def test_keyframe_is_wanted_with_the_first_packet_that_does_not_begin_one(reassembled: Reassembled) -> None:
    stream = Stream("VP8")

    reassembled.give(stream.frame()[:1])

    assert reassembled.reassembly.wants_keyframe


def test_keyframe_whose_beginning_was_missed_is_wanted_again(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True)[2:])

    assert reassembled.frames == []
    assert reassembled.reassembly.wants_keyframe


def test_no_keyframe_is_wanted_where_one_begins(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True)[:1])

    assert not reassembled.reassembly.wants_keyframe


def test_keyframe_of_h264_may_come_in_packets_of_one_unit_each(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    units = [
        b"\x09\xf0",
        b"\x67sequence",
        b"\x68picture",
        b"\x06information",
        b"\x65\x88first slice",
        b"\x65\x08second",
    ]

    (frame,) = reassembled.give(stream.packets(units))

    assert frame.keyframe
    assert frame.data == b"".join(b"\0\0\0\1" + unit for unit in units)


@pytest.mark.parametrize("ticks", [0, 3000])
def test_parameters_of_h264_that_come_as_a_frame_belong_to_the_next(reassembled: Reassembled, ticks: int) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    stream.ticks = ticks
    parameters = stream.packets([b"\x67sequence", b"\x68picture"])
    stream.ticks = 3000
    keyframe, following = stream.packets([b"\x65\x88slice"]), stream.frame()

    assert reassembled.give(parameters) == []
    first, second = reassembled.give([*keyframe, *following])

    assert first.keyframe
    assert first.data == b"\0\0\0\1\x67sequence\0\0\0\1\x68picture\0\0\0\1\x65\x88slice"
    assert second.timestamp - first.timestamp == 3000


def test_parameters_of_h264_that_come_as_a_frame_lead_a_keyframe_behind_a_gap(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    stream.frame()

    assert reassembled.give(stream.packets([b"\x67sequence", b"\x68picture"])) == []
    (frame,) = reassembled.give(stream.packets([b"\x65\x88slice"]))

    assert frame.keyframe
    assert frame.data.startswith(b"\0\0\0\1\x67sequence")


def test_keyframe_of_h264_is_found_behind_what_comes_before_its_parameters(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    stream.frame()
    reassembled.give(stream.frame())
    keyframe = stream.packets([b"\x06information", b"\x67sequence", b"\x68picture", b"\x65\x88slice"])

    (frame,) = reassembled.give(keyframe)

    assert frame.keyframe
    assert frame.data.startswith(b"\0\0\0\1\x67")
