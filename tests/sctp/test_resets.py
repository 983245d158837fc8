"""Resets of streams beside other traffic (RFC 6525)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import OutgoingReset, chunks
from gst_signalling_sync.webrtc.sctp.parameters import parse_parameters

from .simulation import End, Simulation

PORT = 5000
RESPONSE = 16
PERFORMED = 1


def results_in(packet: bytes) -> list[int]:
    """The results of the answers to resets in a packet."""
    _, parts = chunks.parse_packet(packet, PORT, PORT)
    return [
        int.from_bytes(content[4:8], "big")
        for kind, _, start, end in parts
        if kind == chunks.RE_CONFIG
        for parameter, content in parse_parameters(packet[start:end])
        if parameter == RESPONSE
    ]


@pytest.mark.parametrize("seed", range(10))
def test_peer_can_perform_every_reset_at_once(seed: int) -> None:
    results: list[int] = []

    def watch(end: End, packet: bytes) -> bool:
        if end is simulation.b:
            results.extend(results_in(packet))
        return False

    simulation = Simulation(LinkProfile(delay=0.02, loss=0.2), seed, drops=watch)
    simulation.establish()
    association = simulation.a.association

    def send() -> None:
        association.send(2, 51, bytes(500))
        simulation.at(0.01, send)

    send()
    for stream in (4, 6, 8):
        association.send(stream, 51, b"last")
        association.reset([stream])
        count = len(simulation.a.told(OutgoingReset))
        assert simulation.run_until(lambda: len(simulation.a.told(OutgoingReset)) > count, 60.0)  # noqa: B023

    assert set(results) == {PERFORMED}
