"""Peers that do not read, send too much or break the protocol, and strangers."""

from __future__ import annotations

import errno
import gc
import logging
import os
import re
import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest
import websocket

from gst_signalling_sync.server import ServerLimits, SignallingServer
from gst_signalling_sync.threads.event_loops import EVENT_LOOP_VARIABLE

from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE, Stranger, masked
from ..helpers.waiting import wait_until
from .connections import tcp

SECONDS = 10.0


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


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

        assert peer.close_code() == 1009


def test_text_that_is_not_utf8_ends_the_connection(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri) as peer:
        peer.socket.send_frame(websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_TEXT, 1, b"\xff\xfe"))

        assert peer.close_code() == 1007


def test_peer_that_says_goodbye_but_stays_is_gone_at_once_and_cut_off(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("listener") as listener:
        peer = RawPeer(embedded_server.uri)

        peer.socket.send_close()

        assert listener.receive()["peerId"] == peer.id
        assert peer.close_code() == 1000
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

        wait_until(lambda: len(embedded_server.peers) == 300, "all peers are welcomed")

    wait_until(lambda: embedded_server.peers == {}, "all peers are gone")


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
    wait_until(lambda: caplog.records, "a line is in the log")

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

        assert peer.close_code() == 1002
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
    wait_until(lambda: not embedded_server.peers, "the peer is gone")
    # They were freed when the peers left, because no object refers to itself.
    gc.disable()
    try:
        gc.collect()
        with ExitStack() as stack:
            for _ in range(100):
                stack.callback(Stranger(embedded_server.port).close)
        wait_until(lambda: not embedded_server.peers, "the peer is gone")
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

    with SignallingServer(port=0) as server:
        shutdown = socket.socket.shutdown

        def shut_down(connection: socket.socket, how: int) -> None:
            if connection.getsockname()[1] != server.port:
                shutdown(connection, how)
                return
            tried.set()
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

        # The error of a socket whose other end has reset the connection since the last read.
        monkeypatch.setattr(socket.socket, "shutdown", shut_down)
        peer = RawPeer(server.uri)
        peer.close()
        assert tried.wait(SECONDS)
        wait_until(lambda: not server.peers, "the peer is gone")
    assert caplog.records == []
