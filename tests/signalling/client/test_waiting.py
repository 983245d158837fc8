"""Answers that come late or never, and timeouts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import ConnectionLost, SignallingClient, SignallingServer, WaitTimeout

from ...helpers.hostile import Conversation, signalling_server
from ...helpers.waiting import wait_until_waiting
from .requests import REQUESTS

SECONDS = 10.0


def test_answer_that_comes_late_is_discarded_and_its_session_ended() -> None:
    gave_up, ended = threading.Event(), threading.Event()

    def answer_late(server: Conversation) -> None:
        server.welcome()
        server.expect("startSession")
        gave_up.wait(SECONDS)
        server.send("sessionStarted", peerId="robot", sessionId="late")
        if server.expect("endSession")["sessionId"] == "late":
            ended.set()
        server.serve()

    with signalling_server(answer_late) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.start_session("robot", timeout=0.05)
        gave_up.set()

        assert ended.wait(SECONDS)
        assert client.list_producers() == []


def test_late_answer_is_not_taken_for_the_next_one() -> None:
    gave_up = threading.Event()

    def answer_late(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        gave_up.wait(SECONDS)
        server.send("list", producers=[{"id": "late", "meta": None}])
        server.serve()

    with signalling_server(answer_late) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.list_producers(timeout=0.05)
        gave_up.set()

        assert client.list_producers() == []


def test_request_that_the_server_never_answers_does_not_spoil_the_next() -> None:
    def serve_no_consumers(server: Conversation) -> None:
        server.welcome()
        server.serve(ignored=("listConsumers",))

    with signalling_server(serve_no_consumers) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.list_consumers(timeout=0.05)

        assert client.list_producers(timeout=2) == []


@pytest.fixture
def silent_uri() -> Iterator[str]:
    """A server that sends its welcome, and then nothing."""

    def welcome_only(server: Conversation) -> None:
        server.welcome()
        server.hold()

    with signalling_server(welcome_only) as uri:
        yield uri


@pytest.mark.parametrize("doing", REQUESTS)
def test_request_gives_up_in_time_and_says_what_it_waited_for(silent_uri: str, doing: str) -> None:
    with SignallingClient(silent_uri) as client:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match=rf"{doing} .*{silent_uri}.* 0\.2 s"):
            REQUESTS[doing](client, 0.2)

        assert 0.2 <= time.monotonic() - begin < 4


def test_default_timeout_is_the_object_s(silent_uri: str) -> None:
    client = SignallingClient(silent_uri, timeout=0.2)
    client.connect(timeout=SECONDS)

    with pytest.raises(WaitTimeout, match=r"0\.2 s"):
        client.list_producers()

    client.close()


def test_timeout_of_zero_gives_up_at_once(silent_uri: str) -> None:
    with SignallingClient(silent_uri) as client:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout):
            client.list_producers(timeout=0)

        assert time.monotonic() - begin < 4


def test_endless_timeout_is_possible(embedded_server: SignallingServer) -> None:
    with SignallingClient(embedded_server.uri, timeout=float("inf")) as client:
        assert client.list_producers() == []


def test_close_by_another_thread_wakes_a_waiting_request(silent_uri: str) -> None:
    with SignallingClient(silent_uri) as client, ThreadPoolExecutor() as pool:
        begin = time.monotonic()
        waiting = [pool.submit(REQUESTS[doing], client, SECONDS) for doing in REQUESTS]
        for request in (client.list_producers, client.list_consumers, client.set_status, client.start_session):
            wait_until_waiting(request)
        client.close()

        for waits in waiting:
            with pytest.raises(ConnectionLost, match="closed"):
                waits.result(SECONDS)
        assert time.monotonic() - begin < 4


def test_close_by_another_thread_ends_a_connect_under_way() -> None:
    accepted = threading.Event()

    def never_welcome(server: Conversation) -> None:
        accepted.set()
        server.hold()

    with signalling_server(never_welcome) as uri, ThreadPoolExecutor() as pool:
        client = SignallingClient(uri)
        connecting = pool.submit(client.connect, SECONDS)
        assert accepted.wait(SECONDS)
        begin = time.monotonic()

        client.close()

        with pytest.raises(ConnectionLost, match="closed"):
            connecting.result(SECONDS)
        assert time.monotonic() - begin < 4
