"""The delay that a lost packet causes to round trips of reliable, ordered messages, in simulated time."""

from __future__ import annotations

import pytest

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import Event, Received

from .simulation import Simulation


def round_trips(loss: float, interval: float, count: int, seed: int, delay: float = 0.01) -> list[float]:
    """The round-trip times of messages of 64 bytes that the other end echoes, in seconds, ascending.

    Args:
        loss: Share of the packets that are lost, in each direction.
        interval: Seconds between two messages.
        count: Number of messages.
        seed: Seed of the losses.
        delay: One-way delay in seconds. Defaults to 0.01.
    """
    simulation = Simulation(LinkProfile(delay=delay, loss=loss), seed).establish(both=True)
    sent: dict[bytes, float] = {}
    taken: list[float] = []

    def send_back(event: Event) -> None:
        if isinstance(event, Received):
            simulation.b.association.send(0, 53, event.data)

    def measure(event: Event) -> None:
        if isinstance(event, Received):
            taken.append(simulation.now - sent[event.data])

    def send(number: int) -> None:
        data = number.to_bytes(64, "big")
        sent[data] = simulation.now
        simulation.a.association.send(0, 53, data)
        if number + 1 < count:
            simulation.at(interval, lambda: send(number + 1))

    simulation.b.on_event, simulation.a.on_event = send_back, measure
    send(0)
    assert simulation.run_until(lambda: len(taken) == count, count * interval + 60.0)
    return sorted(taken)


def p99(times: list[float]) -> float:
    return times[int(len(times) * 0.99)]


@pytest.mark.parametrize("delay", [0.01, 0.02])
@pytest.mark.parametrize("seed", [1, 2])
def test_sparse_messages_at_5_percent(seed: int, delay: float) -> None:
    times = round_trips(loss=0.05, interval=0.5, count=2000, seed=seed, delay=delay)

    assert p99(times) <= 0.15
    assert times[-1] <= 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sparse_messages_at_10_percent(seed: int) -> None:
    assert round_trips(loss=0.1, interval=0.5, count=2000, seed=seed)[-1] <= 1.0


@pytest.mark.parametrize("delay", [0.01, 0.02])
@pytest.mark.parametrize("seed", [1, 2])
def test_dense_messages_at_5_percent(seed: int, delay: float) -> None:
    assert p99(round_trips(loss=0.05, interval=0.02, count=4000, seed=seed, delay=delay)) <= 0.0801
