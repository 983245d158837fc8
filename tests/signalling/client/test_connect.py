"""Connecting and closing, and the address of the server."""

from __future__ import annotations

import errno
import socket
import threading
import uuid
from typing import Any

import pytest

from gst_signalling_sync import ConnectError, ConnectionLost, Listener, Producer, SignallingClient, SignallingServer

from ...helpers.own_process import gss_threads
from ...helpers.ports import reserved_port
from ...helpers.waiting import Heard, wait_until


def test_connect_returns_the_client_with_its_peer_id(signalling_uri: str) -> None:
    client = SignallingClient(signalling_uri)

    assert client.peer_id is None
    assert client.connect() is client
    assert uuid.UUID(client.peer_id).version == 4

    client.close()


def test_with_connects_and_closes(signalling_uri: str) -> None:
    with SignallingClient(signalling_uri) as client:
        assert client.list_producers() == []

    with pytest.raises(ConnectionLost):
        client.list_producers()


def test_connecting_again_changes_nothing(client: SignallingClient) -> None:
    peer_id = client.peer_id

    client.connect()

    assert client.peer_id == peer_id


def test_connect_after_close_is_a_new_peer(client: SignallingClient) -> None:
    first = client.peer_id
    client.close()

    client.connect()

    assert client.peer_id != first
    assert client.list_producers() == []


def test_close_is_idempotent(client: SignallingClient) -> None:
    client.close()
    client.close()


def test_close_of_a_client_that_never_connected() -> None:
    SignallingClient("ws://127.0.0.1:1").close()


def test_close_leaves_no_thread(client: SignallingClient) -> None:
    where = client.uri.split("//")[1]
    assert len([name for name in gss_threads() if where in name]) == 3

    client.close()

    assert not [name for name in gss_threads() if where in name]


def test_request_before_connect_says_what_to_do() -> None:
    with pytest.raises(ConnectionLost, match=r"not connected to ws://robot:1.*connect\(\)"):
        SignallingClient("ws://robot:1").list_producers()


def test_connect_after_the_connection_was_lost_connects_again() -> None:
    with reserved_port() as port:
        with SignallingServer(port=port) as server:
            client = SignallingClient(server.uri).connect()
            lost = Heard(client.connection_lost)
        lost.next()

        with SignallingServer(port=port), client:
            assert client.list_producers() == []


@pytest.mark.parametrize("thread", ["gss-callbacks", "gss-writer", "gss-reader"])
def test_connect_that_gets_no_thread_leaves_nothing_behind(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch, thread: str
) -> None:
    start = threading.Thread.start

    def start_or_raise(self: threading.Thread) -> None:
        if self.name.startswith(thread):
            raise RuntimeError("can't start new thread")
        start(self)

    before = gss_threads()
    client = SignallingClient(embedded_server.uri)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_or_raise)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            client.connect()
    wait_until(lambda: gss_threads() == before, "what was started has ended")
    with client:
        assert client.list_producers() == []


@pytest.mark.parametrize("kind", [SignallingClient, Listener, Producer])
def test_connect_without_a_descriptor_says_so(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    client = kind(embedded_server.uri)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", none_left)
        with pytest.raises(ConnectError, match=r"Too many open files: close files, or allow more \(ulimit -n\)\.$"):
            client.__enter__()
    assert not caplog.records
    with client:
        assert client.peer_id


def test_host_and_port_instead_of_a_uri(embedded_server: SignallingServer) -> None:
    with SignallingClient(host="127.0.0.1", port=embedded_server.port) as client:
        assert client.uri == embedded_server.uri


def test_uri_of_the_environment(embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GST_SIGNALLING_URI", embedded_server.uri)

    with SignallingClient() as client:
        assert client.uri == embedded_server.uri


def test_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"http://robot"):
        SignallingClient("http://robot")


def test_connect_without_a_server_says_so_and_how_to_start_one() -> None:
    with reserved_port() as port:
        uri = f"ws://127.0.0.1:{port}"

        with pytest.raises(ConnectError, match=rf"{uri}.*nothing listens.*gst-signalling-sync serve"):
            SignallingClient(uri).connect()
