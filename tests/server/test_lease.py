"""Dead peers are detected, and a peer that comes back within its lease finds everything as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import websocket

from gst_signalling_sync.protocol.resumption import HEADER, NEW
from gst_signalling_sync.server import ServerLimits, SignallingServer

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

LEASE = 1.0


@pytest.fixture
def server() -> Iterator[SignallingServer]:
    with SignallingServer(port=0, lease=LEASE) as server:
        yield server


class ReturningPeer(RawPeer):
    """A peer that presents a resumption key, and gets the next one."""

    def __init__(self, uri: str, key: str = NEW) -> None:
        super().__init__(uri, header=[f"{HEADER}: {key}"])
        headers = self.socket.getheaders()
        assert headers is not None
        self.key: str = headers[HEADER.lower()]


def seconds_until(condition: Callable[[], object]) -> float:
    begin = time.monotonic()
    wait_until(condition, "it")
    return time.monotonic() - begin


def is_cut_off_while(act: Callable[[], object]) -> bool:
    """Whether the server closes the connection while an action is repeated."""
    for _ in range(500):
        try:
            act()
        except (OSError, websocket.WebSocketException):
            return True
        time.sleep(0.02)
    return False


# Leases


def test_peer_that_answers_no_ping_is_gone_when_its_lease_is_over(
    server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    dead = RawPeer(server.uri).register("producer", meta={"name": "robot"})

    assert LEASE / 2 < seconds_until(lambda: dead.id not in server.peers) < LEASE + 2
    assert server.refusals["lease"] == 1
    assert [record.message for record in caplog.records if "lease" in record.message] != []
    dead.vanish()


def test_peer_that_sends_and_answers_no_ping_is_gone_as_well(server: SignallingServer) -> None:
    chatty = RawPeer(server.uri)
    # It does not read, so that it does not answer pings.
    assert is_cut_off_while(lambda: chatty.send("endSession", sessionId="nothing"))
    assert server.refusals["lease"] == 1
    chatty.vanish()


def test_pong_that_answers_no_ping_does_not_count(server: SignallingServer) -> None:
    liar = RawPeer(server.uri)
    assert is_cut_off_while(lambda: liar.socket.pong(b"I am here"))
    assert server.refusals["lease"] == 1
    liar.vanish()


def test_peer_that_only_answers_pings_stays(server: SignallingServer) -> None:
    with RawPeer(server.uri) as idle:
        idle.socket.settimeout(0.1)
        end = time.monotonic() + 3 * LEASE
        while time.monotonic() < end:
            # Reading answers pings.
            with pytest.raises(websocket.WebSocketTimeoutException):
                idle.socket.recv()

        assert idle.id in server.peers


def test_listeners_and_the_other_end_hear_of_a_lease_that_is_over(server: SignallingServer) -> None:
    with RawPeer(server.uri).register("listener") as listener:
        dead = RawPeer(server.uri).register("producer")
        assert listener.receive()["roles"] == ["producer"]
        session_id = listener.request("startSession", peerId=dead.id)["sessionId"]

        assert listener.receive() == {"type": "endSession", "sessionId": session_id}
        assert listener.receive() == {"type": "peerStatusChanged", "peerId": dead.id, "roles": [], "meta": None}
        dead.vanish()


@pytest.mark.parametrize("lease", [0, -1, float("nan")])
def test_lease_that_is_none_is_refused(lease: float) -> None:
    with pytest.raises(ValueError, match="lease must be"):
        SignallingServer(port=0, lease=lease)


# Resumption


@pytest.fixture
def patient_server() -> Iterator[SignallingServer]:
    """A server whose leases are longer than a test."""
    with SignallingServer(port=0, lease=60) as server:
        yield server


def test_who_comes_back_keeps_id_registration_and_sessions_and_listeners_hear_nothing(
    patient_server: SignallingServer,
) -> None:
    uri = patient_server.uri
    robot = ReturningPeer(uri)
    robot.register("producer", meta={"name": "robot"})
    with RawPeer(uri).register("listener") as listener, RawPeer(uri) as consumer:
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        assert robot.receive()["type"] == "startSession"
        robot.vanish()

        with ReturningPeer(uri, robot.key) as back:
            assert back.welcome == {"type": "welcome", "peerId": robot.id, "resumed": True, "sessions": [session_id]}
            assert patient_server.peers[robot.id].name == "robot"
            consumer.send("peer", sessionId=session_id, ice={"candidate": "c", "sdpMLineIndex": 0})
            assert back.receive()["ice"]["candidate"] == "c"
            assert listener.hears_nothing()
            assert consumer.hears_nothing()


def test_what_was_sent_meanwhile_waits(patient_server: SignallingServer) -> None:
    robot = ReturningPeer(patient_server.uri)
    robot.register("producer")
    with RawPeer(patient_server.uri) as consumer:
        robot.vanish()
        wait_until(lambda: consumer.request("list")["producers"], "the robot is still listed")
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]

        with ReturningPeer(patient_server.uri, robot.key) as back:
            assert back.welcome["sessions"] == [session_id]
            assert back.receive() == {
                "type": "startSession",
                "peerId": consumer.id,
                "sessionId": session_id,
                "offer": None,
            }


def test_listener_that_comes_back_is_told_what_changed_meanwhile(patient_server: SignallingServer) -> None:
    monitor = ReturningPeer(patient_server.uri)
    monitor.register("listener")
    monitor.vanish()
    with (
        RawPeer(patient_server.uri).register("producer") as producer,
        ReturningPeer(patient_server.uri, monitor.key) as back,
    ):
        assert back.receive()["peerId"] == producer.id


def test_who_comes_back_before_the_server_noticed_takes_the_place_of_its_old_connection(
    patient_server: SignallingServer,
) -> None:
    robot = ReturningPeer(patient_server.uri)
    robot.register("producer")

    with ReturningPeer(patient_server.uri, robot.key) as back:
        assert back.id == robot.id
        with pytest.raises((OSError, websocket.WebSocketException)):
            robot.socket.recv()
        assert back.hears_nothing()
        assert list(patient_server.peers) == [robot.id]
    robot.vanish()


def test_key_that_was_used_is_spent(patient_server: SignallingServer) -> None:
    robot = ReturningPeer(patient_server.uri)
    robot.register("producer")
    robot.vanish()
    with ReturningPeer(patient_server.uri, robot.key) as back:
        assert back.hears_nothing()

        with ReturningPeer(patient_server.uri, robot.key) as thief:
            assert thief.id != robot.id
            assert "resumed" not in thief.welcome
        assert back.hears_nothing()


def test_who_says_goodbye_is_gone_at_once(patient_server: SignallingServer) -> None:
    robot = ReturningPeer(patient_server.uri)
    robot.close()

    wait_until(lambda: patient_server.peers == {}, "the robot is gone")
    with ReturningPeer(patient_server.uri, robot.key) as late:
        assert late.id != robot.id


def test_who_was_never_heard_is_gone_at_once(patient_server: SignallingServer) -> None:
    ReturningPeer(patient_server.uri).vanish()

    wait_until(lambda: patient_server.peers == {}, "the peer is gone")


def test_who_has_no_key_is_gone_at_once(patient_server: SignallingServer) -> None:
    with RawPeer(patient_server.uri) as peer:
        headers = peer.socket.getheaders()
        assert headers is not None
        assert HEADER.lower() not in headers
        peer.vanish()

        wait_until(lambda: patient_server.peers == {}, "the peer is gone")


def test_who_comes_back_too_late_is_new(server: SignallingServer) -> None:
    robot = ReturningPeer(server.uri)
    robot.register("producer")
    robot.vanish()

    assert seconds_until(lambda: server.peers == {}) < LEASE + 2
    with ReturningPeer(server.uri, robot.key) as late:
        assert late.id != robot.id


def test_too_much_for_a_peer_that_does_not_come_back_ends_it() -> None:
    limits = ServerLimits(unread_bytes=10_000)
    with SignallingServer(port=0, lease=60, limits=limits) as server, RawPeer(server.uri) as consumer:
        robot = ReturningPeer(server.uri)
        robot.register("producer")
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        robot.vanish()

        for _ in range(200):
            consumer.send("peer", sessionId=session_id, sdp={"type": "answer", "sdp": "x" * 1000})

        assert consumer.receive() == {"type": "endSession", "sessionId": session_id}


def test_peer_that_is_cut_off_because_of_a_limit_cannot_come_back() -> None:
    with SignallingServer(port=0, lease=60, limits=ServerLimits(message_bytes=1000)) as server:
        robot = ReturningPeer(server.uri)
        robot.send_text("x" * 2000)

        wait_until(lambda: server.peers == {}, "the robot is gone")
        robot.vanish()
