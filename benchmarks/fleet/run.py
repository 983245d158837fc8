"""Cuts a fleet off, lets it come back, and measures when each client is back."""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.processes import Process, embedded_server, running
from benchmarks.tcp_relay import TcpRelay
from gst_signalling_sync.protocol.backoff import DEFAULT_RETRY, Backoff, Retry

__all__ = ["FleetReturn", "expected_returns", "run"]

_CLIENTS_PER_PROCESS: Final = 25
_START_SECONDS: Final = 120.0
_ANSWER_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.25


@dataclass(frozen=True)
class FleetReturn:
    """The return of a fleet.

    Attributes:
        clients: Number of clients.
        outage: Seconds for which the server could not be reached.
        returns: When each client that is back was registered again, in seconds since the server could be reached, sorted.
        resumed: Number of clients that are the same peers as before.
    """

    clients: int
    outage: float
    returns: tuple[float, ...]
    resumed: int

    def busiest(self, seconds: float) -> int:
        """Maximum number of clients that came back within a window.

        Args:
            seconds: Length of the window.
        """
        return busiest(self.returns, seconds)

    def to_json(self) -> str:
        """The result as a JSON object."""
        return json.dumps(asdict(self))


def busiest(times: tuple[float, ...], seconds: float) -> int:
    """Maximum number of times that lie within a window.

    Args:
        times: The times in seconds, sorted.
        seconds: Length of the window.
    """
    most, first = 0, 0
    for last, end in enumerate(times):
        while times[first] < end - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def expected_returns(clients: int, outage: float, retry: Retry) -> tuple[float, ...]:
    """When clients whose attempts take no time would be back.

    Args:
        clients: Number of clients.
        outage: Seconds until an attempt succeeds.
        retry: The clients' intervals between attempts.

    Returns:
        Seconds since the end of the outage, sorted.
    """
    returns = []
    for _ in range(clients):
        backoff = Backoff(retry, random.random)
        backoff.lost(0.0)
        due = backoff.next_attempt(0.0)
        while due is not None and due < outage:
            due = backoff.next_attempt(due)
        if due is not None:
            returns.append(due - outage)
    return tuple(sorted(returns))


def run(
    clients: int, outage: float, timeout: float, progress: Callable[[str], None] = lambda text: None
) -> FleetReturn:
    """Cut all clients of a server off at the same time.

    Args:
        clients: Number of clients, each with the default `Retry`.
        outage: Length of the outage in seconds.
        timeout: Maximum that the clients may take to come back, in seconds.
        progress: Called with what happens.

    Returns:
        The times of the clients that were back within the timeout.
    """
    sizes = [min(_CLIENTS_PER_PROCESS, clients - first) for first in range(0, clients, _CLIENTS_PER_PROCESS)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(embedded_server())
        relay = stack.enter_context(TcpRelay(server.uri))
        progress(f"starting {clients} clients with {DEFAULT_RETRY}")
        program = [sys.executable, "-m", "benchmarks.fleet.clients", relay.uri]
        parts = [stack.enter_context(running([*program, str(size)])) for size in sizes]
        for part in parts:
            part.read_line(_START_SECONDS)
        progress(f"all are registered; cutting them off for {outage:g} s")
        relay.block()
        time.sleep(outage)
        relay.unblock()
        begin = time.monotonic()
        told = _told(parts)
        while any(back is None for back, _ in told) and time.monotonic() < begin + timeout:
            time.sleep(_POLL_SECONDS)
            told = _told(parts)
    returns = sorted(back - begin for back, _ in told if back is not None)
    return FleetReturn(clients, outage, tuple(returns), sum(is_same for _, is_same in told))


def _told(parts: list[Process]) -> list[tuple[float | None, bool]]:
    for part in parts:
        part.write_line("")
    return [(back, is_same) for part in parts for back, is_same in json.loads(part.read_line(_ANSWER_SECONDS))]
