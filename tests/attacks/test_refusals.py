"""A client without permission is refused in the documented way, and one line of the log says so without a secret."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websocket

from gst_signalling_sync import ConnectError, Endpoint, Grant, ServerLimits, SignallingServer, list_producers
from gst_signalling_sync.protocol.resumption import HEADER, NEW
from gst_signalling_sync.server import AuthorizationRequest

from ..helpers.certificates import PrivateCA
from ..helpers.raw_peer import RawPeer
from ..helpers.tokens import TokensFile, bearer, peer_with
from ..helpers.waiting import wait_until

SECONDS = 10.0
HELD_UP_SECONDS = 4.0
SECRETS = {
    "ROBOTS-TOKEN": Grant(subject="robot", roles=["producer"], names=["robot"], peers=[]),
    "OPERATORS-TOKEN": Grant(subject="operator", roles=["listener"], peers=["robot"]),
    "EXPIRED-TOKEN": Grant(subject="late", expires=1_000),
}
GUESSED = "GUESSED-TOKEN"


class Log(logging.Handler):
    """All that is logged, as with ``-vvv``, where secrets would most likely show."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {self.format(record)}")

    def assert_one_line_without(self, *secrets: str) -> None:
        """Assert one line at the levels that are shown by default, and that no line contains a secret."""
        shown = [line for line in self.lines if not line.startswith(("DEBUG ", "INFO "))]
        assert len(shown) == 1, shown
        for secret in secrets:
            assert not [line for line in self.lines if secret in line]


@pytest.fixture
def log() -> Iterator[Log]:
    log, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    yield log
    root.setLevel(level)
    root.removeHandler(log)


@pytest.fixture
def guarded(log: Log) -> Iterator[SignallingServer]:
    """A server with tokens. At its end the log must have one warning and no secret."""
    with SignallingServer(port=0, tokens=SECRETS) as server:
        yield server
    log.assert_one_line_without(*SECRETS, GUESSED)


def exchange(server: SignallingServer, request: bytes) -> bytes:
    """Send bytes, and return what the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as stranger:
        stranger.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := stranger.recv(65536):
                answer += data
        return answer


def handshake(*headers: str, target: str = "/") -> bytes:
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (handshake(), 401),
        (handshake(f"Authorization: Bearer {GUESSED}"), 403),
        (handshake("Authorization: Bearer EXPIRED-TOKEN"), 403),
        (handshake("Authorization: Bearer "), 403),
        (handshake(f"Authorization: Basic {GUESSED}"), 400),
        (handshake(f"Authorization: {GUESSED}"), 400),
        (handshake("Authorization: Bearer ROBOTS-TOKEN", f"Authorization: Bearer {GUESSED}"), 400),
        (handshake("Origin: http://localhost", target=f"/?token={GUESSED}"), 403),
        (handshake("Origin: http://localhost", "Authorization: Bearer x", target=f"/?token={GUESSED}"), 400),
        (handshake(target="/?token=ROBOTS-TOKEN"), 401),
        (handshake("Origin: https://evil.example", "Authorization: Bearer ROBOTS-TOKEN"), 403),
        (handshake("Authorization: Bearer ROBOTS-TOKEN", "Host: evil.example"), 400),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else value.decode().partition("13\r\n")[2].strip(),
)
def test_handshake_that_does_not_say_who_it_is(guarded: SignallingServer, request_: bytes, status: int) -> None:
    assert exchange(guarded, request_).startswith(f"HTTP/1.1 {status} ".encode())
    assert guarded.peers == {}


@pytest.mark.parametrize(
    "request_",
    [
        handshake("Authorization: Bearer ROBOTS-TOKEN", "Content-Length: 5") + b"GET /",
        handshake("Authorization: Bearer ROBOTS-TOKEN", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        handshake("Authorization: Bearer ROBOTS-TOKEN", "Content-Length: 0", "Content-Length: 5"),
        handshake("Authorization: Bearer ROBOTS-TOKEN") + handshake("Authorization: Bearer ROBOTS-TOKEN"),
        handshake("Authorization: Bearer ROBOTS-TOKEN", "X-Long : 1"),
        handshake("Authorization: Bearer ROBOTS-TOKEN", " folded"),
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 44\r\n\r\n" + handshake(),
        handshake().replace(b"HTTP/1.1", b"HTTP/2.0"),
    ],
    ids=[
        *("length", "chunked", "two lengths", "pipelined", "space before the colon", "folded", "body", "another HTTP"),
    ],
)
def test_request_that_smuggles_another_one(guarded: SignallingServer, request_: bytes) -> None:
    answer = exchange(guarded, request_)

    # Nothing after the first request is answered, and the first one opens nothing.
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"welcome" not in answer
    assert guarded.peers == {}
    assert sum(guarded.refusals.values()) == 1


def test_token_that_is_revoked_while_it_is_used(tmp_path: Path, log: Log) -> None:
    tokens = TokensFile(tmp_path)
    token = tokens.add("robot")
    with SignallingServer(port=0, tokens=tokens.path) as server:
        peer = peer_with(server, token)
        tokens.remove("robot")
        server.reload()

        frame = peer.socket.recv_frame()
        assert (frame.opcode, struct.unpack("!H", frame.data[:2])) == (websocket.ABNF.OPCODE_CLOSE, (3000,))
        peer.close()
        wait_until(lambda: server.peers == {}, "it is gone")
    log.assert_one_line_without(token)


def test_token_that_expires_while_it_is_used(log: Log) -> None:
    with SignallingServer(port=0, tokens={"SHORT-TOKEN": Grant(expires=time.time() + 1)}) as server:
        peer = peer_with(server, "SHORT-TOKEN")

        frame = peer.socket.recv_frame()
        assert (frame.opcode, struct.unpack("!H", frame.data[:2])) == (websocket.ABNF.OPCODE_CLOSE, (3000,))
        peer.close()
    log.assert_one_line_without("SHORT-TOKEN")


def wrong_role(robot: RawPeer, operator: RawPeer) -> str:
    return str(operator.request("setPeerStatus", roles=["producer"], meta=None)["details"])


def foreign_name(robot: RawPeer, operator: RawPeer) -> str:
    return str(robot.request("setPeerStatus", roles=["producer"], meta={"name": "other"})["details"])


def no_name(robot: RawPeer, operator: RawPeer) -> str:
    return str(robot.request("setPeerStatus", roles=["producer"], meta=None)["details"])


def foreign_peer(robot: RawPeer, operator: RawPeer) -> str:
    robot.register("producer", meta={"name": "robot"})
    return str(robot.request("startSession", peerId=operator.id)["details"])


@pytest.mark.parametrize(
    ("attempt", "details"),
    [
        (wrong_role, "does not allow the role producer"),
        (foreign_name, "does not allow the name 'other'"),
        (no_name, "requires a name"),
        (foreign_peer, "not found"),
    ],
)
def test_peer_that_wants_what_its_token_does_not_let_it(
    guarded: SignallingServer, attempt: Callable[[RawPeer, RawPeer], str], details: str
) -> None:
    with peer_with(guarded, "ROBOTS-TOKEN") as robot, peer_with(guarded, "OPERATORS-TOKEN") as operator:
        assert details in attempt(robot, operator)
        assert guarded.refusals == {"grant": 1}


@pytest.mark.parametrize("message", ["endSession", "peer"])
def test_session_of_others(message: str, log: Log) -> None:
    with (
        SignallingServer(port=0) as server,
        RawPeer(server.uri).register("producer") as robot,
        RawPeer(server.uri) as consumer,
        RawPeer(server.uri) as stranger,
    ):
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        sdp = {"type": "answer", "sdp": "x"} if message == "peer" else None

        error = stranger.request(message, sessionId=session_id, **({} if sdp is None else {"sdp": sdp}))

        assert error == {"type": "error", "details": f"Peer {stranger.id} is not part of {session_id}"}
        assert list(server.sessions) == [session_id]
        assert robot.receive()["type"] == "startSession"
        assert robot.hears_nothing()
        # The refusal answers a request, as in the reference server, so the line is not a warning.
        assert len([line for line in log.lines if line.startswith("INFO ") and "is not part of" in line]) == 1


def test_resumption_key_that_is_used_again(guarded: SignallingServer, log: Log) -> None:
    def robot(key: str) -> RawPeer:
        return RawPeer(guarded.uri, header=["Authorization: Bearer ROBOTS-TOKEN", f"{HEADER}: {key}"])

    first = robot(NEW)
    key = str((first.socket.getheaders() or {})[HEADER.lower()])
    assert first.request("list")["producers"] == []
    first.vanish()
    with robot(key) as back:
        assert back.id == first.id
        assert back.hears_nothing()

        with robot(key) as replayed:
            assert replayed.id != first.id
            assert "resumed" not in replayed.welcome
        assert back.hears_nothing()
        for secret in (key, str((back.socket.getheaders() or {})[HEADER.lower()])):
            assert not [line for line in log.lines if secret in line]


def test_resumption_key_of_another_subject(guarded: SignallingServer) -> None:
    with RawPeer(guarded.uri, header=["Authorization: Bearer ROBOTS-TOKEN", f"{HEADER}: {NEW}"]) as robot:
        key = (robot.socket.getheaders() or {})[HEADER.lower()]

        header = ["Authorization: Bearer OPERATORS-TOKEN", f"{HEADER}: {key}"]
        with RawPeer(guarded.uri, header=header) as thief:
            assert thief.id != robot.id
            assert "resumed" not in thief.welcome
        assert robot.hears_nothing()


# TLS


@pytest.fixture
def ca(tmp_path: Path) -> PrivateCA:
    return PrivateCA(tmp_path)


def certificate_of(ca: PrivateCA, age: int = 0) -> Path:
    ca.server("127.0.0.1", age=age)
    return ca.folder / f"server-127.0.0.1-{age}.pem"


def test_expired_certificate_of_the_server(ca: PrivateCA, log: Log) -> None:
    with SignallingServer(port=0, cert=certificate_of(ca, age=10)) as server:
        with pytest.raises(ConnectError, match="expired"):
            list_producers(Endpoint(server.uri, cafile=ca.cafile, token="ROBOTS-TOKEN"))
        wait_until(lambda: server.refusals == {"tls": 1}, "it was noted")
    log.assert_one_line_without("ROBOTS-TOKEN")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_that_is_too_old(ca: PrivateCA, version: ssl.TLSVersion, log: Log) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = version
    # The client's OpenSSL might not offer this version by default.
    old.set_ciphers("ALL:@SECLEVEL=0")
    with SignallingServer(port=0, cert=certificate_of(ca)) as server:
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as connection,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(connection)
        wait_until(lambda: server.refusals == {"tls": 1}, "it was noted")
    log.assert_one_line_without()


def test_plain_http_on_the_tls_port(ca: PrivateCA, log: Log) -> None:
    with SignallingServer(port=0, cert=certificate_of(ca), tokens=SECRETS) as server:
        answer = exchange(server, handshake("Authorization: Bearer ROBOTS-TOKEN"))
        wait_until(lambda: server.refusals == {"tls": 1}, "it was noted")

        # The answer is at most a TLS alert.
        assert answer[:1] in (b"", b"\x15")
    log.assert_one_line_without(*SECRETS)


# Not refused


def test_compression_that_browsers_offer_is_declined_and_the_connection_goes_on() -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with SignallingServer(port=0) as server, RawPeer(server.uri, header=[offer]) as peer:
        headers = peer.socket.getheaders()

        assert headers is not None
        assert "sec-websocket-extensions" not in headers
        assert peer.hears_nothing()


def test_guesses_at_tokens_hold_up_nobody_who_has_one() -> None:
    with SignallingServer(port=0, tokens=SECRETS, limits=ServerLimits()) as server:
        for number in range(200):
            with pytest.raises(websocket.WebSocketBadStatusException):
                RawPeer(server.uri, **bearer(f"{GUESSED}-{number}"))

        begin = time.monotonic()
        peer_with(server, "OPERATORS-TOKEN").close()
        assert time.monotonic() - begin < 4
        assert server.refusals["tokens"] == 200


def test_strangers_that_are_decided_on_for_long_hold_up_nobody_whose_token_is_known() -> None:
    release = threading.Event()

    def authorize(request: AuthorizationRequest) -> Grant | None:
        release.wait(SECONDS)
        return None

    limits = ServerLimits(authorizations=4, authorization_seconds=HELD_UP_SECONDS)
    with SignallingServer(port=0, tokens=SECRETS, authorize=authorize, limits=limits) as server:
        with contextlib.ExitStack() as strangers:
            waiting = [
                strangers.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS))
                for _ in range(300)
            ]
            for number, stranger in enumerate(waiting):
                stranger.sendall(handshake(f"Authorization: Bearer {GUESSED}-{number}"))
            begin = time.monotonic()
            for _ in range(10):
                peer_with(server, "OPERATORS-TOKEN").close()
            assert time.monotonic() - begin < HELD_UP_SECONDS

            assert [stranger.recv(12) for stranger in waiting] == [b"HTTP/1.1 503"] * 300
            assert [thread.name for thread in threading.enumerate()].count("gss-authorize") == 4
        release.set()
        assert server.refusals["authorizations"] == 296
        assert server.refusals["authorization_seconds"] == 300
