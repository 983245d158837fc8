"""A callable of the program decides which clients are admitted."""

from __future__ import annotations

import base64
import logging
import queue
import socket
import sys
import threading
import time
from http import HTTPStatus

import pytest

from gst_signalling_sync import Grant, ServerLimits, SignallingServer
from gst_signalling_sync.server import AuthorizationRequest

from ...helpers.raw_peer import RawPeer
from ...helpers.strangers import HANDSHAKE
from ...helpers.tokens import bearer, peer_with
from ...helpers.waiting import wait_until
from .admissions import status_of

SECONDS = 10.0


def test_callable_decides_by_what_the_request_says() -> None:
    asked: list[AuthorizationRequest] = []

    def authorize(request: AuthorizationRequest) -> Grant | None:
        asked.append(request)
        return Grant(subject="arm") if request.user == "arm" and request.password == "p:w" else None

    with SignallingServer(port=0, authorize=authorize) as server:
        basic = base64.b64encode(b"arm:p:w").decode()
        RawPeer(f"{server.uri}/x?y=z", header=[f"Authorization: Basic {basic}", "X-Robot: 7"]).close()

        assert status_of(server) == HTTPStatus.UNAUTHORIZED
        assert status_of(server, **bearer("guessed")) == HTTPStatus.FORBIDDEN
        assert (asked[0].path, asked[0].address, asked[0].headers["x-robot"]) == ("/x", "127.0.0.1", "7")
        assert (asked[1].token, asked[2].token) == (None, "guessed")
        assert "p:w" not in repr(asked[0])
        assert basic not in repr(asked[0])
        assert server.refusals == {"tokens": 1, "authorize": 1}


def test_callable_is_asked_where_no_token_is_known() -> None:
    with SignallingServer(
        port=0, tokens={"known": Grant()}, authorize=lambda request: Grant() if request.token == "other" else None
    ) as server:
        peer_with(server, "known").close()
        peer_with(server, "other").close()
        assert status_of(server, **bearer("third")) == HTTPStatus.FORBIDDEN


def test_callable_that_raises_refuses_and_the_log_says_why_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    def authorize(request: AuthorizationRequest) -> Grant | None:
        raise LookupError(f"no such token: {request.token}")

    with SignallingServer(port=0, authorize=authorize) as server:
        assert status_of(server, **bearer("sesame-open")) == HTTPStatus.SERVICE_UNAVAILABLE

    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "LookupError: no such token: ***" in line.getMessage()
    assert "test_callables.py" in line.getMessage()
    assert "sesame" not in caplog.text


def test_callable_that_exits_refuses_and_counts_as_running_no_longer() -> None:
    def authorize(request: AuthorizationRequest) -> Grant | None:
        if request.token == "unknown":
            sys.exit("an unknown token")
        return Grant()

    with SignallingServer(port=0, authorize=authorize, limits=ServerLimits(authorizations=1)) as server:
        assert status_of(server, **bearer("unknown")) == HTTPStatus.SERVICE_UNAVAILABLE
        peer_with(server, "known").close()
        assert server.refusals == {"authorize": 1}


def test_callable_for_which_there_is_no_thread_refuses_and_counts_as_running_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start
    missing = ["gss-authorize"]

    def start_unless_missing(thread: threading.Thread) -> None:
        if thread.name in missing:
            missing.clear()
            raise RuntimeError("can't start new thread")
        start(thread)

    limits = ServerLimits(authorizations=1)
    with SignallingServer(port=0, authorize=lambda request: Grant(), limits=limits) as server:
        monkeypatch.setattr(threading.Thread, "start", start_unless_missing)
        assert status_of(server, **bearer("first")) == HTTPStatus.SERVICE_UNAVAILABLE
        peer_with(server, "second").close()


def test_callable_that_returns_something_else_refuses() -> None:
    with SignallingServer(port=0, authorize=lambda request: True) as server:  # type: ignore[arg-type,return-value]
        assert status_of(server, **bearer("x")) == HTTPStatus.SERVICE_UNAVAILABLE


def test_callables_run_beside_each_other_and_a_slow_one_refuses_only_its_own() -> None:
    release = threading.Event()
    running: queue.SimpleQueue[str] = queue.SimpleQueue()

    def authorize(request: AuthorizationRequest) -> Grant | None:
        running.put(threading.current_thread().name)
        if request.token == "slow":
            release.wait(SECONDS)
        return Grant()

    limits = ServerLimits(authorization_seconds=1.0, authorizations=2)
    with SignallingServer(port=0, authorize=authorize, limits=limits) as server:
        slow = [threading.Thread(target=status_of, args=(server,), kwargs=bearer("slow")) for _ in range(1)]
        for thread in slow:
            thread.start()
        assert running.get(timeout=SECONDS) == "gss-authorize"

        peer_with(server, "quick").close()
        for thread in slow:
            thread.join()
        assert server.refusals == {"authorization_seconds": 1}
        release.set()


def test_callable_that_hangs_for_good_lets_nobody_in_and_holds_nothing_else_up() -> None:
    release = threading.Event()

    def authorize(request: AuthorizationRequest) -> Grant | None:
        release.wait(SECONDS)
        return Grant()

    limits = ServerLimits(authorization_seconds=0.3, authorizations=1)
    with SignallingServer(port=0, tokens={"known": Grant()}, authorize=authorize, limits=limits) as server:
        for _ in range(3):
            assert status_of(server, **bearer("unknown")) == HTTPStatus.SERVICE_UNAVAILABLE
        peer_with(server, "known").close()
        assert [t.name for t in threading.enumerate()].count("gss-authorize") == 1
        release.set()
        wait_until(lambda: "gss-authorize" not in [t.name for t in threading.enumerate()], "the thread ended")
        peer_with(server, "unknown").close()


def test_client_that_leaves_while_it_is_decided_on_is_forgotten() -> None:
    asked, release = threading.Event(), threading.Event()

    def authorize(request: AuthorizationRequest) -> Grant | None:
        asked.set()
        release.wait(SECONDS)
        return Grant()

    with SignallingServer(port=0, authorize=authorize) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as client:
            client.sendall(HANDSHAKE)
            assert asked.wait(SECONDS)
        release.set()

        with peer_with(server, "x") as peer:
            wait_until(lambda: list(server.peers) == [peer.id], "it is let in at most until its end is read")


def test_server_closes_in_time_while_a_callable_does_not_return() -> None:
    asked, release = threading.Event(), threading.Event()

    def authorize(request: AuthorizationRequest) -> Grant | None:
        asked.set()
        release.wait(SECONDS)
        return Grant()

    server = SignallingServer(port=0, authorize=authorize).start()
    waiting = threading.Thread(target=pytest.raises, args=(Exception, RawPeer, server.uri))
    waiting.start()
    assert asked.wait(SECONDS)
    begin = time.monotonic()
    server.close()

    assert time.monotonic() - begin < 3
    release.set()
    waiting.join()
