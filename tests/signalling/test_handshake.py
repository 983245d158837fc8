"""The opening handshake (RFC 6455 section 4): the request on the wire, and the answers that match it."""

from __future__ import annotations

import base64
import hashlib

import pytest

from gst_signalling_sync.errors import ConnectTimeout
from gst_signalling_sync.signalling.handshake import NotWebSocket, shake_hands
from gst_signalling_sync.signalling.http_head import HttpHead

URI = "ws://robot.example:8443/path?room=1"


def accept_of(request: str) -> str:
    [key] = [line.partition(": ")[2] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key: ")]
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


class Server:
    """A server that answers correctly, except for what a test changes."""

    def __init__(self, **headers: str | None) -> None:
        self.request = ""
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def hear(self, data: bytes) -> None:
        self.request += data.decode()

    def answer(self) -> HttpHead:
        headers = {
            "upgrade": "WebSocket",
            "connection": "keep-alive, Upgrade",
            "sec-websocket-accept": accept_of(self.request),
        } | self._headers
        return HttpHead(101, "", {name: value for name, value in headers.items() if value is not None}, 0)

    def meet(self, uri: str = URI, *headers: tuple[str, str]) -> str:
        """Do the opening handshake.

        Returns:
            The request.
        """
        shake_hands(uri, "robot.example:8443", headers, self.hear, self.answer)
        return self.request


def test_request_is_that_of_rfc_6455_with_the_headers_given() -> None:
    lines = Server().meet(URI, ("X-Robot", "7"), ("X-Robot", "8")).removesuffix("\r\n\r\n").split("\r\n")

    assert lines[0] == "GET /path?room=1 HTTP/1.1"
    assert sorted(line.partition(":")[0] for line in lines[1:]) == [
        "Connection",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Upgrade",
        "X-Robot",
        "X-Robot",
    ]
    assert "Host: robot.example:8443" in lines


@pytest.mark.parametrize(
    ("uri", "resource"),
    [
        ("ws://robot", "/"),
        ("ws://robot?a=b;c", "/?a=b;c"),
        ("ws://robot/ä/%2F", "/%C3%A4/%2F"),
        ("ws://robot/a;b", "/a%3Bb"),
        ("wss://[fe80::1%25eth0]:1/x", "/x"),
    ],
)
def test_path_and_query_are_what_is_asked_for(uri: str, resource: str) -> None:
    assert Server().meet(uri).split(" ")[1] == resource


@pytest.mark.parametrize(
    "headers",
    [
        {"upgrade": None},
        {"upgrade": "h2c"},
        {"connection": "close"},
        {"sec_websocket_accept": None},
        {"sec_websocket_accept": "x"},
        {"sec_websocket_extensions": "permessage-deflate"},
        {"sec_websocket_protocol": "chat"},
    ],
)
def test_answer_to_something_else_is_refused(headers: dict[str, str | None]) -> None:
    with pytest.raises(NotWebSocket):
        Server(**headers).meet()


def test_cookies_are_not_kept_for_other_connections() -> None:
    Server(set_cookie="key=secret; Domain=server.invalid").meet("ws://server.invalid")

    assert "Cookie" not in Server().meet("ws://server.invalid")


@pytest.mark.parametrize(
    "error", [TimeoutError("slow"), ConnectTimeout("slow"), OSError(32, "broken"), ValueError("odd")]
)
def test_what_sending_or_answering_raises_passes_through(error: Exception) -> None:
    def fail(*_: bytes) -> HttpHead:
        raise error

    server = Server()
    for send, answer in ((fail, server.answer), (server.hear, fail)):
        with pytest.raises(type(error)) as caught:
            shake_hands(URI, "robot", (), send, answer)  # type: ignore[arg-type]
        assert caught.value is error
