"""Servers that die, or do not read or answer any more."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import ConnectionLost, SignallingClient, SignallingServer
from gst_signalling_sync.signalling.frames import MessageReader
from gst_signalling_sync.signalling.outgoing import Outgoing

from ...helpers.hostile import Conversation, signalling_server
from ...helpers.own_process import gss_threads
from ...helpers.waiting import Heard
from .requests import REQUESTS

SECONDS = 10.0


def test_death_of_the_server_reaches_all_who_wait() -> None:
    asked, die = threading.Semaphore(0), threading.Event()

    def listen_and_die(server: Conversation) -> None:
        server.welcome()
        for _ in range(1 + len(REQUESTS) + 1):
            server.receive()
            asked.release()
        die.wait(SECONDS)

    with signalling_server(listen_and_die) as uri, SignallingClient(uri) as client:
        lost = Heard(client.connection_lost)
        with ThreadPoolExecutor() as pool:
            waiting = [pool.submit(REQUESTS[doing], client, SECONDS) for doing in REQUESTS]
            # The version comes before the requests, and a list after a status.
            for _ in range(1 + len(REQUESTS) + 1):
                assert asked.acquire(timeout=SECONDS)
            die.set()

            for request in waiting:
                with pytest.raises(ConnectionLost, match=f"connection to {uri} lost"):
                    request.result(SECONDS)

        assert isinstance(lost.next()["error"], ConnectionLost)


@pytest.mark.parametrize(("thread", "method"), [(MessageReader, "next"), (Outgoing, "take")])
def test_unforeseen_error_of_a_connection_s_thread_is_a_loss(
    embedded_server: SignallingServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    thread: type,
    method: str,
) -> None:
    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise KeyError("a defect")

    with SignallingClient(embedded_server.uri) as client:
        lost = Heard(client.connection_lost)
        monkeypatch.setattr(thread, method, fail)
        # Both threads go on from their present wait. The answer may come before the loss.
        with contextlib.suppress(ConnectionLost):
            client.list_producers()

        assert isinstance(lost.next()["error"], ConnectionLost)

        client.connect()
        assert client.list_producers() == []
    assert "a defect" in caplog.text


def test_nothing_can_be_sent_on_a_lost_connection(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri).connect()
    lost = Heard(client.connection_lost)
    embedded_server.close()
    lost.next()

    for send in (
        client.list_producers,
        lambda: client.end_session("session"),
        lambda: client.send_sdp("session", "offer", ""),
        lambda: client.send_ice("session", ""),
    ):
        with pytest.raises(ConnectionLost, match=f"connection to {client.uri} lost"):
            send()

    client.close()


def test_close_of_a_server_s_own_making_is_no_loss_when_the_client_closes(
    client: SignallingClient, caplog: pytest.LogCaptureFixture
) -> None:
    lost = Heard(client.connection_lost)

    with caplog.at_level(logging.WARNING):
        client.close()

    assert lost.is_empty
    assert not caplog.records


def test_close_is_quick_with_a_server_that_never_answers_it_and_leaves_no_thread() -> None:
    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(SECONDS)

    done = threading.Event()
    with signalling_server(read_no_more) as uri:
        client = SignallingClient(uri).connect()
        begin = time.monotonic()

        client.close()

        assert time.monotonic() - begin < 4
        assert not [name for name in gss_threads() if "reader" in name or "writer" in name]
        done.set()


def test_connect_after_a_close_that_the_server_did_not_answer() -> None:
    done = threading.Event()

    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(SECONDS)
        server.serve()

    with signalling_server(read_no_more) as uri:
        client = SignallingClient(uri).connect()
        client.close()
        done.set()

        with client:
            assert client.list_producers() == []


def test_server_that_does_not_read_blocks_no_caller() -> None:
    done = threading.Event()

    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(SECONDS)

    with signalling_server(read_no_more) as uri, SignallingClient(uri) as client:
        begin = time.monotonic()
        for _ in range(20):
            client.send_sdp("session", "offer", "x" * 1_000_000)

        assert time.monotonic() - begin < 4
        done.set()
