"""Opening a connection is bounded in time and ended by ``close()``, in each of its steps."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gst_signalling_sync import ConnectionLost, ConnectTimeout, Endpoint, SignallingClient, SignallingServer

from ..helpers.hostile import tcp_server
from .problems import full_port, problem_of

SECONDS = 10.0


def resolving(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached, go_on = threading.Event(), threading.Event()

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if not rest[-1] & socket.AI_NUMERICHOST:
            reached.set()
            go_on.wait(SECONDS)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield Endpoint("ws://robot.local"), reached
    go_on.set()


def asking_for_a_token(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached, go_on = threading.Event(), threading.Event()

    def token() -> str:
        reached.set()
        go_on.wait(SECONDS)
        return "token"

    yield Endpoint("ws://127.0.0.1:1", token=token), reached
    go_on.set()


def connecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached = threading.Event()
    connect = socket.socket.connect_ex

    def connect_ex(connection: socket.socket, address: tuple[str, int]) -> int:
        code = connect(connection, address)
        reached.set()
        return code

    with full_port() as (host, port):
        monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
        yield Endpoint(f"ws://{host}:{port}"), reached


def silent(
    scheme: str, proxy: bool = False
) -> Callable[[pytest.MonkeyPatch], Iterator[tuple[Endpoint, threading.Event]]]:
    def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
        reached = threading.Event()

        def read(connection: socket.socket) -> None:
            while connection.recv(4096):
                reached.set()

        with tcp_server(read) as uri:
            if proxy:
                yield Endpoint(f"{scheme}://robot", proxy=uri.replace("ws://", "http://")), reached
            else:
                yield Endpoint(uri.replace("ws://", f"{scheme}://")), reached

    return stage


STAGES = {
    "token": asking_for_a_token,
    "name": resolving,
    "TCP": connecting,
    "proxy": silent("ws", proxy=True),
    "TLS": silent("wss"),
    "HTTP": silent("ws"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_close_ends_connecting_at_once_wherever_it_is(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = STAGES[stage](monkeypatch)
    endpoint, reached = next(stages)
    client = SignallingClient(endpoint, timeout=60)
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect)
        assert reached.wait(SECONDS)
        begin = time.monotonic()

        client.close()

        with pytest.raises(ConnectionLost, match="closed while connecting"):
            connecting.result(SECONDS)
        assert time.monotonic() - begin < 4
    next(stages, None)


@pytest.mark.parametrize("stage", STAGES)
def test_every_part_gives_up_in_time(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = STAGES[stage](monkeypatch)
    endpoint, _ = next(stages)
    begin = time.monotonic()

    error = problem_of(endpoint, timeout=0.4)

    assert 0.4 <= time.monotonic() - begin < 4
    assert isinstance(error, ConnectTimeout)
    assert "within 0.4 s" in str(error)
    next(stages, None)


def test_token_s_callable_that_is_slow_is_named() -> None:
    go_on = threading.Event()
    error = problem_of(Endpoint("ws://127.0.0.1:1", token=lambda: str(go_on.wait(SECONDS))), timeout=0.2)

    assert "the token's callable did not return within 0.2 s" in str(error)
    go_on.set()


def test_callable_that_hangs_has_one_thread_however_often_the_client_connects(
    embedded_server: SignallingServer,
) -> None:
    go_on = threading.Event()
    asked: list[None] = []

    def token() -> str:
        asked.append(None)
        go_on.wait(SECONDS)
        return "secret"

    endpoint = Endpoint(embedded_server.uri, token=token)
    for _ in range(3):
        assert isinstance(problem_of(endpoint, timeout=0.1), ConnectTimeout)
    assert len(asked) == 1

    go_on.set()
    with SignallingClient(endpoint):
        assert len(asked) <= 2
