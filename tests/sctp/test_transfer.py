"""Transfer of messages over links of all kinds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import Acknowledged, Expired, IncomingReset, OutgoingReset, Sent, Settings

from .simulation import Simulation

PROFILES = st.builds(
    LinkProfile,
    delay=st.sampled_from([0.0, 0.001, 0.02, 0.2]),
    jitter=st.sampled_from([0.0, 0.005]),
    loss=st.sampled_from([0.0, 0.02, 0.1, 0.25]),
    reordering=st.sampled_from([0.0, 0.1, 0.5]),
)
SIZES = st.lists(st.sampled_from([1, 2, 63, 1083, 1084, 1085, 1100, 1101, 4000, 20_000]), min_size=1, max_size=30)
FIRST_TSNS = st.sampled_from([None, (0, 2**32 - 1), (2**32 - 5, 2**31 - 3), (2**32 - 1, 0)])

slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def numbered(number: int, size: int) -> bytes:
    """A message that differs from others, of a size unless the size is too small."""
    return number.to_bytes(4, "big").ljust(size, b"x")


@slow
@given(PROFILES, st.integers(0, 1000), st.sampled_from([0.0, 0.2]), SIZES, st.booleans(), FIRST_TSNS)
def test_every_reliable_message_arrives_once_and_in_order(
    profile: LinkProfile,
    seed: int,
    duplicates: float,
    sizes: list[int],
    both: bool,
    first_tsns: tuple[int, int] | None,
) -> None:
    simulation = Simulation(
        profile, seed, duplicates, Settings(max_init_retransmits=None, max_retransmits=None), first_tsns
    )
    simulation.establish(both=both)
    for number, size in enumerate(sizes):
        for end in (simulation.a, simulation.b):
            end.association.send(number % 3, 53, numbered(number, size), ordered=number % 3 != 2)
        simulation.run(0.005)

    ends = (simulation.a, simulation.b)
    assert simulation.run_until(lambda: all(end.association.is_acknowledged for end in ends), 600.0)

    for end in ends:
        for stream in range(3):
            sent = [numbered(number, size) for number, size in enumerate(sizes) if number % 3 == stream]
            received = [each.data for each in end.received if each.stream == stream]
            assert (received if stream < 2 else sorted(received)) == sent


@slow
@given(PROFILES, st.integers(0, 1000), SIZES, st.sampled_from(["retransmits", "life", "both kinds"]))
def test_messages_that_are_given_up_block_nothing(
    profile: LinkProfile, seed: int, sizes: list[int], limit: str
) -> None:
    simulation = Simulation(
        profile, seed, settings=Settings(max_init_retransmits=None, max_retransmits=None)
    ).establish()
    association = simulation.a.association
    for number, size in enumerate(sizes):
        lives = limit == "life" or (limit == "both kinds" and number % 2 == 0)
        association.send(
            number % 2,
            53,
            numbered(number, size),
            ordered=number % 2 == 0,
            max_retransmits=None if lives else 0,
            expires_at=simulation.now + 0.03 if lives else None,
        )
        simulation.run(0.005)
    last = b"a reliable one behind them"
    association.send(0, 53, last)

    assert simulation.run_until(lambda: association.is_acknowledged, 600.0)
    received = [each.data for each in simulation.b.received]
    assert received[-1] == last or last in received
    assert len(received) == len(set(received))
    expired = [message.data for event in simulation.a.told(Expired) for message in event.messages]  # type: ignore[union-attr]
    assert {numbered(number, size) for number, size in enumerate(sizes)} <= set(received) | set(expired)
    in_order = [int.from_bytes(each.data[:4], "big") for each in simulation.b.received if each.stream == 0]
    assert in_order == sorted(in_order)


@slow
@given(PROFILES, st.integers(0, 1000), st.integers(1, 30), st.integers(0, 20))
def test_streams_are_reset_between_messages(profile: LinkProfile, seed: int, before: int, after: int) -> None:
    simulation = Simulation(
        profile, seed, settings=Settings(max_init_retransmits=None, max_retransmits=None)
    ).establish()
    association = simulation.a.association
    for number in range(before):
        association.send(1, 53, numbered(number, 3000))
    association.reset([1])
    for number in range(after):
        association.send(1, 53, numbered(before + number, 100))
    association.send(2, 53, b"of another stream")

    assert simulation.run_until(lambda: bool(simulation.a.told(OutgoingReset)) and association.is_acknowledged, 600.0)

    events = [each for each in simulation.b.events if isinstance(each, IncomingReset) or each in simulation.b.received]
    on_stream = [each for each in events if isinstance(each, IncomingReset) or getattr(each, "stream", 0) == 1]
    assert isinstance(on_stream[before], IncomingReset)
    received = [each.data for each in simulation.b.received if each.stream == 1]
    assert [int.from_bytes(each[:4], "big") for each in received] == list(range(before + after))


def test_sequence_numbers_wrap() -> None:
    simulation = Simulation(first_tsns=(2**32 - 30_000, 0)).establish()
    count = 70_000
    numbers = iter(range(count))

    def feed() -> None:
        for number in itertools.islice(numbers, 2000):
            simulation.a.association.send(0, 53, number.to_bytes(4, "big"))

    arrived = 0

    def check(event: object) -> None:
        nonlocal arrived
        for received in simulation.b.received:
            assert int.from_bytes(received.data, "big") == arrived
            arrived += 1
        simulation.b.events.clear()

    simulation.b.on_event = check
    while arrived < count:
        feed()
        assert simulation.run_until(lambda: simulation.a.association.is_acknowledged, 30.0)


def test_small_messages_share_packets() -> None:
    simulation = Simulation().establish()
    before = simulation.a.packets
    for number in range(140):
        simulation.a.association.send(0, 53, numbered(number, 64))

    simulation.run(1.0)

    assert len(simulation.b.received) == 140
    assert simulation.a.packets - before <= 12


def test_packets_are_no_longer_than_they_may_be() -> None:
    longest = 0

    def measure(end: object, packet: bytes) -> bool:
        nonlocal longest
        longest = max(longest, len(packet))
        return False

    simulation = Simulation(LinkProfile(delay=0.01, loss=0.1), drops=measure).establish()
    for end in (simulation.a, simulation.b):
        for size in range(1, 4000, 37):
            end.association.send(0, 53, bytes(size))
    simulation.run(30.0)

    assert longest == 1128


def test_streams_take_turns() -> None:
    simulation = Simulation().establish()
    for _ in range(100):
        simulation.a.association.send(1, 53, bytes(16_000))
    simulation.a.association.send(2, 53, b"a command")
    simulation.run(10.0)

    position = [each.stream for each in simulation.b.received].index(2)
    assert position <= 2


def test_messages_are_told_when_they_leave_and_when_they_are_acknowledged() -> None:
    simulation = Simulation().establish()
    message = simulation.a.association.send(7, 53, bytes(10_000), context="mine")
    assert simulation.a.association.queued == 10_000
    assert list(simulation.a.association.unacknowledged) == [message]

    simulation.run(1.0)

    (sent,) = simulation.a.told(Sent)
    assert isinstance(sent, Sent)
    assert [each.context for each in sent.messages] == ["mine"]
    assert Acknowledged(frozenset({7})) in simulation.a.events
    assert simulation.a.association.queued == 0
    assert list(simulation.a.association.unacknowledged) == []


def test_what_was_not_sent_can_be_dropped() -> None:
    simulation = Simulation()
    for number in range(4):
        simulation.a.association.send(number % 2, 53, numbered(number, 4))

    dropped = simulation.a.association.drop(lambda message: True, stream=1)
    simulation.establish()
    simulation.run(1.0)

    assert [message.data for message in dropped] == [numbered(1, 4), numbered(3, 4)]
    assert [each.data for each in simulation.b.received] == [numbered(0, 4), numbered(2, 4)]


def test_message_that_expires_in_the_queue_is_not_sent() -> None:
    simulation = Simulation().establish()
    simulation.drops = lambda end, packet: True
    simulation.a.association.send(0, 53, bytes(100_000))
    simulation.a.association.send(1, 53, b"old", expires_at=simulation.now + 0.05)
    simulation.run(1.0)

    assert [message.data for event in simulation.a.told(Expired) for message in event.messages] == [b"old"]  # type: ignore[union-attr]


def test_gap_of_ten_seconds_costs_a_second_more() -> None:
    simulation = Simulation(settings=Settings(max_retransmits=None)).establish()
    gap_ends = simulation.now + 10.0
    simulation.drops = lambda end, packet: simulation.now < gap_ends
    numbers = iter(range(20))

    def send() -> None:
        simulation.a.association.send(0, 53, numbered(next(numbers), 64))

    for number in range(20):
        simulation.at(number * 0.5, send)

    assert simulation.run_until(lambda: len(simulation.b.received) == 20, 60.0)
    assert simulation.now - gap_ends < 1.2


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_bulk_fills_a_link(loss: float) -> None:
    profile = LinkProfile(rate=8_000_000, queue=0.1, delay=0.01, loss=loss)
    simulation = Simulation(profile).establish()
    for _ in range(250):
        simulation.a.association.send(0, 53, bytes(16_000))
    began = simulation.now

    assert simulation.run_until(lambda: len(simulation.b.received) == 250, 60.0)

    assert 4_000_000 / (simulation.now - began) > (850_000 if not loss else 400_000)


@pytest.mark.parametrize("together", [0.0, 0.002, 0.005])
def test_bulk_fills_a_link_whose_packets_come_together(together: float) -> None:
    profile = LinkProfile(rate=100_000_000, queue=0.05, delay=0.005)
    simulation = Simulation(profile, together=together).establish()
    for _ in range(500):
        simulation.a.association.send(0, 53, bytes(16_000))
    began = simulation.now

    assert simulation.run_until(lambda: len(simulation.b.received) == 500, 60.0)

    assert 8_000_000 / (simulation.now - began) > 10_000_000
