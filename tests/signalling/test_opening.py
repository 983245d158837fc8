"""Opening a connection to a signalling server, and the error of each step that fails."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    Endpoint,
    SignallingClient,
    SignallingServer,
    find_producer,
    list_consumers,
    list_producers,
)
from gst_signalling_sync.signalling.happy_eyeballs import ATTEMPT_SECONDS

from ..helpers.certificates import PrivateCA
from ..helpers.hostile import Conversation, signalling_server, tcp_server
from ..helpers.ports import reserved_port
from ..helpers.waiting import wait_until
from .relays import head_of, tls_server, tls_terminator

SECONDS = 10.0
BLACK_HOLE = "192.0.2.77"
"""A documentation address (RFC 5737), to which there is no route, or which drops packets."""


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GST_SIGNALLING_URI", "GST_SIGNALLING_TOKEN", "GST_SIGNALLING_CAFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def problem_of(endpoint: Endpoint | str, timeout: float = SECONDS) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        SignallingClient(endpoint).connect(timeout)
    return caught.value


# Names and addresses


Names = Callable[[str, list[tuple[int, tuple[Any, ...]]]], None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Have the system resolve further names."""
    known: dict[str, list[tuple[int, tuple[Any, ...]]]] = {}
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if host not in known:
            return look_up(host, port, *rest)
        if rest[-1] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not numeric")
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known.__setitem__


@pytest.fixture
def named_server() -> Iterator[SignallingServer]:
    """A server with the name that these tests give it."""
    with SignallingServer(port=0, hosts=["robot.local"]) as server:
        yield server


@pytest.mark.parametrize(
    "first",
    [
        (socket.AF_INET6, ("fe80::1", 1, 0, 0)),
        (socket.AF_INET6, ("2001:db8::1", 1, 0, 0)),
        (socket.AF_INET, (BLACK_HOLE, 1)),
        (socket.AF_INET, ("127.0.0.1", 1)),
    ],
)
def test_second_address_of_a_name_is_tried(
    named_server: SignallingServer, names: Names, first: tuple[int, tuple[Any, ...]]
) -> None:
    names("robot.local", [first, (socket.AF_INET, ("127.0.0.1", named_server.port))])
    begin = time.monotonic()

    assert list_producers(f"ws://robot.local:{named_server.port}", timeout=SECONDS) == []

    assert time.monotonic() - begin < 4


def test_address_that_swallows_packets_costs_a_quarter_of_a_second(
    named_server: SignallingServer, names: Names
) -> None:
    with full_port() as full:
        names(
            "robot.local",
            [(socket.AF_INET, full), (socket.AF_INET, ("127.0.0.1", named_server.port))],
        )
        begin = time.monotonic()

        assert list_producers("ws://robot.local", timeout=SECONDS) == []

        assert ATTEMPT_SECONDS <= time.monotonic() - begin < ATTEMPT_SECONDS + 1.5


class full_port:
    """A port whose accept queue is full, so that the system drops further packets, as a cut cable does."""

    def __enter__(self) -> tuple[str, int]:
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(0)
        address: tuple[str, int] = self.listening.getsockname()
        self.queued = [socket.socket() for _ in range(4)]
        for each in self.queued:
            each.setblocking(False)
            each.connect_ex(address)
        return address

    def __exit__(self, *_: object) -> None:
        for each in (self.listening, *self.queued):
            each.close()


def test_error_tells_what_became_of_each_address(names: Names) -> None:
    with full_port() as full, reserved_port() as closed:
        names("robot.local", [(socket.AF_INET, full), (socket.AF_INET, ("127.0.0.1", closed))])

        error = problem_of("ws://robot.local:1", timeout=0.6)

    assert isinstance(error, ConnectTimeout)
    assert "TCP: nothing answered (127.0.0.1: no answer, 127.0.0.1: Connection refused) within 0.6 s" in str(error)


def test_name_that_is_not_found_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if not rest[-1] & socket.AI_NUMERICHOST:
            answered.wait(SECONDS)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    begin = time.monotonic()

    error = problem_of("ws://robot.local", timeout=0.3)

    assert time.monotonic() - begin < 4
    assert isinstance(error, ConnectTimeout)
    assert "the address of that host name was not found within 0.3 s" in str(error)
    answered.set()


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64, "a..b"])
def test_name_that_nobody_knows(host: str) -> None:
    assert "no address is known for that host name" in str(problem_of(f"ws://{host}"))


# close() in another thread

Stage = Callable[[], Iterator[str]]


def resolving(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached, go_on = threading.Event(), threading.Event()

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if not rest[-1] & socket.AI_NUMERICHOST:
            reached.set()
            go_on.wait(SECONDS)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield Endpoint("ws://robot.local"), reached
    go_on.set()


def asking_for_a_token(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached, go_on = threading.Event(), threading.Event()

    def token() -> str:
        reached.set()
        go_on.wait(SECONDS)
        return "token"

    yield Endpoint("ws://127.0.0.1:1", token=token), reached
    go_on.set()


def connecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
    reached = threading.Event()
    reached.set()
    with full_port() as (host, port):
        yield Endpoint(f"ws://{host}:{port}"), reached


def silent(
    scheme: str, proxy: bool = False
) -> Callable[[pytest.MonkeyPatch], Iterator[tuple[Endpoint, threading.Event]]]:
    def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Endpoint, threading.Event]]:
        reached = threading.Event()

        def read(connection: socket.socket) -> None:
            while connection.recv(4096):
                reached.set()

        with tcp_server(read) as uri:
            if proxy:
                yield Endpoint(f"{scheme}://robot", proxy=uri.replace("ws://", "http://")), reached
            else:
                yield Endpoint(uri.replace("ws://", f"{scheme}://")), reached

    return stage


STAGES = {
    "token": asking_for_a_token,
    "name": resolving,
    "TCP": connecting,
    "proxy": silent("ws", proxy=True),
    "TLS": silent("wss"),
    "HTTP": silent("ws"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_close_ends_connecting_at_once_wherever_it_is(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = STAGES[stage](monkeypatch)
    endpoint, reached = next(stages)
    client = SignallingClient(endpoint, timeout=60)
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect)
        assert reached.wait(SECONDS)
        wait_until(lambda: client._exchange is not None, "it is connecting")
        begin = time.monotonic()

        client.close()

        with pytest.raises(ConnectionLost, match="closed while connecting"):
            connecting.result(SECONDS)
        assert time.monotonic() - begin < 2
    next(stages, None)


@pytest.mark.parametrize("stage", STAGES)
def test_every_part_gives_up_in_time(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = STAGES[stage](monkeypatch)
    endpoint, _ = next(stages)
    begin = time.monotonic()

    error = problem_of(endpoint, timeout=0.4)

    assert 0.4 <= time.monotonic() - begin < 4
    assert isinstance(error, ConnectTimeout)
    assert "within 0.4 s" in str(error)
    next(stages, None)


def test_token_s_callable_that_is_slow_is_named() -> None:
    go_on = threading.Event()
    error = problem_of(Endpoint("ws://127.0.0.1:1", token=lambda: str(go_on.wait(SECONDS))), timeout=0.2)

    assert "the token's callable did not return within 0.2 s" in str(error)
    go_on.set()


# TLS


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCA:
    return PrivateCA(tmp_path_factory.mktemp("ca"))


def test_private_ca_that_is_named(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        assert list_producers(Endpoint(uri, cafile=ca.cafile)) == []


def test_private_ca_of_the_environment(
    ca: PrivateCA, embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GST_SIGNALLING_CAFILE", str(ca.cafile))
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        assert list_producers(uri) == []
        assert list_consumers(uri) == []


def test_certificate_for_an_address(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("127.0.0.1"), embedded_server.uri) as uri:
        assert list_producers(Endpoint(uri.replace("localhost", "127.0.0.1"), cafile=ca.cafile)) == []


def test_large_lists_pass_tls_in_both_directions(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        endpoint = Endpoint(uri, cafile=ca.cafile)
        with SignallingClient(endpoint) as producer, SignallingClient(endpoint) as other:
            producer.set_status(["producer"], {"name": "robot", "text": "x" * 10_000})

            assert find_producer("robot", endpoint).meta["text"] == "x" * 10_000
            assert len(other.list_producers()) == 1


def welcome_and_list(secured: ssl.SSLSocket) -> None:
    conversation = Conversation(secured)
    conversation.welcome()
    conversation.serve()


def tls_problem(ca: PrivateCA, *hosts: str, age: int = 0, **values: Any) -> str:
    with tls_server(ca.server(*hosts, age=age), welcome_and_list) as uri:
        return str(problem_of(Endpoint(uri, **values)))


def test_unknown_ca_says_how_to_name_it(ca: PrivateCA) -> None:
    problem = tls_problem(ca, "localhost")

    assert "TLS: the certificate of localhost comes from a CA that is not known here" in problem
    assert all(way in problem for way in ("Endpoint(cafile=...)", "$GST_SIGNALLING_CAFILE", "--cafile", "--insecure"))


def test_expired_certificate(ca: PrivateCA) -> None:
    assert "TLS: the certificate of localhost has expired" in tls_problem(ca, "localhost", age=3, cafile=ca.cafile)


def test_certificate_that_is_not_valid_yet(ca: PrivateCA) -> None:
    assert "is not valid yet: is the clock" in tls_problem(ca, "localhost", age=-3, cafile=ca.cafile)


def test_certificate_for_another_host(ca: PrivateCA) -> None:
    problem = tls_problem(ca, "robot.example", cafile=ca.cafile)

    assert "TLS: the certificate of localhost is for another host" in problem
    assert "robot" not in problem.partition("is for another")[0]


def test_certificate_for_another_address(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost"), welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri.replace("localhost", "127.0.0.1"), cafile=ca.cafile)))

    assert "TLS: the certificate of 127.0.0.1 is for another address" in problem


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older Pythons do not insist on RFC 5280")
def test_certificate_that_does_not_name_its_issuer(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost", names_issuer=False), welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri, cafile=ca.cafile)))

    assert "TLS: the certificate of localhost is not made as RFC 5280 requires" in problem
    assert "authorityKeyIdentifier=keyid" in problem


def test_insecure_connects_and_warns_once(
    ca: PrivateCA, embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with tls_terminator(ca.server("robot.example", age=3), embedded_server.uri) as uri:
        for _ in range(2):
            assert list_producers(Endpoint(uri, insecure=True)) == []

    [record] = [each for each in caplog.records if "its certificate is not checked" in each.getMessage()]
    assert (record.levelname, uri in record.getMessage()) == ("WARNING", True)


def test_alert_of_the_server(ca: PrivateCA) -> None:
    context = ca.server("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.cafile)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with tls_server(context, welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri, cafile=ca.cafile)))

    assert "TLS: the server refused the handshake by an alert" in problem


def test_plain_server_where_tls_is_wanted(embedded_server: SignallingServer) -> None:
    problem = str(problem_of(embedded_server.uri.replace("ws://", "wss://")))

    assert "TLS: the server " in problem
    assert "is its address ws://?" in problem


def test_tls_server_where_none_is_wanted(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost"), welcome_and_list) as uri:
        problem = str(problem_of(uri.replace("wss://", "ws://")))

    assert "wss://" in problem


def test_alert_record_where_no_tls_is_wanted_says_to_write_wss() -> None:
    def alert(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

    with tcp_server(alert) as uri:
        assert "the server speaks TLS there: write wss:// instead of ws://" in str(problem_of(uri))


def test_server_that_closes_in_the_handshake() -> None:
    with tcp_server(lambda connection: connection.recv(4096)) as uri:
        assert "TLS: " in str(problem_of(uri.replace("ws://", "wss://")))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("nonsense", "holds no certificates in PEM format")]
)
def test_cafile_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    cafile = tmp_path / "ca.pem"
    if content is not None:
        cafile.write_text(content)

    with tcp_server(lambda connection: connection.recv(4096)) as uri:
        problem = str(problem_of(Endpoint(uri.replace("ws://", "wss://"), cafile=cafile)))

    assert f"the CA certificates {str(cafile)!r}" in problem
    assert words in problem


# HTTP


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


# Messages


def test_fragments_are_joined() -> None:
    text = json.dumps(
        {"type": "list", "producers": [{"id": "robot", "meta": {"name": "ä" * 1000}}]}, ensure_ascii=False
    )

    def list_in_pieces(server: Conversation) -> None:
        from ..helpers.hostile import CONTINUATION, FIN, TEXT, frame

        server.welcome()
        server.expect("list")
        data = text.encode()
        pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
        server.send_raw(frame(TEXT, pieces[0]))
        for piece in pieces[1:-1]:
            server.send_raw(frame(CONTINUATION, piece))
        server.send_raw(frame(FIN | CONTINUATION, pieces[-1]))
        server.hold()

    with signalling_server(list_in_pieces) as uri:
        [peer] = list_producers(uri)

    assert peer.name == "ä" * 1000
