"""The cost of a hostile peer's packets: processor time, memory and bytes in answer."""

from __future__ import annotations

import contextlib
import gc
import random
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from gst_signalling_sync.webrtc.sctp import Association, MalformedPacket, State, chunks
from gst_signalling_sync.webrtc.sctp.chunks import ForwardTsn, Sack

from ..helpers.proofs import short_and_long
from .simulation import drawing

_PORT = 5000
_PACKET_SECONDS = 0.05
"""Maximum processor time of a packet; on an idle machine it takes at most a tenth of this."""

_MAX_BYTES = 16 * 1024 * 1024
_ROOM = 1100
"""Maximum bytes of the chunks in one packet."""


@pytest.fixture(autouse=True)
def _no_garbage_of_others() -> Iterator[None]:
    """Leave the objects of other tests out of garbage collections, which take time from the packet that begins them."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Attacker:
    """A peer that has an association with a victim, and obeys no rule."""

    def __init__(self) -> None:
        self.victim = Association(draw=drawing(1, 1))
        self.now = 1000.0
        self.longest = 0.0
        """Maximum processor time that a packet has taken, in seconds."""

        peer = Association(draw=drawing(2, 1))
        peer.connect(self.now)
        for _ in range(2):
            for packet in peer.take_packets(self.now):
                # The tag of the COOKIE ECHO, which is the last packet.
                self._tag = int.from_bytes(packet[4:8], "big")
                self.victim.receive(packet, self.now)
            for packet in self.victim.take_packets(self.now):
                peer.receive(packet, self.now)
        assert self.victim.state is State.ESTABLISHED

    def give(self, *parts: bytes) -> list[bytes]:
        """Give the victim a packet.

        Returns:
            The packets of its answer.
        """
        packet = chunks.packet(_PORT, _PORT, self._tag, parts)
        began = time.thread_time()
        with contextlib.suppress(MalformedPacket):
            self.victim.receive(packet, self.now)
        answer = self.victim.take_packets(self.now)
        self.victim.handle_timeout(self.now)
        self.longest = max(self.longest, time.thread_time() - began)
        self.victim.take_events()
        return answer


def data(tsn: int, flags: int = 3, stream: int = 0, ssn: int = 0, payload: bytes = b"x") -> bytes:
    return chunks.data_chunk(flags, tsn & 0xFFFFFFFF, stream, ssn & 0xFFFF, 51, payload)


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Assert that the memory that the block allocates is limited."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < _MAX_BYTES
    finally:
        tracemalloc.stop()


def give_fragments(attacker: Attacker) -> None:
    """Give fragments of one byte, each of its own message, as many as can wait."""
    for first in range(3, 65_000, 100):
        attacker.give(*(data(tsn, flags=2, stream=tsn % 7, ssn=tsn) for tsn in range(first, first + 100, 2)))


def test_fragments_without_end_take_bounded_memory() -> None:
    attacker = Attacker()
    with bounded_memory():
        give_fragments(attacker)


def test_messages_that_wait_for_others_take_bounded_memory() -> None:
    attacker = Attacker()
    with bounded_memory():
        for first in range(2, 65_000, 50):
            attacker.give(*(data(tsn, stream=tsn & 0xFFFE, ssn=1 + tsn % 999) for tsn in range(first, first + 50)))


def test_fragments_and_forward_tsns_take_bounded_time() -> None:
    attacker = Attacker()
    give_fragments(attacker)
    for first in range(1, 60_000, 6000):
        attacker.give(*(ForwardTsn(first + step, []).serialize() for step in range(_ROOM // 8)))
    attacker.give(*(ForwardTsn(60_000 + step, [(step, 65535)] * 20).serialize() for step in range(12)))

    assert attacker.longest < _PACKET_SECONDS


def test_acknowledgements_of_the_same_chunks_take_bounded_time() -> None:
    attacker = Attacker()
    # A peer that opens its window wide makes the victim have many chunks under way.
    for number in range(20_000):
        attacker.victim.send(0, 51, number.to_bytes(4, "big"))
    sent, packets = 0, attacker.victim.take_packets(attacker.now)
    while packets and sent < 10_000:
        sent += sum(kind == chunks.DATA for each in packets for kind, *_ in chunks.parse_packet(each, _PORT, _PORT)[1])
        packets = attacker.give(Sack(1, 2**32 - 1, [(2, max(2, sent - 1))], ()).serialize())
    assert sent >= 10_000
    overlapping = Sack(1, 2**32 - 1, [(2 + number % 2, 65535 - number) for number in range(260)], ()).serialize()
    attacker.longest = 0.0
    for _ in range(3):
        attacker.give(overlapping)
        attacker.give(*(Sack(1, 2**32 - 1, [(2, 3)], ()).serialize() for _ in range(_ROOM // 20)))
        attacker.now += 1.0

    assert attacker.longest < _PACKET_SECONDS


def test_reconfigurations_take_bounded_time() -> None:
    attacker = Attacker()
    for first in range(1, 60_000, 60):
        attacker.give(*(data(tsn, stream=tsn, ssn=0) for tsn in range(first, first + 60)))
    number = 1
    for _ in range(20):
        requests = []
        for _ in range(_ROOM // 24):
            value = b"".join(each.to_bytes(4, "big") for each in (number, 0, 0))
            requests.append(
                chunks.chunk(chunks.RE_CONFIG, 0, (13).to_bytes(2, "big") + (16).to_bytes(2, "big") + value)
            )
            number += 1
        attacker.give(*requests)

    assert attacker.longest < _PACKET_SECONDS


def test_answers_are_in_proportion() -> None:
    attacker = Attacker()
    heartbeat = chunks.chunk(chunks.HEARTBEAT, 0, (1).to_bytes(2, "big") + (4).to_bytes(2, "big"))
    for part in (chunks.chunk(0xFF), heartbeat, chunks.chunk(0xC1), data(1), Sack(0, 0, (), ()).serialize()):
        given = [part] * (_ROOM // len(part))
        answered = attacker.give(*given)
        assert sum(map(len, answered)) <= 4 * sum(map(len, given))


@short_and_long("packets", 5000, 1_000_000)
def test_random_and_mutated_packets_take_bounded_time_and_memory(packets: int) -> None:
    generator = random.Random(1)
    attacker = Attacker()
    kinds = [*range(16), chunks.RE_CONFIG, chunks.FORWARD_TSN, 64, 255]
    memory = 0
    for number in range(packets):
        if attacker.victim.state is State.ENDED:
            longest, attacker = attacker.longest, Attacker()
            attacker.longest = longest
        victim = attacker.victim
        if number % 7 == 0 and victim.state is State.ESTABLISHED:
            victim.send(number % 5, 51, bytes(1 + number % 3000), max_retransmits=0 if number % 2 else None)
        if number % 50 == 0:
            victim.reset([number % 5])
        parts = []
        for _ in range(generator.randint(1, 5)):
            kind, size = generator.choice(kinds), generator.choice((0, 4, 12, 16, 20, 60))
            value = bytearray(size)
            for _ in range(generator.randint(0, 6)):
                if size:
                    value[generator.randrange(size)] = generator.choice((0, 1, 2, 255, generator.randrange(256)))
            # Most chunks that end the association are left out, so that it does not end with every other packet.
            if kind not in (chunks.ABORT, chunks.SHUTDOWN) or not generator.randrange(500):
                parts.append(chunks.chunk(kind, generator.randrange(16), bytes(value)))
        attacker.give(*parts)
        attacker.now += generator.choice((0.0, 0.0, 0.001, 0.3))
        if number == packets // 10:
            tracemalloc.start()
            memory = tracemalloc.get_traced_memory()[0]
    grown = tracemalloc.get_traced_memory()[0] - memory
    tracemalloc.stop()

    assert grown < _MAX_BYTES
    assert attacker.longest < 4 * _PACKET_SECONDS
