"""M8: any number of connections, and a process that has no file descriptors left."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import websocket

from gst_signalling_sync import ServerLimits, SignallingServer

from ..helpers.proofs import short_and_long
from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE, Stranger, attacking, connected
from ..helpers.waiting import wait_until
from .pace import Pace
from .victim import Victim

SECONDS = 10.0

BYTE_SECONDS = 0.05
"""Seconds between two bytes of a slow handshake."""


@contextlib.contextmanager
def tcp_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS)) for _ in range(count)
        ]


def answer_of(connection: socket.socket) -> bytes:
    """The first bytes of the server's answer; empty if it only closes the connection."""
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def is_let_in(uri: str) -> bool:
    """Whether the server has room for one more connection."""
    try:
        RawPeer(uri).close()
    except (OSError, websocket.WebSocketException):
        return False
    return True


@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_process_without_descriptors_turns_connections_away_and_serves_those_it_has() -> None:
    with Victim(descriptors=120, connections=100_000) as victim, RawPeer(victim.uri) as honest:
        with tcp_connections(victim.port, 300) as connections:
            for connection in connections[250:]:
                assert answer_of(connection)[:12] in (b"HTTP/1.1 503", b"")
            cpu = victim.cpu_seconds()
            assert max(victim.list_seconds(honest, 20)) < 1
            assert victim.cpu_seconds() - cpu < 1
        wait_until(lambda: is_let_in(victim.uri), "there is room again")

        assert victim.tell()["log_lines"] < 120


@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_server_keeps_descriptors_for_the_rest_of_the_process() -> None:
    with Victim(descriptors=200) as victim, tcp_connections(victim.port, 200) as connections:
        assert answer_of(connections[-1]).startswith(b"HTTP/1.1 503")
        assert victim.tell()["refusals"]["connections"] >= 60


@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_connections_that_never_shake_hands_make_room_for_those_that_do() -> None:
    with Victim(handshakes=50) as victim, tcp_connections(victim.port, 200) as connections:
        RawPeer(victim.uri).close()

        assert answer_of(connections[0]) == b""
        assert victim.tell()["refusals"]["handshakes"] >= 150


def test_one_address_behind_a_proxy_cannot_take_all_connections() -> None:
    # The loopback interface is exempt from this limit, so only a forwarded address reaches it.
    limits = ServerLimits(connections_per_address=3)
    with (
        SignallingServer(port=0, limits=limits, trusted_proxies=["127.0.0.1"]) as server,
        contextlib.ExitStack() as stack,
    ):
        forwarded = HANDSHAKE.removesuffix(b"\r\n") + b"X-Forwarded-For: 203.0.113.%d\r\n\r\n"
        answers = []
        for host in (9, 9, 9, 9, 8):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS))
            connection.sendall(forwarded % host)
            answers.append(connection.recv(4096)[:12])

        assert answers == [b"HTTP/1.1 101"] * 3 + [b"HTTP/1.1 429", b"HTTP/1.1 101"]
        assert server.refusals == {"connections_per_address": 1}


@short_and_long("connections", 300, 10_000)
def test_connections_that_come_at_once_delay_nobody(victim: Victim, honest: RawPeer, connections: int) -> None:
    def come_and_go() -> None:
        for _ in range(connections // 100):
            with contextlib.suppress(OSError), connected(victim.port, 100):
                pass

    with attacking(come_and_go):
        victim.assert_nobody_notices(honest)


def test_slow_handshakes_delay_nobody(victim: Victim, honest: RawPeer) -> None:
    with tcp_connections(victim.port, 200) as connections:

        def send_bytes() -> None:
            pace = Pace(BYTE_SECONDS)
            for index in range(20):
                pace.wait()
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(HANDSHAKE[index : index + 1])

        with attacking(send_bytes):
            victim.assert_nobody_notices(honest)


def test_strangers_that_knock_without_end_keep_nobody_out(victim: Victim) -> None:
    header = HANDSHAKE.removesuffix(b"\r\n") + b"X: " + b"x" * 15_000
    with tcp_connections(victim.port, 300) as connections:
        done = threading.Event()

        def send_bytes() -> None:
            for index in range(len(header)):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(header[index : index + 1])
                if done.is_set():
                    return

        with attacking(send_bytes):
            try:
                waited = []
                for _ in range(20):
                    begin = time.monotonic()
                    RawPeer(victim.uri).close()
                    waited.append(time.monotonic() - begin)
                assert sorted(waited)[-2] < 1
            finally:
                done.set()


def test_long_header_is_refused() -> None:
    with Victim() as victim, tcp_connections(victim.port, 1) as [connection]:
        connection.sendall(HANDSHAKE.removesuffix(b"\r\n") + b"X: " + b"x" * 20_000)

        assert answer_of(connection).startswith(b"HTTP/1.1 431")


def test_stranger_of_another_address_of_the_loopback_is_exempt_as_well() -> None:
    with Victim(connections_per_address=1) as victim, connected(victim.port, 3, address="127.5.5.5"):
        Stranger(victim.port, address="127.5.5.5").close()
