"""The life of an association, from INIT to its end (RFC 9260 sections 5 and 9)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import (
    Association,
    Closed,
    Established,
    HeartbeatAnswered,
    MalformedPacket,
    PeerLeft,
    Settings,
    State,
    chunks,
)

from .simulation import End, Simulation, drawing


@pytest.mark.parametrize("both", [False, True], ids=["one end begins", "both begin"])
def test_association_is_established_within_two_round_trips(both: bool) -> None:
    simulation = Simulation(LinkProfile(delay=0.01)).establish(both=both)

    assert simulation.now - 1000 <= 0.0401
    assert simulation.a.events == simulation.b.events == [Established(65535)]


@pytest.mark.parametrize("seed", range(10))
def test_association_is_established_over_a_bad_link(seed: int) -> None:
    profile = LinkProfile(delay=0.02, loss=0.3, reordering=0.3)

    simulation = Simulation(profile, seed, duplicates=0.3).establish(both=bool(seed % 2))
    simulation.a.association.send(0, 51, b"there")
    simulation.b.association.send(0, 51, b"back")

    assert simulation.run_until(lambda: bool(simulation.a.received and simulation.b.received), 20.0)


def test_init_that_nobody_answers_is_repeated_and_given_up() -> None:
    simulation = Simulation(LinkProfile(loss=1.0), settings=Settings(max_init_retransmits=4, initial_rto=0.5))
    simulation.a.association.connect(simulation.now)

    assert simulation.run_until(lambda: bool(simulation.a.told(Closed)), 60.0)

    assert simulation.a.packets == 5
    assert simulation.now - 1000 == pytest.approx(0.5 + 4 * 1.0)
    assert simulation.a.events == [Closed("the peer does not answer")]


def test_association_begins_once() -> None:
    association = Association()
    association.connect(0.0)

    with pytest.raises(RuntimeError):
        association.connect(0.0)


def test_what_is_sent_before_is_sent_once_it_is_established() -> None:
    simulation = Simulation()
    simulation.a.association.send(0, 51, b"early")
    simulation.establish()
    simulation.run(1.0)

    assert [each.data for each in simulation.b.received] == [b"early"]


def test_stale_cookie_is_told_and_the_beginning_goes_on() -> None:
    first, second = Association(draw=drawing(1)), Association(draw=drawing(2))
    first.connect(0.0)
    second.receive(first.take_packets(0.0)[0], 0.0)
    first.receive(second.take_packets(0.0)[0], 0.1)
    second.receive(first.take_packets(0.1)[0], 100.0)

    first.receive(second.take_packets(100.0)[0], 100.0)

    assert (first.state, second.state) == (State.COOKIE_WAIT, State.CLOSED)
    second.receive(first.take_packets(100.0)[0], 100.0)
    first.receive(second.take_packets(100.0)[0], 100.0)
    second.receive(first.take_packets(100.0)[0], 100.0)
    assert second.state is State.ESTABLISHED


def test_forged_cookie_begins_nothing() -> None:
    association = Association()
    association.receive(chunks.packet(5000, 5000, 1, [chunks.chunk(chunks.COOKIE_ECHO, 0, bytes(100))]), 0.0)

    assert association.state is State.CLOSED
    assert association.take_packets(0.0) == []


def test_cookie_that_comes_twice_is_acknowledged_twice() -> None:
    echoes: list[bytes] = []

    def keep(end: End, packet: bytes) -> bool:
        if packet[12] == chunks.COOKIE_ECHO:
            echoes.append(packet)
        return False

    simulation = Simulation(drops=keep).establish()
    simulation.b.association.receive(echoes[0], simulation.now)

    (packet,) = simulation.b.association.take_packets(simulation.now)
    assert packet[12] == chunks.COOKIE_ACK


def test_peer_that_begins_again_ends_the_association() -> None:
    simulation = Simulation().establish()
    simulation.a.association = Association(draw=drawing(77))
    simulation.a.association.connect(simulation.now)

    simulation.run(1.0)

    assert simulation.b.events[-1] == Closed("the peer has begun another association")
    assert PeerLeft("abort") in simulation.a.events


def test_heartbeat_measures_the_round_trip() -> None:
    simulation = Simulation(LinkProfile(delay=0.02)).establish()

    number = simulation.a.association.heartbeat(simulation.now)
    simulation.run(1.0)

    (answer,) = simulation.a.told(HeartbeatAnswered)
    assert isinstance(answer, HeartbeatAnswered)
    assert answer.number == number
    assert answer.round_trip == pytest.approx(0.04)


def test_heartbeat_needs_an_association() -> None:
    with pytest.raises(RuntimeError):
        Association().heartbeat(0.0)


def test_abort_is_told_at_both_ends() -> None:
    simulation = Simulation().establish()

    simulation.a.association.abort()
    simulation.run(1.0)

    assert simulation.a.events[-1:] == [Closed(None)]
    assert simulation.b.events[-2:] == [PeerLeft("abort"), Closed(None)]


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_shutdown_follows_what_was_sent(loss: float) -> None:
    simulation = Simulation(LinkProfile(delay=0.01, loss=loss)).establish()
    for _ in range(50):
        simulation.a.association.send(0, 53, bytes(5000))

    simulation.a.association.shutdown(simulation.now)
    assert simulation.run_until(lambda: bool(simulation.a.told(Closed) and simulation.b.told(Closed)), 120.0)

    assert len(simulation.b.received) == 50
    assert PeerLeft("shutdown") in simulation.b.events
    assert simulation.a.events[-1] == simulation.b.events[-1] == Closed(None)


def test_shutdown_of_both_ends_at_once_ends_both() -> None:
    simulation = Simulation().establish()

    simulation.a.association.shutdown(simulation.now)
    simulation.b.association.shutdown(simulation.now)
    simulation.run(5.0)

    assert simulation.a.association.state is simulation.b.association.state is State.ENDED


def test_nothing_is_sent_after_the_end() -> None:
    simulation = Simulation().establish()
    simulation.a.association.abort()

    with pytest.raises(RuntimeError):
        simulation.a.association.send(0, 51, b"late")
    assert simulation.a.association.next_timeout() is None
    assert len(simulation.a.association.take_packets(simulation.now)) == 1
    assert simulation.a.association.take_packets(simulation.now) == []


@pytest.mark.parametrize(("stream", "data"), [(0, b""), (65535, b"a"), (-1, b"a")])
def test_message_that_cannot_be_is_refused(stream: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="must"):
        Association().send(stream, 51, data)


def test_peer_that_acknowledges_nothing_ends_the_association() -> None:
    simulation = Simulation(settings=Settings(max_retransmits=5)).establish()
    simulation.drops = lambda end, packet: True
    simulation.a.association.send(0, 51, b"lost")

    assert simulation.run_until(lambda: bool(simulation.a.told(Closed)), 60.0)
    assert [message.data for message in simulation.a.association.unacknowledged] == [b"lost"]


def test_packet_with_a_wrong_tag_is_refused() -> None:
    simulation = Simulation().establish()

    with pytest.raises(MalformedPacket):
        simulation.b.association.receive(chunks.packet(5000, 5000, 12345, [chunks.chunk(chunks.ABORT)]), simulation.now)
    assert simulation.b.association.state is State.ESTABLISHED


@pytest.mark.parametrize(
    ("kind", "follows", "reports"),
    [(0x3F, False, False), (0x7F, False, True), (0xBF, True, False), (0xFF, True, True)],
)
def test_unknown_chunk_is_treated_as_its_type_says(kind: int, follows: bool, reports: bool) -> None:
    simulation = Simulation().establish()
    simulation.a.association.heartbeat(simulation.now)
    (packet,) = simulation.a.association.take_packets(simulation.now)
    tag = int.from_bytes(packet[4:8], "big")

    parts = [chunks.chunk(kind, 0, b"what"), packet[12:]]
    simulation.b.association.receive(chunks.packet(5000, 5000, tag, parts), simulation.now)

    answers = simulation.b.association.take_packets(simulation.now)
    kinds = [each[0] for answer in answers for each in chunks.parse_packet(answer, 5000, 5000)[1]]
    assert (chunks.HEARTBEAT_ACK in kinds, chunks.ERROR in kinds) == (follows, reports)
