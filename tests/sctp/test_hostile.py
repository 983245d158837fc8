"""A peer that obeys no rule."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import Association, Closed, MalformedPacket, State, chunks
from gst_signalling_sync.webrtc.sctp.chunks import ForwardTsn, Sack

from .simulation import End, Simulation, drawing


class Attack:
    """An established association, and a way to give it any chunks."""

    def __init__(self) -> None:
        seen: list[bytes] = []

        def see(end: End, packet: bytes) -> bool:
            seen.append(packet)
            return False

        simulation = Simulation(first_tsns=(1, 1), drops=see).establish()
        self.victim = simulation.b.association
        self.now = simulation.now
        # INIT, INIT ACK and COOKIE ECHO; the last one has the victim's tag.
        self.tag = int.from_bytes(seen[2][4:8], "big")

    def give(self, *parts: bytes) -> int:
        """Give it chunks in one packet.

        Returns:
            Number of packets in its answer.
        """
        self.victim.receive(chunks.packet(5000, 5000, self.tag, parts), self.now)
        return len(self.victim.take_packets(self.now))

    @property
    def errors(self) -> list[str | None]:
        """The errors with which the association has ended."""
        return [event.error for event in self.victim.take_events() if isinstance(event, Closed)]


def survives(association: Association, datagram: bytes, now: float) -> None:
    """Give an association a datagram. It must not raise anything but its own error."""
    with contextlib.suppress(MalformedPacket):
        association.receive(datagram, now)
    association.handle_timeout(now)
    association.take_packets(now)
    association.take_events()


@pytest.mark.parametrize("size", range(12))
def test_data_chunk_without_its_header_is_refused(size: int) -> None:
    attack = Attack()

    with pytest.raises(MalformedPacket):
        attack.give(chunks.chunk(chunks.DATA, chunks.FIRST | chunks.LAST, bytes(size)))

    assert attack.victim.state is State.ESTABLISHED


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_datagrams_raise_nothing_else(datagram: bytes) -> None:
    survives(Association(), datagram, 0.0)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from([*range(16), 130, 192, 64, 255]), st.integers(0, 15), st.binary(max_size=60)),
        min_size=1,
        max_size=6,
    )
)
def test_random_chunks_raise_nothing_else(parts: list[tuple[int, int, bytes]]) -> None:
    attack = Attack()

    survives(attack.victim, chunks.packet(5000, 5000, attack.tag, [chunks.chunk(*each) for each in parts]), attack.now)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_packets_raise_nothing_else(seed: int) -> None:
    generator = random.Random(seed)
    simulation = Simulation(LinkProfile(delay=0.01, loss=0.05), seed)

    def mutate(end: End, packet: bytes) -> bool:
        body = bytearray(packet[12:])
        for _ in range(generator.randint(1, 4)):
            body[generator.randrange(len(body))] = generator.choice((0, 1, 255, generator.randrange(256)))
        tag = int.from_bytes(packet[4:8], "big")
        other = simulation.b if end is simulation.a else simulation.a
        if generator.random() < 0.3 and other.association.state is not State.ENDED:
            with contextlib.suppress(MalformedPacket):
                other.association.receive(chunks.packet(5000, 5000, tag, [bytes(body)]), simulation.now)
        return False

    simulation.drops = mutate
    simulation.is_attacked = True
    simulation.a.association.connect(simulation.now)
    for number in range(300):
        for end in (simulation.a, simulation.b):
            if end.association.state is State.ESTABLISHED:
                limits = (None, 0) if number % 2 else (simulation.now + 0.05, None)
                end.association.send(
                    number % 4, 53, bytes(number * 13 + 1), expires_at=limits[0], max_retransmits=limits[1]
                )
                if number % 50 == 49:
                    end.association.reset([number % 4])
        simulation.run(0.01)
    assert simulation.a.packets


def data(tsn: int, flags: int = 3, stream: int = 0, ssn: int = 0, payload: bytes = b"x") -> bytes:
    return chunks.data_chunk(flags, tsn & 0xFFFFFFFF, stream, ssn, 51, payload)


def test_message_without_an_end_ends_the_association() -> None:
    attack = Attack()
    given_bytes = 0
    for tsn in range(1, 10_000):
        attack.give(data(tsn, flags=2 if tsn == 1 else 0, payload=bytes(1000)))
        given_bytes += 1000
        if attack.victim.state is State.ENDED:
            break

    assert attack.errors == ["the peer ignores the receive window"]
    assert given_bytes < 2.1 * 2**20


def test_million_gaps_take_bounded_time_and_memory() -> None:
    attack = Attack()
    began = time.process_time()
    answers = 0
    packets = 0
    for first in range(3, 2_000_003, 80):
        answers += attack.give(*(data(tsn, ssn=tsn & 0xFFFF) for tsn in range(first, first + 80, 2)))
        packets += 1
        if packets == 2000:
            break

    assert attack.victim.state is State.ESTABLISHED
    assert answers == packets
    assert (time.process_time() - began) / packets < 0.02


def test_acknowledgement_of_what_was_not_sent_is_ignored() -> None:
    attack = Attack()
    attack.victim.send(0, 51, b"a")
    attack.victim.take_packets(attack.now)

    for sack in (Sack(1000, 0, (), ()), Sack(2**31, 0, [(1, 65535)] * 100, ()), Sack(0, 9, [(65535, 1), (0, 0)], ())):
        attack.give(sack.serialize())

    assert not attack.victim.is_acknowledged
    attack.give(Sack(1, 1000, (), ()).serialize())
    assert attack.victim.is_acknowledged


def test_forward_tsn_far_ahead_is_survived() -> None:
    attack = Attack()
    for tsn in range(0, 2**33, 2**30 + 12345):
        attack.give(ForwardTsn(tsn & 0xFFFFFFFF, [(stream, 65535) for stream in range(200)]).serialize())

    assert attack.victim.state is State.ESTABLISHED


def test_reset_that_waits_forever_keeps_a_bounded_amount() -> None:
    attack = Attack()
    request = (13).to_bytes(2, "big") + (16).to_bytes(2, "big") + (1).to_bytes(4, "big") + bytes(4)
    attack.give(chunks.chunk(chunks.RE_CONFIG, 0, request + (2**30).to_bytes(4, "big")))
    for tsn in range(1, 4000):
        attack.give(data(tsn, ssn=(tsn - 1) & 0xFFFF, payload=bytes(1000)))

    assert attack.victim.state in (State.ESTABLISHED, State.ENDED)


def test_flood_of_inits_keeps_nothing() -> None:
    association = Association(draw=drawing(1))
    init = chunks.Init(5, 1000, 10, 10, 1, b"").serialize(chunks.INIT)
    for _ in range(10_000):
        association.receive(chunks.packet(5000, 5000, 0, [init]), 0.0)
        assert len(association.take_packets(0.0)) == 1

    assert association.state is State.CLOSED
    assert association.next_timeout() is None


def test_chunk_without_data_ends_the_association() -> None:
    attack = Attack()
    attack.give(data(1, payload=b""))

    assert attack.errors == ["the peer has sent a chunk without data"]
