"""Messages about sessions that do not exist, or that are others'."""

from __future__ import annotations

import json

import pytest

from gst_signalling_sync import Consumer, PeerNotFound, SignallingClient

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import Heard
from .junk import JUNK
from .stage import Stage

SECONDS = 10.0


@pytest.mark.parametrize("session_id", ["nonsense", "", "00000000-0000-4000-8000-000000000001", "\0", "x" * 10_000])
def test_messages_for_an_unknown_session_are_dropped(session_id: str) -> None:
    def confuse(server: Conversation) -> None:
        server.welcome()
        server.send("peer", sessionId=session_id, sdp={"type": "offer", "sdp": "v=0"})
        server.send("peer", sessionId=session_id, sdp={"type": "answer", "sdp": "v=0"})
        server.send("peer", sessionId=session_id, ice={"candidate": "candidate:1", "sdpMLineIndex": 0})
        server.send("endSession", sessionId=session_id)
        server.send("endSessionV1_1", sessionId=session_id, error="no reason")
        server.expect("startSession")
        server.send("error", details="Peer with ID 'robot' not found")
        server.hold()

    with signalling_server(confuse) as uri, Consumer(uri) as consumer, pytest.raises(PeerNotFound):
        consumer.start_session("robot", timeout=SECONDS)


def test_peer_that_meddles_in_the_session_of_others_is_refused(
    stage: Stage, villain: SignallingClient, offer: str
) -> None:
    refused = Heard(villain.error_received)
    session_id = stage.echo.session.id

    villain.send_sdp(session_id, "answer", offer)
    villain.send_ice(session_id, "candidate:1 1 udp 1 192.0.2.77 9 typ host")
    villain.end_session(session_id)

    assert [refused.next()["details"] for _ in range(3)] == [f"Peer {villain.peer_id} is not part of {session_id}"] * 3
    assert stage.goes_on()


def test_junk_of_a_peer_disturbs_nobody(stage: Stage) -> None:
    with RawPeer(stage.server.uri) as villain:
        for junk in JUNK.values():
            villain.send_text(junk)
        villain.socket.send_binary(json.dumps({"type": "list"}).encode())

        assert villain.hears_nothing()
    assert stage.goes_on()
