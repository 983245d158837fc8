"""The HTTP request with its headers and token, and the answers that refuse it."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable

import pytest

from gst_signalling_sync import ConnectTimeout, Endpoint, SignallingServer, list_producers

from ..helpers.hostile import tcp_server
from .problems import problem_of
from .relays import head_of


def refusing(answer: bytes, heads: list[str] | None = None) -> Callable[[socket.socket], None]:
    """A script that refuses the opening handshake."""

    def script(connection: socket.socket) -> None:
        head = head_of(connection)
        if heads is not None:
            heads.append(head)
        connection.sendall(answer)

    return script


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (b"401 Unauthorized", 401, "HTTP 401 Unauthorized: it requires credentials: Endpoint(token=...)"),
        (b"403 Forbidden", 403, "HTTP 403 Forbidden: it does not let this client in"),
        (b"404 Not Found", 404, "HTTP 404 Not Found: there is an HTTP server, but no signalling at this path"),
        (b"503 Service Unavailable", 503, "HTTP 503 Service Unavailable: it accepts no more connections now"),
        (b"200 OK", 200, "HTTP 200 OK: this is not a WebSocket server"),
        (b"418 I'm a teapot", 418, "HTTP 418 I'm a teapot: this is not a WebSocket server"),
    ],
)
def test_refusal_says_status_reason_and_remedy(line: bytes, status: int, words: str) -> None:
    with tcp_server(refusing(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")) as uri:
        error = problem_of(uri)

    assert error.status == status
    assert words in str(error)
    assert not isinstance(error, ConnectTimeout)


def test_refusal_of_credentials_that_were_sent() -> None:
    with tcp_server(refusing(b"HTTP/1.1 401 Unauthorized\r\n\r\n")) as uri:
        error = problem_of(Endpoint(uri, token="token"))

    assert "it does not accept the credentials that were sent" in str(error)


def test_redirection_is_named_and_not_followed() -> None:
    with tcp_server(refusing(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://robot.example/ws\r\n\r\n")) as uri:
        error = problem_of(Endpoint(uri, token="token"))

    assert error.status == 308
    assert "it is at wss://robot.example/ws instead: connect there" in str(error)


def test_words_of_a_server_for_people_are_shown() -> None:
    body = b"Origin is not admitted, see origins=\nmore"
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )

    with tcp_server(refusing(answer + body)) as uri:
        assert 'It says: "Origin is not admitted, see origins="' in str(problem_of(uri))


def test_web_server_is_no_signalling_server() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        error = problem_of(f"ws://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()

    assert error.status == 404


def test_headers_and_token_are_sent() -> None:
    heads: list[str] = []
    tokens = iter(["first", "second"])

    with tcp_server(refusing(b"HTTP/1.1 401 Unauthorized\r\n\r\n", heads)) as uri:
        for _ in range(2):
            problem_of(
                Endpoint(f"{uri}/path?room=1", token=lambda: next(tokens), headers=[("X-Robot", "7"), ("X-Robot", "8")])
            )

    assert [head.partition("\r\n")[0] for head in heads] == ["GET /path?room=1 HTTP/1.1"] * 2
    assert ["Authorization: Bearer first" in heads[0], "Authorization: Bearer second" in heads[1]] == [True, True]
    assert heads[0].count("X-Robot: ") == 2
    assert f"Host: {uri.removeprefix('ws://')}\r\n" in heads[0]
    assert "Origin" not in heads[0]


def test_host_header_may_be_given() -> None:
    heads: list[str] = []

    with tcp_server(refusing(b"HTTP/1.1 404 Not Found\r\n\r\n", heads)) as uri:
        problem_of(Endpoint(uri, headers={"Host": "robot.example"}))

    assert [line for line in heads[0].split("\r\n") if line.lower().startswith("host:")] == ["Host: robot.example"]


def test_what_the_token_s_callable_raises_is_the_attempt_s_error() -> None:
    def token() -> str:
        raise LookupError("the vault is sealed")

    error = problem_of(Endpoint("ws://127.0.0.1:1", token=token))

    assert "the token's callable raised LookupError: the vault is sealed" in str(error)
    assert isinstance(error.__cause__, LookupError)


def test_timeout_of_the_token_s_callable_itself_is_no_timeout_of_ours() -> None:
    def token() -> str:
        raise TimeoutError("the vault did not answer")

    error = problem_of(Endpoint("ws://127.0.0.1:1", token=token))

    assert not isinstance(error, ConnectTimeout)
    assert "TimeoutError: the vault did not answer" in str(error)


def test_token_s_callable_runs_on_a_thread_of_its_own(embedded_server: SignallingServer) -> None:
    threads: list[threading.Thread] = []

    def token() -> str:
        threads.append(threading.current_thread())
        return "token"

    list_producers(Endpoint(embedded_server.uri, token=token))

    assert threads[0] is not threading.current_thread()
    assert threads[0].name.startswith("gss-token-")
    assert not threads[0].is_alive()
