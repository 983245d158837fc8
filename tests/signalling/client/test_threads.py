"""One client on several threads."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import ConnectionLost, PeerNotFound, ServerError, SignallingClient, SignallingServer
from gst_signalling_sync.protocol.messages import Peer

from ...helpers.peer_ids import id_of
from ...helpers.waiting import Heard

SECONDS = 10.0

MANY_THREADS = 8


def test_requests_of_many_threads_each_get_their_own_answer(
    producer: SignallingClient, client: SignallingClient, other: SignallingClient
) -> None:
    other.set_status(["consumer"])

    def ask(thread: int) -> None:
        for number in range(25):
            match (thread + number) % 4:
                case 0:
                    assert [peer.id for peer in client.list_producers()] == [producer.peer_id]
                case 1:
                    assert [peer.id for peer in client.list_consumers()] == [other.peer_id]
                case 2:
                    with pytest.raises(PeerNotFound, match=f"'nobody {thread} {number}' not found"):
                        client.start_session(f"nobody {thread} {number}")
                case 3:
                    client.end_session(client.start_session(id_of(producer)))

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(ask, range(MANY_THREADS)))


def test_status_of_many_threads_is_refused_only_where_it_is_wrong(client: SignallingClient) -> None:
    def register(thread: int) -> None:
        for _ in range(10):
            if thread % 2:
                client.set_status(["producer"], thread)
            else:
                with pytest.raises(ServerError, match="as both"):
                    client.set_status(["producer", "consumer"], thread)

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(register, range(MANY_THREADS)))


def test_connect_and_close_of_many_threads(signalling_uri: str) -> None:
    client = SignallingClient(signalling_uri)

    def connect_and_close(_: int) -> None:
        # Another thread may close while this one connects.
        with contextlib.suppress(ConnectionLost):
            client.connect()
        client.close()

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(connect_and_close, range(40)))


def test_close_by_two_threads_at_once(client: SignallingClient) -> None:
    together = threading.Barrier(2)

    def close(_: int) -> None:
        together.wait(SECONDS)
        client.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(close, range(2)))


def test_close_by_a_callback(client: SignallingClient) -> None:
    closed = threading.Event()

    @client.producers_listed.connect
    def close(client: SignallingClient, producers: tuple[Peer, ...]) -> None:
        client.close()
        closed.set()

    client.list_producers()

    assert closed.wait(SECONDS)
    with pytest.raises(ConnectionLost):
        client.list_producers()


def test_close_while_a_callback_closes_is_bounded(client: SignallingClient) -> None:
    closing = threading.Event()

    @client.producers_listed.connect
    def close(client: SignallingClient, producers: tuple[Peer, ...]) -> None:
        closing.set()
        client.close()

    client.list_producers()
    assert closing.wait(SECONDS)
    begin = time.monotonic()

    client.close()

    assert time.monotonic() - begin < 4


def test_close_of_a_lost_connection(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri).connect()
    lost = Heard(client.connection_lost)
    embedded_server.close()
    lost.next()

    client.close()
