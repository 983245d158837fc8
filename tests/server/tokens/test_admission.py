"""Which clients a server that asks for tokens admits, and the roles of this library there."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus

import pytest
import websocket

from gst_signalling_sync import (
    ConnectError,
    Endpoint,
    Grant,
    Listener,
    PeerNotFound,
    Producer,
    Retry,
    ServerError,
    SignallingServer,
    connect,
    find_producer,
    list_producers,
)
from gst_signalling_sync.server import hashed

from ...helpers.raw_peer import RawPeer
from ...helpers.tokens import TokensFile, bearer, peer_with
from ...helpers.waiting import Heard, wait_until
from .admissions import comes_in, reload, status_of

SECONDS = 10.0


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

    wait_until(lambda: comes_in(server, token), "the file was read again")


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
    reload(server, lambda: comes_in(server, token), "the token")
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
