"""Secrets are not shown by objects, logs, errors and their tracebacks, or names of threads."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from gst_signalling_sync import ConnectError, Endpoint, Listener, SignallingClient, SignallingServer, list_producers

from ..helpers.hostile import tcp_server
from .relays import head_of, http_proxy

PASSWORD = "s3cr3t/p@ss"
FORMS = (
    PASSWORD,
    quote(PASSWORD, safe=""),
    base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
    f"Bearer {PASSWORD}",
    "s3cr3t",
)


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        assert [form for form in FORMS if form in text] == []


Make = Callable[[str], Endpoint]
WAYS: dict[str, Make] = {
    "user": lambda uri: Endpoint(uri.replace("ws://", f"ws://user:{quote(PASSWORD, safe='')}@")),
    "token": lambda uri: Endpoint(uri, token=PASSWORD),
    "callable": lambda uri: Endpoint(uri, token=lambda: PASSWORD),
    "header": lambda uri: Endpoint(uri, headers={"X-Key": PASSWORD}),
    "query": lambda uri: Endpoint(f"{uri}/?token={quote(PASSWORD, safe='')}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_connection_that_works_shows_no_secret(
    embedded_server: SignallingServer, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = WAYS[way](embedded_server.uri)

    with caplog.at_level(logging.DEBUG), SignallingClient(endpoint) as client, Listener(endpoint) as listener:  # type: ignore[arg-type, unused-ignore]
        client.list_producers()
        names = [thread.name for thread in threading.enumerate()]
        assert_no_secret(repr(endpoint), endpoint.uri, repr(client), client.uri, repr(listener), listener.uri, *names)

    # In practice the server is another program, which has tests of its own.
    records = [record for record in caplog.records if not record.name.startswith("gst_signalling_sync.server")]
    assert_no_secret(*(record.getMessage() for record in records))


def repeat_everything(connection: socket.socket) -> None:
    """Refuse, and repeat all that the client sent, as a server in a debug mode does."""
    head = head_of(connection)
    body = head.replace("\r\n", " | ").encode()
    reason = next(
        (line for line in head.split("\r\n") if line.startswith(("Authorization", "X-Key"))), head[:60].split("\r\n")[0]
    )
    connection.sendall(
        b"HTTP/1.1 401 "
        + reason.encode()
        + b"\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n" % len(body)
        + b"X-Echo: "
        + body
        + b"\r\n\r\n"
        + body
    )


@pytest.mark.parametrize("way", WAYS)
def test_server_that_repeats_a_secret_does_not_have_it_shown(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with tcp_server(repeat_everything) as uri, caplog.at_level(logging.DEBUG):
        error = error_of(WAYS[way](uri))

    assert error.status == 401
    assert_no_secret(str(error), repr(error), "".join(traceback.format_exception(error)), caplog.text)


def test_proxy_that_repeats_a_secret_does_not_have_it_shown() -> None:
    echo = base64.b64encode(f"user:{PASSWORD}".encode())
    with http_proxy(b"HTTP/1.1 407 no " + echo + b"\r\n\r\n") as proxy:
        uri = proxy.uri.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@")
        error = error_of(Endpoint("ws://robot", proxy=uri))

    assert_no_secret(str(error), repr(error), "".join(traceback.format_exception(error)))


@pytest.mark.parametrize("way", WAYS)
def test_errors_of_requests_show_no_secret(embedded_server: SignallingServer, way: str) -> None:
    endpoint = WAYS[way](embedded_server.uri)
    client = SignallingClient(endpoint)

    shown: list[str] = []
    for call in (client.list_producers, lambda: client.connect().start_session("nobody")):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
            call()
        shown.append("".join(traceback.format_exception(caught.value)))
    client.close()

    assert_no_secret(*shown)


def error_of(endpoint: Endpoint) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        list_producers(endpoint)
    return caught.value


def test_redirection_to_a_place_with_the_secret_does_not_show_it() -> None:
    def redirect(connection: Any) -> None:
        path = head_of(connection).split()[1]
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {path}\r\n\r\n".encode())

    with tcp_server(redirect) as uri:
        error = error_of(WAYS["query"](uri))

    assert_no_secret(str(error))
