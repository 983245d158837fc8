"""Packets of hostile peers, and random streams."""

from __future__ import annotations

import random
import time

import pytest

from ...helpers.rtp_streams import Packet, Stream
from .reassembled import CODECS, FRAME_SECONDS, Reassembled


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


@pytest.mark.parametrize(
    ("codec", "begins", "continues"),
    [
        ("VP8", b"\x10\x00", b"\x00"),
        ("VP9", b"\x08\x82", b"\x00"),
        ("H264", b"\x67\x01", b"\x7c\x05"),
        ("AV1", b"\x18\x0a\x01", b"\x90\x01"),
    ],
)
def test_frame_of_endless_empty_parts_is_bounded(
    reassembled: Reassembled, codec: str, begins: bytes, continues: bytes
) -> None:
    reassembled.give([Packet(codec, 0, 1000, False, begins)])
    most = 0
    for number in range(1, 70_000):
        reassembled.give([Packet(codec, number & 0xFFFF, 1000, False, continues)])
        most = max(most, reassembled.reassembly.waiting_bytes)

    # Each part takes some 100 bytes of memory.
    assert 100 * 50_000 < most <= 8 * 1024 * 1024
    assert reassembled.reassembly.waiting_bytes < most


def test_packet_full_of_tiny_units_takes_no_time(reassembled: Reassembled) -> None:
    stream = Stream("H264")
    reassembled.give(stream.frame(keyframe=True))
    took = []
    for _ in range(3):
        began = time.thread_time()
        for unit in (b"\0\0", b"\0\1\x61"):
            reassembled.give(stream.packets([b"\x78" + unit * 20_000]))
        took.append(time.thread_time() - began)

    # One of them may have had to collect the garbage of other tests.
    assert min(took) < 0.02
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
