"""`connect`: a session in one call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from gst_signalling_sync import Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.live_session import LiveSession
from gst_signalling_sync.webrtc.session import session_of

from ..helpers.waiting import Heard, wait_until


def test_connect_is_a_session_in_one_call(producer: Producer, signalling_uri: str) -> None:
    with connect(signalling_uri, name="robot") as session:
        assert session.channel("data").label == "data"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gss-consumer")]


def test_connect_by_the_uri_that_gstreamer_writes(producer: Producer, signalling_uri: str) -> None:
    address = signalling_uri.removeprefix("ws://")
    with connect(f"gstwebrtc://{address}?peer-id={producer.peer_id}") as session:
        assert session.peer_id == producer.peer_id


def test_connect_closes_all_when_the_producer_leaves(signalling_uri: str) -> None:
    producer = Producer(signalling_uri, name="robot").start()
    connect(signalling_uri, name="robot")
    producer.close()

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("gss-consumer")]

    wait_until(lambda: not threads(), "the consumer that connect() made is closed")


def test_connect_to_a_producer_that_leaves_at_once_closes_all(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = Producer(embedded_server.uri, name="robot")
    close_with = LiveSession.close_with

    def lose_first(session: LiveSession, close_all: Callable[[float | None], None]) -> None:
        closed = Heard(session_of(session).closed)
        robot.close()
        closed.next()
        close_with(session, close_all)

    monkeypatch.setattr(LiveSession, "close_with", lose_first)
    with robot:
        session = connect(embedded_server.uri, name="robot")
    assert session.state == "closed"
    wait_until(lambda: not embedded_server.peers, "the consumer that connect() made has left")


def test_peer_id_in_the_environments_address(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Producer(embedded_server.uri), Producer(embedded_server.uri) as second:
        monkeypatch.setenv(
            "GST_SIGNALLING_URI", f"gstwebrtc://127.0.0.1:{embedded_server.port}?peer-id={second.peer_id}"
        )
        with connect() as session:
            assert session.peer_id == second.peer_id
