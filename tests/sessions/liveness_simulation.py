"""A peer and a network in simulated time for `Liveness`: a simulated day takes seconds."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gst_signalling_sync.webrtc.liveness import Liveness
from gst_signalling_sync.webrtc.session_state import SessionState

__all__ = ["SimulatedPeer", "Simulation"]

_PEER_WAKES_SECONDS = 0.1


@dataclass
class SimulatedPeer:
    """The behaviour of the other end and of the network in between."""

    loss: float = 0.0
    """Share of the packets that are lost in each direction, 0 to 1."""

    round_trip: float = 0.05
    """Round-trip time in seconds."""

    is_answering: Callable[[float], bool] = lambda now: True
    """Whether the peer answers at a time. What it did not answer, it answers later."""

    sends_every: float | None = None
    """Seconds between packets that it sends of its own accord; None: it sends no such packets."""


@dataclass
class Simulation:
    """Drives a `Liveness` as an event loop would, and notes its changes of state.

    Args:
        liveness: The object to drive, not connected yet.
        peer: The other end.
        is_running: Whether this end's event loop runs at a time.
        seed: Seed of the losses.
    """

    liveness: Liveness
    peer: SimulatedPeer
    is_running: Callable[[float], bool] = lambda now: True
    seed: int = 1
    now: float = 0.0
    requests: int = 0
    changes: list[tuple[float, SessionState]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = 0
        # (time, number, kind, time of the request)
        self._events: list[tuple[float, int, str, float]] = []
        self.liveness.connected(self.now)
        self._shown = self.liveness.state
        if self.peer.sends_every is not None:
            self._at(self.now, "send", 0.0)

    def run(self, until: float) -> None:
        """Let simulated time pass.

        Args:
            until: The time at which to stop; it stops earlier if the session ends.
        """
        while self.liveness.state is not SessionState.CLOSED:
            due = self.liveness.next_poll
            if self._events and self._events[0][0] <= due:
                time, _, kind, asked = heapq.heappop(self._events)
                if time > until:
                    self._at(time, kind, asked)
                    break
                self._advance(time)
                self._happen(kind, asked)
            else:
                if due > until:
                    break
                self._advance(due)
                self._poll()
            self._note()
        self.now = max(self.now, until) if self.liveness.state is not SessionState.CLOSED else self.now

    def end_by_server(self) -> None:
        """Have the signalling server report that the session has ended."""
        self.liveness.ended_by_server(self.now)
        self._note()

    def _advance(self, time: float) -> None:
        self.now = max(self.now, time)
        while not self.is_running(self.now):
            self.now += 0.01

    def _poll(self) -> None:
        asks = self.liveness.poll(self.now)
        if asks:
            self.requests += 1
            self._transmit("request", self.now)

    def _happen(self, kind: str, asked: float) -> None:
        if kind == "send":
            assert self.peer.sends_every is not None
            self._at(self.now + self.peer.sends_every, "send", 0.0)
            if self.peer.is_answering(self.now):
                self._transmit("packet", 0.0)
        elif kind == "request":
            if self.peer.is_answering(self.now):
                self._transmit("answer", asked)
            else:
                self._at(self.now + _PEER_WAKES_SECONDS, "request", asked)
        elif kind == "answer":
            self.liveness.answered(self.now, asked)
        else:
            self.liveness.heard(self.now)

    def _transmit(self, kind: str, asked: float) -> None:
        if self._random.random() >= self.peer.loss:
            self._at(self.now + self.peer.round_trip / 2, kind, asked)

    def _at(self, time: float, kind: str, asked: float) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, kind, asked))

    def _note(self) -> None:
        if self.liveness.state is not self._shown:
            self._shown = self.liveness.state
            self.changes.append((self.now, self._shown))
