"""Reassembly of frames from RTP packets of video: in any order, with gaps, and with packets of hostile peers."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable

import pytest

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.reassembly import VideoReassembly
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

from ...helpers.rtp_streams import Packet, Stream

CODECS = ("VP8", "H264")
FRAME_SECONDS = 1 / 30


class Reassembled:
    """A reassembly, its frames, and a clock that the test moves."""

    def __init__(self, patience: float = 0.5) -> None:
        self.reassembly = VideoReassembly(Timeline(90000), patience)
        self.frames: list[EncodedFrame] = []
        self.now = 100.0

    def give(self, packets: Iterable[Packet]) -> list[EncodedFrame]:
        """Give packets at one moment, and return the frames that they complete."""
        before = len(self.frames)
        for packet in packets:
            self.frames += self.reassembly.add(
                packet.codec, packet.sequence_number, packet.timestamp, packet.marker, packet.payload, self.now
            )
        return self.frames[before:]

    def wait(self, seconds: float) -> list[EncodedFrame]:
        """Let time pass, and return the frames that it completes."""
        self.now += seconds
        released = self.reassembly.on_time(self.now)
        self.frames += released
        return list(released)

    def missing(self) -> list[int]:
        return self.reassembly.missing(self.now)


@pytest.fixture
def reassembled() -> Reassembled:
    return Reassembled()


@pytest.fixture(params=CODECS)
def stream(request: pytest.FixtureRequest) -> Stream:
    return Stream(request.param, sequence_number=65530, timestamp=(1 << 32) - 5000)


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


# Beginning of a stream


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


# Gaps


def test_missing_packets_are_asked_for_at_once_and_again_at_growing_intervals(reassembled: Reassembled) -> None:
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
    assert 0.025 < intervals[0] < 0.05
    assert intervals == sorted(intervals)


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
    assert reassembled.now < due_at <= reassembled.now + 0.05


# Streams that jump or restart


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
    reassembled.reassembly.begin_anew()
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


# Hostile peers


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("VP8", b"\x90"),
        ("VP8", b"\xf0\xff\xff"),
        ("H264", b"\x00"),
        ("H264", b"\x18\xff\xff\x00"),
        ("H264", b"\x78\x00"),
        ("H264", b"\x7c"),
        ("H264", b"\x1f\x00"),
        ("H264", b"\x19\x00\x00"),
    ],
)
def test_payload_that_is_none_costs_its_frame_only(reassembled: Reassembled, codec: str, payload: bytes) -> None:
    stream = Stream(codec)
    reassembled.give(stream.frame(keyframe=True))

    assert reassembled.give(stream.packets([payload])) == []
    assert reassembled.reassembly.wants_keyframe
    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


@pytest.mark.parametrize("payload", [b"\x78\x00\x00", b"\x78\x00\x01", b"\x7c\x85", b"\x10", b"\x90\x80\x80\x01"])
@pytest.mark.parametrize("codec", CODECS)
def test_payload_with_little_in_it_does_no_harm(reassembled: Reassembled, codec: str, payload: bytes) -> None:
    stream = Stream(codec)
    reassembled.give(stream.frame(keyframe=True))

    reassembled.give(stream.packets([payload]))

    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


def test_frame_that_does_not_end_is_bounded(reassembled: Reassembled, stream: Stream) -> None:
    *beginning, part, _ = stream.frame(keyframe=True)
    reassembled.give(beginning)
    most = 0
    for number in range(400):
        packet = Packet(
            stream.codec,
            (part.sequence_number + number) & 0xFFFF,
            part.timestamp,
            False,
            part.payload[:2] + bytes(60_000),
        )
        reassembled.give([packet])
        most = max(most, reassembled.reassembly.waiting_bytes)

    assert 7 * 1024 * 1024 < most <= 8 * 1024 * 1024
    assert reassembled.reassembly.waiting_bytes == 0
    assert reassembled.reassembly.wants_keyframe


def test_packet_full_of_tiny_units_takes_no_time(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    began = time.thread_time()

    for unit in (b"\0\0", b"\0\1\x61"):
        reassembled.give(stream.packets([b"\x78" + unit * 20_000]))

    assert time.thread_time() - began < 0.02
    assert reassembled.reassembly.wants_keyframe


def test_what_waits_behind_a_gap_is_bounded(reassembled: Reassembled, stream: Stream) -> None:
    reassembled.give(stream.frame(keyframe=True))
    stream.frame()
    for _ in range(200):
        packets = stream.frame()
        reassembled.give(
            Packet(each.codec, each.sequence_number, each.timestamp, each.marker, each.payload + bytes(60_000))
            for each in packets
        )
        assert reassembled.reassembly.waiting_bytes < 5 * 1024 * 1024

    assert reassembled.reassembly.wants_keyframe


def test_every_second_packet_missing_is_bounded(reassembled: Reassembled) -> None:
    stream = Stream("VP8")
    reassembled.give(stream.frame(keyframe=True))
    for _ in range(20_000):
        reassembled.give(stream.frame(parts=2)[1:])
        assert len(reassembled.missing()) <= 250

    assert reassembled.reassembly.packets_lost > 15_000
    assert len(reassembled.give(stream.frame(keyframe=True))) == 1


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(6))
def test_any_stream_keeps_the_order_and_the_bounds_and_recovers_at_a_keyframe(codec: str, seed: int) -> None:
    chance = random.Random(seed)
    reassembled = Reassembled()
    stream = Stream(codec, chance.randrange(1 << 16), chance.randrange(1 << 32))
    late: list[Packet] = []
    for number in range(3000):
        packets = stream.frame(keyframe=number % 20 == 0, parts=chance.randint(1, 12))
        for packet in [*packets, *_drawn(chance, late)]:
            fate = chance.random()
            if fate < 0.02:
                late.append(packet)
            elif fate < 0.03:
                reassembled.give([_mutated(chance, packet)])
            elif fate < 0.05:
                reassembled.give([packet, packet])
            elif fate < 0.99:
                reassembled.give([packet])
        if chance.random() < 0.005:
            stream.sequence_number = chance.randrange(1 << 16)
            stream.timestamp = chance.randrange(1 << 32)
        assert len(reassembled.missing()) <= 250
        assert reassembled.reassembly.waiting_bytes < 12 * 1024 * 1024
        reassembled.wait(chance.choice((0.0, FRAME_SECONDS, 0.1)))

    timestamps = [frame.timestamp for frame in reassembled.frames]
    assert timestamps == sorted(set(timestamps))
    assert len(timestamps) > 300
    # Whatever came before, two packets in a row and a keyframe are enough.
    recovery = [*stream.frame(), *stream.frame(keyframe=True)]
    assert reassembled.give(recovery)[-1].data == stream.data_of(recovery[3:])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(4))
def test_lossy_way_without_damage_gives_frames_as_they_were_sent(codec: str, seed: int) -> None:
    chance = random.Random(seed)
    reassembled = Reassembled()
    stream = Stream(codec, chance.randrange(1 << 16), chance.randrange(1 << 32))
    sent: list[bytes] = []
    history: dict[int, Packet] = {}
    for number in range(1500):
        packets = stream.frame(keyframe=number == 0, parts=chance.randint(1, 8))
        sent.append(stream.data_of(packets))
        history.update((packet.sequence_number, packet) for packet in packets)
        survivors = [packet for packet in packets if chance.random() > 0.05 or (packet is packets[0] and number == 0)]
        if chance.random() < 0.2:
            chance.shuffle(survivors)
        if number == 0:
            survivors.sort(key=packets.index)
        reassembled.give(survivors)
        for _ in range(6):
            reassembled.give(history[lost] for lost in reassembled.missing() if chance.random() > 0.05)
            reassembled.wait(0.03)

    assert [frame.data for frame in reassembled.frames] == sent[: len(reassembled.frames)]
    assert len(reassembled.frames) >= len(sent) - 2
    assert reassembled.reassembly.packets_lost == 0


def _drawn(chance: random.Random, late: list[Packet]) -> list[Packet]:
    """Some of the packets that were held back."""
    drawn = [packet for packet in late if chance.random() < 0.2]
    late[:] = [packet for packet in late if packet not in drawn]
    return drawn


def _mutated(chance: random.Random, packet: Packet) -> Packet:
    payload = bytearray(packet.payload)
    for _ in range(chance.randint(1, 4)):
        payload[chance.randrange(min(len(payload), 8))] = chance.randrange(256)
    return Packet(
        packet.codec,
        packet.sequence_number if chance.random() < 0.7 else chance.randrange(1 << 16),
        packet.timestamp if chance.random() < 0.7 else chance.randrange(1 << 32),
        chance.random() < 0.5,
        bytes(payload[: chance.randint(0, len(payload))]),
    )
