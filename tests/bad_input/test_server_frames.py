"""Invalid WebSocket frames of a server, and messages without an end."""

from __future__ import annotations

import time

import pytest

from gst_signalling_sync import ConnectionLost, SignallingClient

from ..helpers.hostile import CLOSE, CONTINUATION, FIN, PING, TEXT, Conversation, frame, signalling_server
from ..helpers.waiting import Heard

SECONDS = 10.0


@pytest.mark.parametrize(
    "data",
    [
        frame(FIN | TEXT, b'{"type": "\xff\xfe"}'),
        frame(FIN | 0x3, b"reserved"),
        frame(FIN | 0x40 | TEXT, b"compressed"),
        frame(FIN | CONTINUATION, b"of nothing"),
        frame(TEXT, b"begun") + frame(FIN | TEXT, b"again"),
        frame(PING, b"in parts"),
        frame(FIN | PING, b"x" * 200),
        frame(FIN | CLOSE, b"\x03"),
        frame(FIN | CLOSE, b"\x00\x00"),
        frame(FIN | CLOSE, b"\x03\xe8\xff"),
        b"\x81\xff" + b"\xff" * 8,
    ],
    ids=[
        "invalid UTF-8",
        "reserved opcode",
        "reserved bit",
        "continuation of nothing",
        "interleaved",
        "ping in parts",
        "long ping",
        "half a close code",
        "impossible close code",
        "close reason in no UTF-8",
        "masked and endless",
    ],
)
def test_what_is_no_websocket_frame_ends_the_connection(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    def break_the_protocol(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(data)
        server.hold()

    with signalling_server(break_the_protocol) as uri, SignallingClient(uri) as client:
        lost = Heard(client.connection_lost)
        begin = time.monotonic()

        with pytest.raises(ConnectionLost, match=f"connection to {uri} lost: ."):
            client.list_producers(timeout=SECONDS)

        assert time.monotonic() - begin < 4
        assert isinstance(lost.next()["error"], ConnectionLost)
    assert f"connection to {uri} lost" in caplog.text


def test_frame_that_claims_to_be_enormous_ends_the_connection() -> None:
    def claim(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(FIN | TEXT, b"", length=2**62))
        server.hold()

    with signalling_server(claim) as uri, SignallingClient(uri) as client:
        begin = time.monotonic()

        with pytest.raises(ConnectionLost, match="at most 16777216 bytes"):
            client.list_producers(timeout=3)

        assert time.monotonic() - begin < 4


def test_message_without_an_end_ends_the_connection() -> None:
    def go_on_forever(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(TEXT, b"x"))
        while True:
            server.send_raw(frame(CONTINUATION, b"x" * 2**20))

    with (
        signalling_server(go_on_forever) as uri,
        SignallingClient(uri) as client,
        pytest.raises(ConnectionLost, match="at most 16777216 bytes"),
    ):
        client.list_producers(timeout=3)
