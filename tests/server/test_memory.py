"""When the server gives memory back: after many connections have gone, once no others leave."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from gst_signalling_sync.server import SignallingServer, housekeeping, memory

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until


@pytest.mark.parametrize(
    ("counts", "over"),
    [
        ([(0, 0), (0, 10)], []),
        ([(99, 0), (0, 1), (0, 10)], []),
        ([(100, 0), (0, 1), (0, 2), (0, 3), (0, 10)], [3]),
        # Connections leave all the time.
        ([(1000, 0), (500, 1), (499, 2), (498, 3), (498, 4), (498, 5)], [5]),
        # Others connect meanwhile.
        ([(1000, 0), (500, 1), (600, 2), (700, 3)], [3]),
        ([(1000, 0), (500, 1), (1000, 2), (1000, 9)], []),
        # Memory that was given back does not count again.
        ([(1000, 0), (0, 1), (0, 3), (50, 4), (0, 5), (0, 9), (200, 10), (0, 11), (0, 13)], [3, 13]),
    ],
)
def test_departures(counts: list[tuple[int, float]], over: list[float]) -> None:
    departures, told = memory.Departures(), []
    for connections, now in counts:
        departures.came(connections)
        if departures.are_over(connections, now):
            told.append(now)

    assert told == over


def test_memory_is_given_back_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    memory.give_back()
    assert caplog.records == []


def test_server_gives_memory_back_after_many_have_gone(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.setattr(housekeeping, "give_back", lambda: given.append(True))
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(RawPeer(embedded_server.uri))
        assert not given

    wait_until(lambda: given, "memory is given back")
