"""A server that asks for tokens: which clients it admits, what they may do, and how their admission ends."""

from __future__ import annotations

import base64
import json
import logging
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import websocket

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    Endpoint,
    Grant,
    Listener,
    PeerNotFound,
    Producer,
    Retry,
    ServerError,
    ServerLimits,
    SessionClosed,
    SignallingClient,
    SignallingServer,
    connect,
    find_producer,
    list_producers,
)
from gst_signalling_sync.protocol.resumption import HEADER, NEW
from gst_signalling_sync.server import AuthorizationRequest, hashed

from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE
from ..helpers.tokens import TokensFile, bearer, peer_with
from ..helpers.waiting import Heard, wait_until

SECONDS = 10.0


@pytest.fixture
def tokens(tmp_path: Path) -> TokensFile:
    return TokensFile(tmp_path)


@pytest.fixture
def server(tokens: TokensFile) -> Iterator[SignallingServer]:
    with SignallingServer(port=0, tokens=tokens.path) as server:
        yield server


def status_of(server: SignallingServer, query: str = "", **options: Any) -> int:
    """The HTTP status with which the server refuses a client."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        RawPeer(server.uri + query, **options)
    return refused.value.status_code


def close_code_of(peer: RawPeer) -> int:
    """The code with which the server closes a connection, after any other messages."""
    while True:
        frame = peer.socket.recv_frame()
        if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
            code: int = struct.unpack("!H", frame.data[:2])[0]
            peer.vanish()
            return code


def reload(server: SignallingServer, condition: Any, what: str) -> None:
    server.reload()
    wait_until(condition, what)


# Admission


def test_token_lets_in_and_its_absence_and_another_one_do_not(tokens: TokensFile) -> None:
    token = tokens.add("arm")
    with SignallingServer(port=0, tokens=tokens.path) as server:
        peer_with(server, token).close()

        assert status_of(server) == HTTPStatus.UNAUTHORIZED
        assert status_of(server, **bearer("guessed")) == HTTPStatus.FORBIDDEN
        assert status_of(server, header=["Authorization: Basic YTpi"]) == HTTPStatus.FORBIDDEN
        assert status_of(server, header=["Authorization: Digest x"]) == HTTPStatus.BAD_REQUEST
        assert status_of(server, header=["Authorization: Basic !"]) == HTTPStatus.BAD_REQUEST
        assert server.refusals == {"tokens": 5}


def _comes_in(server: SignallingServer, token: str) -> bool:
    try:
        peer_with(server, token).close()
    except websocket.WebSocketBadStatusException:
        return False
    return True


def test_refusal_without_a_token_names_the_scheme() -> None:
    with SignallingServer(port=0, tokens={"x" * 20: Grant()}) as server:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            RawPeer(server.uri)

        headers = refused.value.resp_headers
        assert headers is not None
        assert headers["www-authenticate"].startswith("Bearer")


def test_web_page_gives_its_token_in_the_query_and_a_program_cannot() -> None:
    with SignallingServer(port=0, tokens={"x" * 20: Grant()}) as server:
        RawPeer(f"{server.uri}/?token={'x' * 20}", origin="http://localhost").close()

        assert status_of(server, f"/?token={'x' * 20}", suppress_origin=True) == HTTPStatus.UNAUTHORIZED
        assert status_of(server, "/?token=y", origin="http://localhost") == HTTPStatus.FORBIDDEN
        twice = f"/?token={'x' * 20}&token=y"
        assert status_of(server, twice, origin="http://localhost") == HTTPStatus.BAD_REQUEST


def test_mapping_holds_tokens_or_their_hashes() -> None:
    with SignallingServer(port=0, tokens={"plain": Grant(), hashed("hidden"): Grant()}) as server:
        peer_with(server, "plain").close()
        peer_with(server, "hidden").close()

        assert status_of(server, **bearer(hashed("hidden"))) == HTTPStatus.FORBIDDEN


def test_token_that_has_expired_does_not_let_in() -> None:
    with SignallingServer(port=0, tokens={"old": Grant(expires=1000)}) as server:
        assert status_of(server, **bearer("old")) == HTTPStatus.FORBIDDEN
        assert server.refusals == {"expired": 1}


def test_file_is_read_again_when_it_changes(server: SignallingServer, tokens: TokensFile) -> None:
    token = tokens.add("arm")

    wait_until(lambda: _comes_in(server, token), "the file was read again")


def test_subject_may_have_so_many_peers() -> None:
    grants = {"one": Grant(subject="arm", connections=1), "two": Grant(subject="leg", connections=2)}
    with SignallingServer(port=0, tokens=grants) as server:
        with peer_with(server, "one"), peer_with(server, "two"), peer_with(server, "two"):
            assert status_of(server, **bearer("one")) == HTTPStatus.TOO_MANY_REQUESTS
            assert status_of(server, **bearer("two")) == HTTPStatus.TOO_MANY_REQUESTS
            assert server.refusals == {"connections_per_token": 2}
        wait_until(lambda: not server.peers, "they are gone")
        peer_with(server, "one").close()


# Permissions


def test_producer_and_consumer_of_this_library_with_their_tokens() -> None:
    grants = {
        "robot's": Grant(subject="robot", roles=["producer"], names=["robot"], peers=[]),
        "operator's": Grant(subject="operator", roles=[], peers=["robot"]),
        "stranger's": Grant(subject="stranger", roles=["listener"], peers=["nobody"]),
    }
    with SignallingServer(port=0, tokens=grants) as server:

        def endpoint(token: str) -> Endpoint:
            return Endpoint(server.uri, token=token)

        with Producer(endpoint("robot's"), name="robot") as robot:
            robot.add_channel("greeting")
            with connect(endpoint("operator's"), name="robot") as session:
                assert session.is_open
            assert list_producers(endpoint("stranger's")) == []
            with pytest.raises(PeerNotFound):
                find_producer("robot", endpoint("stranger's"))
            with Listener(endpoint("stranger's")) as listener:
                assert listener.producers == {}
            with pytest.raises(ServerError, match="does not allow the role producer"):
                Producer(endpoint("operator's"), name="robot", retry=None).start()
        with pytest.raises(ServerError, match="does not allow the name 'arm'"):
            Producer(endpoint("robot's"), name="arm", retry=None).start()


@pytest.mark.parametrize(("token", "status"), [("", 401), ("guessed", 403)])
def test_role_of_this_library_tells_that_it_was_refused_and_does_not_try_again(token: str, status: int) -> None:
    with SignallingServer(port=0, tokens={"right": Grant()}) as server:
        robot = Producer(Endpoint(server.uri, token=token), name="robot", retry=Retry(wait_for_server=True))
        with pytest.raises(ConnectError) as refused:
            robot.start(timeout=SECONDS)
        robot.close()

        assert refused.value.status == status
        assert sum(server.refusals.values()) == 1


def test_role_whose_token_was_revoked_ends_and_says_why(server: SignallingServer, tokens: TokensFile) -> None:
    token = tokens.add("robot")
    reload(server, lambda: _comes_in(server, token), "the token")
    robot = Producer(Endpoint(server.uri, token=token), name="robot")
    changes = Heard(robot.state_changed)
    robot.start()
    ended = threading.Thread(target=pytest.raises, args=(ConnectError, robot.serve_forever))
    ended.start()
    tokens.remove("robot")

    while (change := changes.next())["state"] != "closed":
        continue
    assert isinstance(change["error"], ConnectError)
    assert change["error"].status == HTTPStatus.FORBIDDEN
    ended.join(SECONDS)
    robot.close()


def test_role_whose_token_is_asked_for_each_time_comes_back_with_the_next() -> None:
    given = iter(["first", "second", "second", "second"])
    grants = {"first": Grant(subject="robot", expires=time.time() + 2), "second": Grant(subject="robot")}
    with (
        SignallingServer(port=0, tokens=grants) as server,
        Producer(Endpoint(server.uri, token=lambda: next(given)), name="robot") as robot,
    ):
        back = Heard(robot.reconnected)

        back.next()
        assert [peer.name for peer in server.peers.values()] == ["robot"]


# The end of an admission


def test_peer_whose_token_expires_is_told_with_its_sessions() -> None:
    grants = {"short": Grant(subject="short", expires=time.time() + 1.5), "long": Grant(subject="long")}
    with SignallingServer(port=0, tokens=grants) as server:
        robot, consumer = peer_with(server, "long").register("producer"), peer_with(server, "short")
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        assert robot.receive()["type"] == "startSession"

        ended = {"type": "endSession", "sessionId": session_id, "mark": "expired"}
        assert consumer.receive() == ended
        assert close_code_of(consumer) == 3000
        assert robot.receive() == ended
        assert robot.hears_nothing()
        assert list(server.peers) == [robot.id]
        assert server.refusals == {"expired": 1}
        robot.close()


def test_session_of_an_expired_token_ends_at_both_ends_of_this_library() -> None:
    grants = {"short": Grant(expires=time.time() + 3), "long": Grant()}
    with (
        SignallingServer(port=0, tokens=grants) as server,
        Producer(Endpoint(server.uri, token="long"), name="robot") as robot,
    ):
        ended = Heard(robot.session_ended)
        robot.add_channel("x")
        session = connect(Endpoint(server.uri, token="short"), name="robot")
        closed = Heard(session.closed)

        for error in (closed.next()["error"], ended.next()["error"]):
            assert isinstance(error, SessionClosed)
            assert error.reason == "expired"
        session.close()


def test_token_that_the_file_does_not_have_any_more_ends_its_peers(
    server: SignallingServer, tokens: TokensFile
) -> None:
    kept, revoked = tokens.add("kept"), tokens.add("revoked")
    reload(server, lambda: _comes_in(server, revoked), "the tokens")
    with peer_with(server, kept) as stays:
        peer = peer_with(server, revoked)
        tokens.remove("revoked")
        server.reload()

        assert close_code_of(peer) == 3000
        assert stays.hears_nothing()
        assert status_of(server, **bearer(revoked)) == HTTPStatus.FORBIDDEN
        assert server.refusals["revoked"] == 1


@pytest.mark.parametrize(
    ("fields", "stays"), [("expires = 2100-01-01T00:00:00Z", True), ("roles = ['listener']", False)]
)
def test_entry_that_changed_ends_its_peers_where_it_lets_them_do_something_else(
    fields: str, stays: bool, server: SignallingServer, tokens: TokensFile
) -> None:
    token = tokens.add("arm")
    reload(server, lambda: _comes_in(server, token), "the token")
    peer = peer_with(server, token)
    tokens.put("arm", token, fields)
    probe = tokens.add("probe")
    reload(server, lambda: _comes_in(server, probe), "the file was read again")

    if stays:
        assert peer.hears_nothing()
        peer.close()
    else:
        assert close_code_of(peer) == 3000
        peer_with(server, token).close()


def test_peer_that_may_come_back_is_gone_when_its_token_is_revoked(
    server: SignallingServer, tokens: TokensFile
) -> None:
    token = tokens.add("arm")
    reload(server, lambda: _comes_in(server, token), "the token")
    robot = RawPeer(server.uri, header=[f"Authorization: Bearer {token}", f"{HEADER}: {NEW}"]).register("producer")
    robot.vanish()
    assert list(server.peers) == [robot.id]
    tokens.remove("arm")
    server.reload()

    wait_until(lambda: server.peers == {}, "it is gone")


def test_revoked_client_is_told_by_connection_lost(server: SignallingServer, tokens: TokensFile) -> None:
    token = tokens.add("arm")
    reload(server, lambda: _comes_in(server, token), "the token")
    with SignallingClient(Endpoint(server.uri, token=token)) as client:
        tokens.remove("arm")
        wait_until(lambda: server.peers == {}, "it is gone")

        with pytest.raises(ConnectionLost, match="3000"):
            client.list_producers()


# A callable of the user


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
    assert "test_server_tokens.py" in line.getMessage()
    assert "sesame" not in caplog.text


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


# Warnings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "anybody who can reach"),
        ({"tokens": {"x": Grant()}}, "tokens travel unencrypted"),
        ({"tokens": {"x": Grant()}, "trusted_proxies": ["10.0.0.1"]}, None),
        ({"authorize": lambda request: None}, "tokens travel unencrypted"),
    ],
)
def test_server_that_others_reach_warns_at_each_start(
    options: dict[str, Any], words: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    server = SignallingServer("0.0.0.0", port=0, **options)
    for _ in range(2):
        server.start()
        server.close()

    assert len(caplog.records) == (0 if words is None else 2)
    assert all(words is not None and words in message for message in caplog.messages)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_server_on_the_loopback_does_not_warn(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with SignallingServer(host, port=0):
        assert caplog.records == []


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"tokens": "missing.toml"}, FileNotFoundError, "missing"),
        ({"authorize": "me"}, TypeError, "authorize must be a callable"),
    ],
)
def test_option_that_means_nothing_is_refused_at_once(
    options: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        SignallingServer(port=0, **options)


def test_file_of_the_server_is_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text(json.dumps({}))

    with pytest.raises(ValueError, match=r"tokens\.toml"):
        SignallingServer(port=0, tokens=tmp_path / "tokens.toml")
