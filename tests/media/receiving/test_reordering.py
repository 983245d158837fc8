"""RTP packets of audio are put in order: output at once if nothing is missing, and soon if something is."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.receiving.patience import MAX_SECONDS, MIN_SECONDS, Patience
from gst_signalling_sync.webrtc.media.receiving.payload_formats import Carried
from gst_signalling_sync.webrtc.media.receiving.reordering import AudioReordering
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

from ...helpers.rtp_streams import Packet, Stream


class Ordered:
    """A reordering, its output, and a clock that the test moves."""

    def __init__(self) -> None:
        self.reordering = AudioReordering(Timeline(48000))
        self.now = 100.0
        self.timestamps: list[int] = []

    def give(self, packets: Iterable[Packet]) -> list[bytes]:
        """Give packets at one moment, and return the payloads that are output."""
        given = []
        for packet in packets:
            for frame in self.reordering.add(
                packet.codec, packet.sequence_number, packet.timestamp, packet.marker, packet.payload, self.now
            ):
                self.timestamps.append(frame.timestamp)
                given.append(frame.data)
        return given

    def wait(self, seconds: float) -> list[bytes]:
        """Let time pass, and return the payloads that are output."""
        self.now += seconds
        frames = self.reordering.on_time(self.now)
        self.timestamps += [frame.timestamp for frame in frames]
        return [frame.data for frame in frames]


@pytest.fixture
def ordered() -> Ordered:
    return Ordered()


@pytest.fixture
def stream() -> Stream:
    return Stream("opus", sequence_number=65533, timestamp=(1 << 32) - 1000, ticks=960)


def payloads(packets: Iterable[Packet]) -> list[bytes]:
    return [packet.payload for packet in packets]


def test_packets_in_order_do_not_wait(ordered: Ordered, stream: Stream) -> None:
    for _ in range(10):
        packet = stream.audio()
        assert ordered.give([packet]) == [packet.payload]

    assert not ordered.reordering.is_waiting
    assert [after - ordered.timestamps[0] for after in ordered.timestamps] == list(range(0, 9600, 960))


def test_packets_out_of_order_are_put_in_order(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(6)]

    given = ordered.give([packets[0], *reversed(packets[1:])])

    assert given == payloads(packets)


def test_missing_packet_is_waited_for_60_ms(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(4)]
    ordered.give(packets[:1])

    assert ordered.give(packets[2:]) == []
    assert ordered.reordering.due_at == pytest.approx(ordered.now + 0.06)
    assert ordered.wait(0.05) == []
    assert ordered.wait(0.02) == payloads(packets[2:])

    assert ordered.reordering.packets_lost == 1
    assert ordered.give(packets[1:2]) == []


def test_two_gaps_are_waited_for_each_in_its_time(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(5)]
    ordered.give([packets[0], packets[2]])
    ordered.wait(0.04)
    ordered.give([packets[4]])

    assert ordered.wait(0.03) == payloads(packets[2:3])
    assert ordered.wait(0.04) == payloads(packets[4:5])


def test_duplicates_and_padding_give_nothing(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio(), stream.audio()]

    assert ordered.give([*packets, *packets, packets[1]]) == payloads(packets)
    assert ordered.give([stream.audio(b"")]) == []
    assert len(ordered.give([stream.audio()])) == 1


@pytest.mark.parametrize("jump", [100, 2999, 3001, -3001, 32768])
def test_stream_that_moved_is_followed(ordered: Ordered, stream: Stream, jump: int) -> None:
    ordered.give([stream.audio()])
    stream.sequence_number = (stream.sequence_number + jump) & 0xFFFF
    ordered.give([stream.audio(), stream.audio()])
    ordered.wait(0.1)

    assert len(ordered.give([stream.audio()])) == 1


def test_what_waits_is_bounded(ordered: Ordered, stream: Stream) -> None:
    ordered.give([stream.audio()])
    stream.audio()

    given = ordered.give(stream.audio() for _ in range(60))

    assert len(given) == 60


@pytest.mark.parametrize("seed", range(4))
def test_any_stream_keeps_the_order(ordered: Ordered, stream: Stream, seed: int) -> None:
    chance = random.Random(seed)
    late: list[Packet] = []
    given = 0
    for _ in range(5000):
        packet = stream.audio()
        fate = chance.random()
        if fate < 0.1:
            late.append(packet)
        elif fate < 0.95:
            given += len(ordered.give([packet]))
        if late and chance.random() < 0.1:
            given += len(ordered.give([late.pop(chance.randrange(len(late)))]))
        if chance.random() < 0.005:
            stream.sequence_number = chance.randrange(1 << 16)
            stream.timestamp = chance.randrange(1 << 32)
        given += len(ordered.wait(0.02))

    assert given > 3000
    assert ordered.timestamps == sorted(set(ordered.timestamps))


# Redundancy in packets


def carried(packets: Iterable[Packet]) -> list[Carried]:
    return [Carried(packet.codec, packet.timestamp, packet.payload) for packet in packets]


def repair(ordered: Ordered, packet: Packet, earlier: Iterable[Packet]) -> list[bytes]:
    """Give the redundancy of a packet, and then the packet."""
    frames = ordered.reordering.repair(packet.sequence_number, carried(earlier), ordered.now)
    ordered.timestamps += [frame.timestamp for frame in frames]
    return [frame.data for frame in frames] + ordered.give([packet])


def test_lost_packet_comes_with_the_next_one_at_once(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(4)]
    ordered.give(packets[:1])

    assert repair(ordered, packets[2], packets[1:2]) == payloads(packets[1:3])
    assert (ordered.reordering.packets_repaired, ordered.reordering.packets_lost) == (1, 0)
    assert not ordered.reordering.is_waiting
    assert [each - ordered.timestamps[0] for each in ordered.timestamps] == [0, 960, 1920]


def test_two_lost_packets_come_with_a_later_one(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(5)]
    ordered.give(packets[:1])

    assert repair(ordered, packets[3], packets[1:3]) == payloads(packets[1:4])
    assert ordered.reordering.packets_repaired == 2


def test_what_came_already_is_not_given_twice(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(6)]
    ordered.give(packets[:1])
    given = [data for before, packet in pairwise(packets) for data in repair(ordered, packet, [before])]

    assert given == payloads(packets[1:])
    assert ordered.reordering.packets_repaired == 0


def test_packet_that_was_only_late_is_not_given_twice(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(4)]
    ordered.give(packets[:1])

    assert repair(ordered, packets[2], packets[1:2]) == payloads(packets[1:3])
    assert ordered.give([packets[1], packets[3]]) == payloads(packets[3:])


def test_repetition_of_another_packet_than_the_one_before(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(4)]
    ordered.give(packets[:1])

    # The first of two lost packets is repeated, the second never.
    assert repair(ordered, packets[3], packets[1:2]) == []
    assert ordered.wait(0.06) == payloads([packets[1], packets[3]])
    assert [each - ordered.timestamps[0] for each in ordered.timestamps] == [0, 960, 2880]


def test_first_packet_brings_nothing_of_before(ordered: Ordered, stream: Stream) -> None:
    packets = [stream.audio() for _ in range(2)]

    assert repair(ordered, packets[1], packets[:1]) == payloads(packets[1:])


def test_repetitions_of_a_hostile_peer_take_no_memory_and_no_time_back(ordered: Ordered, stream: Stream) -> None:
    ordered.give([stream.audio()])
    ticks = random.Random(3)
    for number in range(500):
        earlier = [Carried("opus", ticks.randrange(1 << 32), bytes(number % 3)) for _ in range(7)]
        frames = ordered.reordering.repair(ticks.randrange(1 << 16), earlier, ordered.now)
        ordered.timestamps += [frame.timestamp for frame in frames]

    assert len(ordered.wait(1000.0)) <= 50
    assert ordered.timestamps == sorted(set(ordered.timestamps))


# Waiting times


def waits(ordered: Ordered, stream: Stream) -> float:
    """Seconds for which a missing packet is waited for."""
    stream.audio()
    ordered.give([stream.audio()])
    due_at = ordered.reordering.due_at
    assert due_at is not None
    waited = due_at - ordered.now
    assert ordered.wait(waited + 1e-6)
    return waited


def test_packets_that_come_late_are_waited_for_longer(ordered: Ordered, stream: Stream) -> None:
    ordered.give([stream.audio()])
    late, next_one = stream.audio(), stream.audio()
    ordered.give([next_one])
    assert ordered.wait(0.06) == [next_one.payload]
    ordered.wait(0.04)
    # It needed 100 ms, and is too late to be heard.
    assert ordered.give([late]) == []

    assert waits(ordered, stream) == pytest.approx(0.13, abs=0.001)
    late, next_one = stream.audio(), stream.audio()
    ordered.give([next_one])
    ordered.wait(0.1)
    assert ordered.give([late]) == payloads([late, next_one])


def test_what_never_comes_late_is_waited_for_less_and_less(ordered: Ordered, stream: Stream) -> None:
    ordered.give([stream.audio()])
    waited = []
    for _ in range(8):
        waited.append(waits(ordered, stream))
        ordered.now += 20
        stream.timestamp += 20 * 48000

    assert waited[0] == pytest.approx(0.06)
    assert waited == sorted(waited, reverse=True)
    assert waited[-1] == pytest.approx(0.02, abs=0.001)


def test_packet_that_comes_twice_is_not_late(ordered: Ordered, stream: Stream) -> None:
    first = stream.audio()
    ordered.give([first])
    stream.audio()
    ordered.give([stream.audio()])
    ordered.wait(0.059)
    ordered.give([first])
    ordered.wait(0.01)

    assert waits(ordered, stream) == pytest.approx(0.06, abs=0.001)


def test_patience_has_limits(ordered: Ordered, stream: Stream) -> None:
    ordered.give([stream.audio()])
    late = stream.audio()
    ordered.give([stream.audio()])
    ordered.wait(0.5)
    ordered.give([late])

    assert waits(ordered, stream) == pytest.approx(MAX_SECONDS)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=20))
def test_patience_keeps_to_its_limits_whatever_comes(late: list[tuple[float, float]]) -> None:
    patience = Patience()
    now = 0.0
    for passed, needed in late:
        now += passed
        patience.came_late(needed, now)
        assert MIN_SECONDS <= patience.seconds(now) <= MAX_SECONDS
        assert patience.seconds(now + 1) <= patience.seconds(now)


def test_numbers_and_timestamps_of_days_wrap() -> None:
    # At 50 packets per second, numbers wrap every 22 minutes and timestamps every 25 hours.
    ordered = Ordered()
    stream = Stream("opus", sequence_number=65_000, timestamp=(1 << 32) - 960 * 70_000, ticks=960)

    for _ in range(140_000):
        ordered.now += 0.02
        ordered.give([stream.audio()])

    assert ordered.reordering.packets_lost == 0
    assert len(ordered.timestamps) == 140_000
    assert {after - before for before, after in pairwise(ordered.timestamps)} == {960}
