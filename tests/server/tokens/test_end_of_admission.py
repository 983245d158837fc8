"""An admission ends when its token expires, is revoked or changes."""

from __future__ import annotations

import time
from http import HTTPStatus

import pytest

from gst_signalling_sync import (
    ConnectionLost,
    Endpoint,
    Grant,
    Producer,
    SessionClosed,
    SignallingClient,
    SignallingServer,
    connect,
)
from gst_signalling_sync.protocol.resumption import HEADER, NEW

from ...helpers.raw_peer import RawPeer
from ...helpers.tokens import TokensFile, bearer, peer_with
from ...helpers.waiting import Heard, wait_until
from .admissions import comes_in, reload, status_of


def test_peer_whose_token_expires_is_told_with_its_sessions() -> None:
    grants = {"short": Grant(subject="short", expires=time.time() + 1.5), "long": Grant(subject="long")}
    with SignallingServer(port=0, tokens=grants) as server:
        robot, consumer = peer_with(server, "long").register("producer"), peer_with(server, "short")
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        assert robot.receive()["type"] == "startSession"

        ended = {"type": "endSession", "sessionId": session_id, "mark": "expired"}
        assert consumer.receive() == ended
        assert consumer.close_code() == 3000
        consumer.vanish()
        assert robot.receive() == ended
        assert robot.hears_nothing()
        assert list(server.peers) == [robot.id]
        assert server.refusals == {"expired": 1}
        robot.close()


def test_what_a_peer_sends_after_the_end_of_its_admission_is_dropped_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SignallingServer(port=0, tokens={"short": Grant(expires=time.time() + 1.5)}) as server:
        peer = peer_with(server, "short")
        wait_until(lambda: not server.peers, "the token has expired")
        peer.send("list")
        assert peer.close_code() == 3000
        peer.vanish()
    assert not [record for record in caplog.records if record.exc_info]


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
    reload(server, lambda: comes_in(server, revoked), "the tokens")
    with peer_with(server, kept) as stays:
        peer = peer_with(server, revoked)
        tokens.remove("revoked")
        server.reload()

        assert peer.close_code() == 3000
        peer.vanish()
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
    reload(server, lambda: comes_in(server, token), "the token")
    peer = peer_with(server, token)
    tokens.put("arm", token, fields)
    probe = tokens.add("probe")
    reload(server, lambda: comes_in(server, probe), "the file was read again")

    if stays:
        assert peer.hears_nothing()
        peer.close()
    else:
        assert peer.close_code() == 3000
        peer.vanish()
        peer_with(server, token).close()


def test_file_that_cannot_be_read_for_an_unforeseen_reason_is_not_the_last_that_is_read(
    server: SignallingServer, tokens: TokensFile, caplog: pytest.LogCaptureFixture
) -> None:
    # tomllib raises a RecursionError.
    tokens.path.write_text(f"deep = {'[' * 5000}{']' * 5000}")
    reload(server, lambda: "the tokens stay as they were" in caplog.text, "the error")

    token = tokens.add("later")

    reload(server, lambda: comes_in(server, token), "the tokens")


def test_peer_that_may_come_back_is_gone_when_its_token_is_revoked(
    server: SignallingServer, tokens: TokensFile
) -> None:
    token = tokens.add("arm")
    reload(server, lambda: comes_in(server, token), "the token")
    robot = RawPeer(server.uri, header=[f"Authorization: Bearer {token}", f"{HEADER}: {NEW}"]).register("producer")
    robot.vanish()
    assert list(server.peers) == [robot.id]
    tokens.remove("arm")
    server.reload()

    wait_until(lambda: server.peers == {}, "it is gone")


def test_revoked_client_is_told_by_connection_lost(server: SignallingServer, tokens: TokensFile) -> None:
    token = tokens.add("arm")
    reload(server, lambda: comes_in(server, token), "the token")
    with SignallingClient(Endpoint(server.uri, token=token)) as client:
        tokens.remove("arm")
        wait_until(lambda: server.peers == {}, "it is gone")

        with pytest.raises(ConnectionLost, match="3000"):
            client.list_producers()
