"""The sessions of peers, as the program that embeds the server sees and ends them, and their ends in protocol 1.1."""

from __future__ import annotations

import pytest

from gst_signalling_sync.protocol.messages import Peer, ProtocolVersion, Role
from gst_signalling_sync.server import SignallingServer

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

# Views


def test_peers_are_seen_with_name_and_roles(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer", "listener", meta={"name": "robot"}) as raw:
        [peer] = embedded_server.peers.values()

        assert isinstance(peer, Peer)
        assert (peer.id, peer.name, peer.roles) == (raw.id, "robot", (Role.PRODUCER, Role.LISTENER))

    wait_until(lambda: embedded_server.peers == {}, "the peer is gone")


def test_sessions_are_seen_with_both_ends(embedded_server: SignallingServer) -> None:
    with RawPeer(embedded_server.uri).register("producer") as producer, RawPeer(embedded_server.uri) as consumer:
        session_id = consumer.request("startSession", peerId=producer.id)["sessionId"]

        session = embedded_server.sessions[session_id]

        assert (session.id, session.producer_id, session.consumer_id) == (session_id, producer.id, consumer.id)

    wait_until(lambda: embedded_server.sessions == {}, "the session is gone")


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
