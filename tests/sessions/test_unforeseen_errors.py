"""An error that nobody foresaw, at any step of the end of a session, leaves neither a connection nor a session behind."""

from __future__ import annotations

from typing import Any

import pytest

from gst_signalling_sync import Consumer, Producer, SignallingServer
from gst_signalling_sync.webrtc.channels import Channels
from gst_signalling_sync.webrtc.farewell import Farewell
from gst_signalling_sync.webrtc.live_session import LiveSession
from gst_signalling_sync.webrtc.media.received_media import ReceivedMedia
from gst_signalling_sync.webrtc.session_connection import SessionConnection

from ..helpers.own_process import gss_threads
from ..helpers.waiting import wait_until

STEPS = [
    (SessionConnection, "stop"),
    (Farewell, "deliver"),
    (Farewell, "tell_server"),
    (Farewell, "say_goodbye"),
    (Channels, "end"),
    (LiveSession, "enter"),
    (ReceivedMedia, "end"),
]


@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_session_ends(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    function = getattr(owner, step)

    def fail(self: Any, *arguments: Any, **named: Any) -> Any:
        result = function(self, *arguments, **named)
        if step == "enter" and arguments[0] != "closed":
            return result
        if result is not None:
            # A coroutine.
            result.close()
        raise KeyError("a defect")

    before = gss_threads()
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        producer.add_channel("data")
        session = consumer.start_session(name="robot")
        connection = session.peer_connection
        assert connection is not None
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, fail)
            session.close()
            assert session.state == "closed"
            wait_until(lambda: connection.connectionState == "closed", "its connection is closed")
            wait_until(lambda: not producer.sessions, "the other end knows")
        assert consumer.sessions == []
        assert consumer.start_session(name="robot").state == "connected"
    assert gss_threads() == before
