"""The embedded server itself: its life, its limits, and how it treats strangers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import websocket

from gst_signalling_sync import list_producers
from gst_signalling_sync.errors import ConnectError, WaitTimeout
from gst_signalling_sync.protocol.messages import Peer, ProtocolVersion, Role
from gst_signalling_sync.server import ServerLimits, SignallingServer
from gst_signalling_sync.server.running import RunningServer
from gst_signalling_sync.threads.event_loops import EVENT_LOOP_VARIABLE

from ..helpers.ports import reserved_port
from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE, Stranger, masked

SECONDS = 10.0


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def tcp(server: SignallingServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def close_code(peer: RawPeer) -> int:
    frame = peer.socket.recv_frame()
    while frame.opcode != websocket.ABNF.OPCODE_CLOSE:
        frame = peer.socket.recv_frame()
    return int.from_bytes(frame.data[:2], "big")


# Life


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
        wait_until(lambda: server.port)
        RawPeer(server.uri).close()
        assert not serving.done()

        server.close()

        serving.result(SECONDS)


def test_start_after_close_starts_anew() -> None:
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
        codes = pool.map(close_code, peers)
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


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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


# Views


def test_peers_are_seen_with_name_and_roles(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer", "listener", meta={"name": "robot"}) as raw:
        [peer] = embedded_server.peers.values()

        assert isinstance(peer, Peer)
        assert (peer.id, peer.name, peer.roles) == (raw.id, "robot", (Role.PRODUCER, Role.LISTENER))

    wait_until(lambda: embedded_server.peers == {})


def test_sessions_are_seen_with_both_ends(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer") as producer, RawPeer(embedded_server.uri) as consumer:
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]

        session = embedded_server.sessions[session_id]

        assert (session.id, session.producer_id, session.consumer_id) == (session_id, producer.id, consumer.id)

    wait_until(lambda: embedded_server.sessions == {})


# Protocol 1.1, which today's reference server does not speak


def test_error_at_the_end_of_a_session_reaches_a_1_1_peer(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as producer, RawPeer(embedded_server.uri) as consumer:
        producer.send("setProtocolVersion", version="v1_1")
        producer.register("producer")
        consumer.send("setProtocolVersion", version="v1_1")
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]
        assert producer.receive()["type"] == "startSession"

        consumer.send("endSessionV1_1", sessionId=session_id, error="boom")

        assert producer.receive() == {"type": "endSessionV1_1", "sessionId": session_id, "error": "boom"}
        assert embedded_server.peers[producer.id].version is ProtocolVersion.V1_1


def test_plain_end_after_an_end_with_an_error_is_ignored(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as producer, RawPeer(embedded_server.uri) as consumer:
        consumer.send("setProtocolVersion", version="v1_1")
        producer.register("producer")
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]
        producer.receive()

        consumer.send("endSessionV1_1", sessionId=session_id, error="boom")
        consumer.send("endSession", sessionId=session_id)

        assert producer.receive() == {"type": "endSession", "sessionId": session_id}
        assert consumer.hears_nothing()
        assert producer.hears_nothing()


def test_version_after_another_message_is_refused(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as peer:
        assert peer.hears_nothing()

        assert peer.request("setProtocolVersion", version="v1_1") == {
            "type": "error",
            "details": f"Protocol version selection for peer '{peer.id}' must be first message",
        }


def test_error_from_a_1_0_peer_is_refused(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as peer:
        assert peer.request("endSessionV1_1", sessionId="X", error="boom") == {
            "type": "error",
            "details": f"Invalid end session message with error from peer '{peer.id}', minimum protocol version is 1.1",
        }


def test_stranger_that_tries_to_end_a_session_does_not(embedded_server: SignallingServer) -> None:
    with (
        RawPeer(embedded_server.uri).register("producer") as producer,
        RawPeer(embedded_server.uri) as consumer,
        RawPeer(embedded_server.uri) as stranger,
    ):
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]

        assert stranger.request("endSession", sessionId=session_id)["type"] == "error"

        assert session_id in embedded_server.sessions


# Calls by the operator


def test_session_that_the_server_ends_is_marked_for_both_ends(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer") as producer, RawPeer(embedded_server.uri) as consumer:
        consumer.send("setProtocolVersion", version="v1_1")
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]
        producer.receive()

        embedded_server.end_session(session_id, mark="expired")

        assert producer.receive() == {"type": "endSession", "sessionId": session_id, "mark": "expired"}
        assert consumer.receive() == {
            "type": "endSessionV1_1",
            "sessionId": session_id,
            "error": None,
            "mark": "expired",
        }
        assert embedded_server.sessions == {}


def test_mark_of_a_client_is_not_passed_on(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer") as producer, RawPeer(embedded_server.uri) as consumer:
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]
        producer.receive()

        consumer.send("endSession", sessionId=session_id, mark="expired")

        assert producer.receive() == {"type": "endSession", "sessionId": session_id}


def test_session_that_is_none_cannot_be_ended(embedded_server: SignallingServer) -> None:
    with pytest.raises(LookupError, match="cannot end session 'X'"):
        embedded_server.end_session("X")


# Limits


def test_peer_that_does_not_read_is_cut_off_and_delays_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with (
        SignallingServer(port=0, limits=ServerLimits(unread_bytes=100_000, bytes=None)) as server,
        RawPeer(server.uri).register("producer") as producer,
        RawPeer(server.uri) as other,
    ):
        stuck = RawPeer(server.uri, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),))
        session_id = stuck.request("startSession", peerId=producer.id)["sessionId"]
        producer.receive()
        sdp = {"type": "offer", "sdp": "x" * 60_000}

        sent = 0
        while stuck.id in server.peers:
            producer.send("peer", sessionId=session_id, sdp=sdp)
            begin = time.monotonic()
            assert other.hears_nothing()
            assert time.monotonic() - begin < 4
            sent += 1
            assert sent < 100, "not cut off"

        assert producer.receive() == {"type": "endSession", "sessionId": session_id}
        assert server.refusals["unread_bytes"] == 1
        assert [record.levelno for record in caplog.records if "unread_bytes" in record.message] == [logging.WARNING]
        stuck.vanish()


def test_message_of_the_greatest_length_is_relayed() -> None:
    limits = ServerLimits(sdp_bytes=None)
    with (
        SignallingServer(port=0, limits=limits) as server,
        RawPeer(server.uri).register("producer") as producer,
        RawPeer(server.uri) as consumer,
    ):
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]
        producer.receive()
        sdp = "x" * (limits.message_bytes - 200)

        consumer.send("peer", sessionId=session_id, sdp={"type": "answer", "sdp": sdp})

        assert producer.receive()["sdp"]["sdp"] == sdp


def test_message_that_is_too_long_ends_the_connection() -> None:
    with SignallingServer(port=0, limits=ServerLimits(message_bytes=5000)) as server, RawPeer(server.uri) as peer:
        peer.send_text("x" * 5001)

        assert close_code(peer) == 1009


def test_text_that_is_not_utf8_ends_the_connection(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as peer:
        peer.socket.send_frame(websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_TEXT, 1, b"\xff\xfe"))

        assert close_code(peer) == 1007


def test_peer_that_says_goodbye_but_stays_is_gone_at_once_and_cut_off(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("listener") as listener:
        peer = RawPeer(embedded_server.uri)

        peer.socket.send_close()

        assert listener.receive()["peerId"] == peer.id
        assert close_code(peer) == 1000
        peer.vanish()


def test_client_that_never_shakes_hands_is_cut_off() -> None:
    limits = ServerLimits(handshake_seconds=0.1)
    with SignallingServer(port=0, limits=limits) as server, tcp(server) as silent, tcp(server) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")

        assert read_to_end(silent) == b""
        assert read_to_end(slow) == b""


def test_burst_of_peers_is_welcomed(embedded_server: SignallingServer) -> None:
    handshake = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with ExitStack() as stack:
        burst = [stack.enter_context(tcp(embedded_server)) for _ in range(300)]
        for connection in burst:
            connection.sendall(handshake)

        wait_until(lambda: len(embedded_server.peers) == 300)

    wait_until(lambda: embedded_server.peers == {})


def test_compression_is_not_negotiated(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri, header=["Sec-WebSocket-Extensions: permessage-deflate"]) as peer:
        assert "sec-websocket-extensions" not in (peer.socket.getheaders() or {})


# Strangers


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nand then junk in the same packet",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET /" + b"x" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: bad\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n",
    ],
)
def test_stranger_is_turned_away_with_one_line_in_the_log(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    # The server may refuse and reset the connection before everything is sent.
    with tcp(embedded_server) as stranger, suppress(OSError):
        stranger.sendall(junk)
        stranger.shutdown(socket.SHUT_WR)
        read_to_end(stranger)
    wait_until(lambda: caplog.records)

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].exc_info is None
    assert re.fullmatch(r"connection from .*: (handshake|header_bytes): .*", caplog.records[0].getMessage())
    RawPeer(embedded_server.uri).close()


def test_port_scan_is_no_warning(embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture) -> None:
    tcp(embedded_server).close()
    with RawPeer(embedded_server.uri) as peer:
        assert peer.hears_nothing()

    assert caplog.records == []


def test_broken_frame_ends_one_connection_only(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as peer, RawPeer(embedded_server.uri) as other:
        peer.socket.send_frame(websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_CONT, 1, b"of nothing"))

        assert close_code(peer) == 1002
        assert other.hears_nothing()


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize("pipelined", [False, True], ids=["after-handshake", "with-handshake"])
def test_frames_in_whatever_pieces_they_come(embedded_server: SignallingServer, piece: int, pipelined: bool) -> None:
    frames = [
        masked(0x1, b'{"type": "listConsumers"}'),
        masked(0x9, b"ping"),
        b"\x01\x89" + bytes(4) + b'{"type": ',
        masked(0xA, b"nobody asked"),
        b"\x80\x90" + bytes(4) + b'"listConsumers"}',
        masked(0x1, b"not JSON"),
        masked(0x2, b"binary"),
    ]
    with tcp(embedded_server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = HANDSHAKE + b"".join(frames) if pipelined else HANDSHAKE
        for start in range(0, len(data), piece):
            connection.sendall(data[start : start + piece])
        received = b""
        if not pipelined:
            while b'"welcome"' not in received:
                received += connection.recv(4096)
            data = b"".join(frames)
            for start in range(0, len(data), piece):
                connection.sendall(data[start : start + piece])
                time.sleep(0)
        # The pong may come before, between or after the answers.
        while received.count(b'"consumers": []') < 2 or b"\x8a\x04ping" not in received:
            received += connection.recv(4096)
        connection.sendall(masked(0x8, b"\x03\xe8"))
        while data := connection.recv(4096):
            received += data
        assert received.endswith(b"\x88\x02\x03\xe8")
    assert embedded_server.refusals == {"message": 1, "binary": 1}


def test_peers_cost_the_garbage_collector_little(embedded_server: SignallingServer) -> None:
    def connected(count: int) -> list[Stranger]:
        peers = [Stranger(embedded_server.port) for _ in range(count)]
        for peer in peers:
            peer.send(masked(0x9, b"ping"))
            assert peer.socket.recv(100) == b"\x8a\x04ping"
        gc.collect()
        return peers

    peers = connected(10)
    before = len(gc.get_objects())
    peers += connected(100)

    # Nine objects are the server's; the others are the stranger, its socket and its dictionary. A parser would be ten more.
    assert (len(gc.get_objects()) - before) / 100 < 9 + 3 + 0.5
    for peer in peers:
        peer.close()
    wait_until(lambda: not embedded_server.peers)
    # They were freed when the peers left, because no object refers to itself.
    gc.disable()
    try:
        gc.collect()
        with ExitStack() as stack:
            for _ in range(100):
                stack.callback(Stranger(embedded_server.port).close)
        wait_until(lambda: not embedded_server.peers)
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_dropped_message_is_logged_in_one_short_line(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with RawPeer(embedded_server.uri) as peer:
        peer.send_text('{"type": "' + "\\n" * 100_000 + '"}')
        assert peer.hears_nothing()

        [message] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert peer.id in message
        assert len(message) < 700
        assert "\n" not in message


def test_peer_that_is_gone_before_its_stream_is_ended_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, "asyncio")
    tried = threading.Event()

    def write_eof(transport: asyncio.WriteTransport) -> None:
        tried.set()
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    # The error of a socket whose other end has reset the connection since the last read.
    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", write_eof)
    with SignallingServer(port=0) as server:
        peer = RawPeer(server.uri)
        peer.close()
        assert tried.wait(SECONDS)
        wait_until(lambda: not server.peers)
    assert caplog.records == []


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
