"""The server's life: its port, its start and its close."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import websocket

from gst_signalling_sync import list_producers
from gst_signalling_sync.errors import ConnectError, WaitTimeout
from gst_signalling_sync.server import SignallingServer
from gst_signalling_sync.server.running import RunningServer

from ..helpers.own_process import resident_bytes
from ..helpers.ports import reserved_port
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until
from .connections import tcp

SECONDS = 10.0


def test_port_0_picks_a_free_port() -> None:
    with SignallingServer(port=0) as server:
        assert server.port > 0
        assert server.uri == f"ws://127.0.0.1:{server.port}"
        RawPeer(server.uri).close()


def test_start_returns_the_server() -> None:
    server = SignallingServer(port=0)

    assert server.start() is server

    server.close()


def test_start_of_a_running_server_changes_nothing(embedded_server: SignallingServer) -> None:
    port = embedded_server.port

    assert embedded_server.start().port == port


def test_uri_before_a_port_was_picked() -> None:
    with pytest.raises(RuntimeError, match="port=0"):
        _ = SignallingServer(port=0).uri


def test_port_and_uri_before_start_are_as_given() -> None:
    server = SignallingServer(port=12345)

    assert (server.port, server.uri) == (12345, "ws://127.0.0.1:12345")


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_port(port: int) -> None:
    with pytest.raises(ValueError, match=str(port)):
        SignallingServer(port=port)


@pytest.mark.parametrize(
    ("host", "uri"),
    [("0.0.0.0", "ws://127.0.0.1:"), ("", "ws://127.0.0.1:"), ("localhost", "ws://localhost:")],
)
def test_uri_is_connectable(host: str, uri: str) -> None:
    with SignallingServer(host, 0) as server:
        assert server.uri == f"{uri}{server.port}"
        RawPeer(server.uri).close()


@pytest.mark.parametrize("host", ["::", "::1"])
def test_uri_of_ipv6(host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")

    with SignallingServer(host, 0) as server:
        assert server.uri == f"ws://[::1]:{server.port}"
        RawPeer(server.uri).close()


def test_port_in_use_is_explained_and_leaves_nothing(embedded_server: SignallingServer) -> None:
    second = SignallingServer(port=embedded_server.port)

    with pytest.raises(ConnectError, match=rf"127\.0\.0\.1:{embedded_server.port}.*in use.*another port"):
        second.start()

    assert [thread.name for thread in threading.enumerate()].count("gss-server") == 1


def test_foreign_address_is_explained() -> None:
    with pytest.raises(ConnectError, match=r"192\.0\.2\.1:8443.*address of this machine"):
        SignallingServer("192.0.2.1").start()


def test_unknown_host_name_is_explained() -> None:
    with pytest.raises(ConnectError, match=r"nowhere\.invalid:8443.*of this machine"):
        SignallingServer("nowhere.invalid").start()


def test_server_starts_once_the_port_is_free(embedded_server: SignallingServer) -> None:
    second = SignallingServer(port=embedded_server.port)
    with pytest.raises(ConnectError):
        second.start()

    embedded_server.close()

    with second:
        RawPeer(second.uri).close()


def test_serve_forever_starts_and_ends_with_close() -> None:
    server = SignallingServer(port=0)
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(server.serve_forever)
        wait_until(lambda: server.port, "a port was picked")
        RawPeer(server.uri).close()
        assert not serving.done()

        server.close()

        serving.result(SECONDS)


def test_start_after_close_starts_again() -> None:
    with SignallingServer(port=0) as server:
        peer = RawPeer(server.uri)
    with server:
        assert server.peers == {}
        RawPeer(server.uri).close()
    peer.close()


def test_close_without_start() -> None:
    SignallingServer(port=0).close()


def test_close_tells_peers_that_the_server_goes_away(embedded_server: SignallingServer) -> None:
    peers = [RawPeer(embedded_server.uri) for _ in range(3)]

    with ThreadPoolExecutor() as pool:
        codes = pool.map(RawPeer.close_code, peers)
        embedded_server.close()

    assert list(codes) == [1001, 1001, 1001]
    assert (embedded_server.peers, embedded_server.sessions) == ({}, {})
    for peer in peers:
        peer.close()


def test_close_tells_no_peer_that_the_others_leave(embedded_server: SignallingServer) -> None:
    listener = RawPeer(embedded_server.uri).register("listener")
    other = RawPeer(embedded_server.uri)

    embedded_server.close()

    assert listener.socket.recv_frame().opcode == websocket.ABNF.OPCODE_CLOSE
    listener.close()
    other.close()


@pytest.mark.parametrize("timeout", [0, 0.1, None])
def test_close_is_bounded_with_peers_that_do_not_answer(
    embedded_server: SignallingServer, timeout: float | None
) -> None:
    silent_peers = [RawPeer(embedded_server.uri) for _ in range(5)]
    begun_handshake = tcp(embedded_server)
    begun_handshake.sendall(b"GET / HTTP/1.1\r\n")

    begin = time.monotonic()
    embedded_server.close(timeout)

    assert time.monotonic() - begin < 4
    assert "gss-server" not in [thread.name for thread in threading.enumerate()]
    begun_handshake.close()
    for peer in silent_peers:
        peer.vanish()


def test_close_while_another_thread_closes_is_bounded(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, may_go_on = threading.Event(), threading.Event()
    close = RunningServer.close

    def slow_close(*arguments: object) -> None:
        closing.set()
        assert may_go_on.wait(SECONDS)
        close(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RunningServer, "close", slow_close)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(embedded_server.close)
        assert closing.wait(SECONDS)

        with pytest.raises(WaitTimeout, match=r"0\.05 s"):
            embedded_server.close(timeout=0.05)

        may_go_on.set()
        first.result(SECONDS)


def test_start_and_close_from_several_threads() -> None:
    server = SignallingServer(port=0)

    def start_and_close(_: int) -> None:
        server.start()
        server.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start_and_close, range(80)))

    server.close()
    assert server.peers == {}


def test_200_starts_and_closes_keep_the_memory_flat() -> None:
    server = SignallingServer(port=0)

    def start_and_close(times: int) -> None:
        for _ in range(times):
            with server:
                RawPeer(server.uri).close()
        gc.collect()

    start_and_close(50)
    before = resident_bytes()
    start_and_close(150)

    assert resident_bytes() - before < 8 * 2**20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_inherited_by_fork_says_so_and_its_close_does_nothing(embedded_server: SignallingServer) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            embedded_server.close()
            _ = embedded_server.peers
        except RuntimeError as error:
            status = 0 if "fork" in str(error) else 2
        finally:
            os._exit(status)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    RawPeer(embedded_server.uri).close()


def copy_of_what_listens(port: int) -> socket.socket:
    """A listening socket of this process as a forked child has it."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(descriptor).startswith("socket:"):
                copy = socket.socket(fileno=os.dup(int(descriptor.name)))
                with contextlib.suppress(OSError):
                    if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and copy.getsockname()[1] == port:
                        return copy
                copy.close()
    raise AssertionError(f"nothing listens on port {port}")


def test_port_is_free_after_close_while_a_child_has_not_closed_its_copy_yet() -> None:
    with reserved_port() as port:
        server = SignallingServer(port=port).start()
        with copy_of_what_listens(port):
            server.close()
            with SignallingServer(port=port) as again:
                assert list_producers(again.uri) == []
