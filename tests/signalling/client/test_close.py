"""What `SignallingClient.close` ends, whatever callbacks and other threads do at that moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import ConnectionLost, SignallingClient, WaitTimeout

from ...helpers.mortal_server import MortalServer, mortal_server
from ...helpers.waiting import wait_until, wait_until_waiting

SECONDS = 10.0


@pytest.fixture
def server() -> Iterator[MortalServer]:
    with mortal_server() as server:
        yield server


def test_close_is_final_for_a_callback_that_connects_again(server: MortalServer) -> None:
    client = SignallingClient(server.uri)
    inside, closing = threading.Event(), threading.Event()
    outcomes: list[Exception | None] = []

    @client.connection_lost.connect
    def again(client: SignallingClient, error: Exception) -> None:
        inside.set()
        closing.wait(SECONDS)
        try:
            client.connect()
        except ConnectionLost as refused:
            outcomes.append(refused)
        else:
            outcomes.append(None)

    client.connect()
    server.go()
    server.come()
    assert inside.wait(SECONDS)
    threading.Timer(0.1, closing.set).start()
    begin = time.monotonic()

    client.close()

    assert time.monotonic() - begin < 3.0
    assert [str(outcome) for outcome in outcomes] == [
        f"connecting to the signalling server {server.uri}: closed while this callback was running, and a callback does not"
        " connect again"
    ]
    assert server.peer_ids == []


def test_connect_after_close_lets_callbacks_connect_again(server: MortalServer) -> None:
    client = SignallingClient(server.uri).connect()
    client.close()
    connected = threading.Event()

    @client.connection_lost.connect
    def again(client: SignallingClient, error: Exception) -> None:
        server.come()
        client.connect()
        connected.set()

    with client:
        server.go()
        assert connected.wait(SECONDS)
        assert client.list_producers() == []


def test_close_in_a_callback_ends_what_another_thread_connects(server: MortalServer) -> None:
    client = SignallingClient(server.uri)
    inside = threading.Event()

    @client.connection_lost.connect
    def close(client: SignallingClient, error: Exception) -> None:
        inside.set()
        # connect() waits for the callbacks of the connection before.
        wait_until_waiting(client.connect)
        client.close()

    client.connect()
    server.go()
    server.come()
    assert inside.wait(SECONDS)

    with pytest.raises(ConnectionLost, match="closed while connecting"):
        client.connect()

    wait_until(lambda: server.peer_ids == [], "the server knows no peer")


def test_close_that_another_thread_keeps_from_closing_says_so(server: MortalServer) -> None:
    client = SignallingClient(server.uri).connect()
    inside, go_on = threading.Event(), threading.Event()

    @client.producers_listed.connect
    def slow(client: SignallingClient, **named: object) -> None:
        inside.set()
        go_on.wait(SECONDS)

    client.list_producers()
    assert inside.wait(SECONDS)
    with ThreadPoolExecutor() as pool:
        closing = pool.submit(client.close)
        wait_until_waiting(client.close)

        with pytest.raises(WaitTimeout, match=r"another thread has been connecting or closing for 0\.05 s"):
            client.close(0.05)

        go_on.set()
        closing.result(SECONDS)
    wait_until(lambda: server.peer_ids == [], "the server knows no peer")
