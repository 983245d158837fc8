"""The server counts each limit that is reached, by the limit's name."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import pytest

from gst_signalling_sync import Grant, Rate, ServerLimits, SignallingServer

from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE, Stranger, message
from ..helpers.waiting import wait_until

ONCE: Final = Rate(0.001, burst=1)
FORWARDED: Final = ["X-Forwarded-For: 203.0.113.9"]
PROXY: Final = {"trusted_proxies": ["127.0.0.1"]}
"""The loopback interface is exempt from limits per address, so that only forwarded addresses reach them."""

NO_RATES: Final = dict.fromkeys(("messages", "bytes", "status_changes", "lists"))


class Crowd(contextlib.ExitStack):
    """Clients of one server, which stay connected until the end of the test.

    Args:
        server: The server.
    """

    def __init__(self, server: SignallingServer) -> None:
        super().__init__()
        self._server = server

    def peer(self, **options: Any) -> RawPeer:
        """Connect a peer."""
        peer = RawPeer(self._server.uri, **options)
        self.callback(peer.vanish)
        return peer

    def deaf(self) -> Stranger:
        """Connect a peer that does not read."""
        stranger = Stranger(self._server.port, receive_buffer=4096)
        self.callback(stranger.close)
        return stranger

    def knock(self, said: bytes) -> None:
        """Open a connection and send bytes, without waiting for an answer."""
        connection = self.enter_context(socket.create_connection(("127.0.0.1", self._server.port)))
        connection.sendall(said)

    def session(self) -> tuple[RawPeer, str]:
        """Start a session of a consumer with a producer, and return the consumer and the session's id."""
        producer, consumer = self.peer().register("producer"), self.peer()
        return consumer, consumer.request("startSession", peerId=producer.id)["sessionId"]


Attack = Callable[[Crowd], object]


@dataclass(frozen=True)
class Meeting:
    """How clients reach a limit.

    Attributes:
        limit: The value of the limit.
        attack: Makes clients reach the limit.
        others: Other limits, if one of them would be reached before.
        options: The server's options.
        is_undecided: Whether the server asks a callable that does not decide before the end of the test.
    """

    limit: Any
    attack: Attack
    others: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    is_undecided: bool = False


def says(times: int, type_: str, **fields: Any) -> Attack:
    """One peer sends a message a number of times."""

    def attack(crowd: Crowd) -> None:
        peer = crowd.peer()
        for _ in range(times):
            peer.send(type_, **fields)

    return attack


def knocks(times: int, said: bytes = HANDSHAKE) -> Attack:
    """A number of clients open a connection and send bytes."""

    def attack(crowd: Crowd) -> None:
        for _ in range(times):
            crowd.knock(said)

    return attack


def registers(header: list[str] | None = None) -> Attack:
    """Two producers register with metas of 60 bytes."""
    status = {"roles": ["producer"], "meta": "x" * 60}

    def attack(crowd: Crowd) -> None:
        for _ in range(2):
            crowd.peer(header=header).send("setPeerStatus", **status)

    return attack


def relays(**what: Any) -> Attack:
    """A consumer sends something that is relayed to its producer."""

    def attack(crowd: Crowd) -> None:
        consumer, session_id = crowd.session()
        consumer.send("peer", sessionId=session_id, **what)

    return attack


def starts_sessions(consumers: int, producers: int) -> Attack:
    """Some consumers start a session with each of some producers."""

    def attack(crowd: Crowd) -> None:
        ids = [crowd.peer().register("producer").id for _ in range(producers)]
        for consumer in [crowd.peer() for _ in range(consumers)]:
            for producer_id in ids:
                consumer.send("startSession", peerId=producer_id)

    return attack


def starts_sessions_of_a_pair(crowd: Crowd) -> None:
    producer, consumer = crowd.peer().register("producer"), crowd.peer()
    for _ in range(2):
        consumer.send("startSession", peerId=producer.id)


def asks_for_long_lists_and_reads_nothing(crowd: Crowd) -> None:
    crowd.peer().register("producer", meta="x" * 16_000)
    crowd.deaf().send(message("list") * 1_000)


def listens_and_reads_nothing(crowd: Crowd) -> None:
    crowd.deaf().register("listener")
    for restless in [crowd.peer() for _ in range(3)]:
        for number in range(400):
            restless.send("setPeerStatus", roles=["producer"], meta=f"{number}{'x' * 15_000}")
        restless.register()


def begins_messages(crowd: Crowd) -> None:
    beginning = message("list", padding="x" * 500_000)[:400_000]
    for _ in range(2):
        crowd.deaf().flood(beginning, 5)


MEETINGS: Final[dict[str, Meeting]] = {
    "connections": Meeting(1, knocks(2)),
    "connections_per_address": Meeting(
        1, knocks(2, HANDSHAKE[:-2] + f"{FORWARDED[0]}\r\n\r\n".encode()), options=PROXY
    ),
    "connections_per_token": Meeting(
        1,
        knocks(2, HANDSHAKE[:-2] + b"Authorization: Bearer token\r\n\r\n"),
        options={"tokens": {"token": Grant(subject="arm")}},
    ),
    "handshakes": Meeting(1, knocks(2, b"GET / HTTP/1.1\r\n")),
    "handshake_seconds": Meeting(0.05, knocks(1, b"GET / HTTP/1.1\r\n")),
    "authorizations": Meeting(1, knocks(2), is_undecided=True),
    "authorization_seconds": Meeting(0.05, knocks(1), is_undecided=True),
    "header_bytes": Meeting(20, knocks(1)),
    "message_bytes": Meeting(100, says(1, "list", padding="x" * 100)),
    "sdp_bytes": Meeting(10, relays(sdp={"type": "answer", "sdp": "x" * 11})),
    "candidate_bytes": Meeting(10, relays(ice={"candidate": "x" * 11, "sdpMLineIndex": 0})),
    "meta_bytes": Meeting(50, registers()),
    "metas_bytes": Meeting(100, registers()),
    "metas_bytes_per_address": Meeting(100, registers(FORWARDED), options=PROXY),
    "messages": Meeting(ONCE, says(2, "list")),
    "bytes": Meeting(ONCE, says(2, "list")),
    "status_changes": Meeting(ONCE, says(2, "setPeerStatus", roles=[], meta=1)),
    "lists": Meeting(ONCE, says(2, "list")),
    "session_starts": Meeting(ONCE, says(2, "startSession", peerId="nobody")),
    "sessions_per_pair": Meeting(1, starts_sessions_of_a_pair),
    "sessions_per_consumer": Meeting(1, starts_sessions(consumers=1, producers=2)),
    "sessions_per_producer": Meeting(1, starts_sessions(consumers=2, producers=1)),
    "unread_bytes": Meeting(1000, asks_for_long_lists_and_reads_nothing, NO_RATES),
    "unread_bytes_in_all": Meeting(1000, asks_for_long_lists_and_reads_nothing, NO_RATES | {"unread_bytes": None}),
    "unread_statuses": Meeting(1, listens_and_reads_nothing, NO_RATES | {"unread_bytes": None}),
    "incomplete_bytes_in_all": Meeting(500_000, begins_messages, NO_RATES),
    "warnings": Meeting(ONCE, registers(), {"meta_bytes": 10}),
}
"""By the limit's name."""


def test_no_limit_is_left_out() -> None:
    assert list(MEETINGS) == [each.name for each in fields(ServerLimits)]


@pytest.mark.parametrize("name", MEETINGS)
def test_limit_counts_what_met_it(name: str) -> None:
    meeting = MEETINGS[name]
    is_over = threading.Event()
    undecided: dict[str, Any] = {"authorize": lambda request: Grant() if is_over.wait(60) else None}
    with (
        SignallingServer(
            port=0,
            limits=ServerLimits(**{name: meeting.limit, **meeting.others}),
            **(undecided if meeting.is_undecided else meeting.options),
        ) as server,
        Crowd(server) as crowd,
    ):
        meeting.attack(crowd)

        wait_until(lambda: name in server.refusals, f"the limit is met: {server.refusals}", 30)
        is_over.set()
