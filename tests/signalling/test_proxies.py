"""The proxy that a connection uses, and how the connection passes it."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping

import pytest

from gst_signalling_sync import Endpoint, SignallingServer, list_producers
from gst_signalling_sync.signalling.proxies import proxy_of

from ..helpers.certificates import PrivateCA
from ..helpers.ports import reserved_port
from .problems import problem_of
from .relays import http_proxy, socks_proxy, tls_terminator

# Choice of the proxy

P = "http://proxy:3128"


@pytest.mark.parametrize(
    ("uri", "environment", "chosen"),
    [
        ("ws://robot", {}, None),
        ("ws://robot", {"http_proxy": P}, "the proxy http://proxy:3128 of $http_proxy"),
        ("ws://robot", {"HTTP_PROXY": P}, "the proxy http://proxy:3128 of $HTTP_PROXY"),
        ("ws://robot", {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, None),
        ("ws://robot", {"https_proxy": P}, None),
        ("wss://robot", {"https_proxy": P}, "the proxy http://proxy:3128 of $https_proxy"),
        ("wss://robot", {"all_proxy": "socks5h://p"}, "the proxy socks5h://p:1080 of $all_proxy"),
        ("ws://127.0.0.1", {"http_proxy": P}, None),
        ("ws://127.1.2.3", {"all_proxy": P}, None),
        ("ws://[::1]", {"http_proxy": P}, None),
        ("ws://[::ffff:127.0.0.1]", {"http_proxy": P}, None),
        ("ws://LOCALHOST:8443", {"http_proxy": P}, None),
        ("ws://robot.localhost", {"http_proxy": P}, None),
        (f"ws://{socket.gethostname()}", {"http_proxy": P}, None),
        ("ws://robot.local", {"http_proxy": P, "no_proxy": "other,.local"}, None),
        ("ws://robot.local", {"http_proxy": P, "NO_PROXY": "robot.local"}, None),
        ("ws://robot.local", {"http_proxy": P, "no_proxy": "*"}, None),
        ("ws://notlocal", {"http_proxy": P, "no_proxy": "local"}, "the proxy http://proxy:3128 of $http_proxy"),
        ("ws://robot:1", {"http_proxy": P, "no_proxy": "robot:2"}, "the proxy http://proxy:3128 of $http_proxy"),
        ("ws://robot:2", {"http_proxy": P, "no_proxy": "robot:2"}, None),
        ("ws://10.1.2.3", {"http_proxy": P, "no_proxy": "10.0.0.0/8"}, None),
        ("ws://[fd00::1]", {"http_proxy": P, "no_proxy": "[fd00::1]"}, None),
    ],
)
def test_proxy_of_the_environment(uri: str, environment: Mapping[str, str], chosen: str | None) -> None:
    proxy = proxy_of(Endpoint(uri), environment)

    assert (None if proxy is None else str(proxy)) == chosen


def test_proxy_that_is_given_is_used_even_for_this_machine() -> None:
    assert str(proxy_of(Endpoint("ws://127.0.0.1", proxy=P), {"http_proxy": "http://other:1"})) == f"the proxy {P}"


def test_empty_proxy_is_none() -> None:
    assert proxy_of(Endpoint("ws://robot", proxy=""), {"http_proxy": P}) is None


def test_proxy_of_the_environment_that_is_none_is_named_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "ftp://user:s3cr3t@proxy")

    problem = str(problem_of(Endpoint("ws://robot.invalid")))

    assert "$http_proxy: proxy 'ftp://***@proxy'" in problem
    assert "s3cr3t" not in problem


# HTTP CONNECT


def test_http_proxy_connects(embedded_server: SignallingServer) -> None:
    with http_proxy() as proxy:
        assert list_producers(Endpoint(embedded_server.uri, proxy=proxy.uri)) == []

    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{embedded_server.port} HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "Authorization" not in proxy.heads[0]


def test_http_proxy_gets_its_own_credentials_and_not_the_server_s(embedded_server: SignallingServer) -> None:
    with http_proxy() as proxy:
        uri = proxy.uri.replace("http://", "http://user:p%40ss@")
        assert list_producers(Endpoint(embedded_server.uri, token="token", proxy=uri)) == []

    credentials = base64.b64encode(b"user:p@ss").decode()
    assert f"Proxy-Authorization: Basic {credentials}\r\n" in proxy.heads[0]
    assert "token" not in proxy.heads[0]


def test_tls_through_a_proxy_over_tls(
    embedded_server: SignallingServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ca = PrivateCA(tmp_path_factory.mktemp("ca"))
    context = ca.server("localhost", "127.0.0.1")
    with tls_terminator(context, embedded_server.uri) as uri, http_proxy(context=context) as proxy:
        address = uri.replace("localhost", "127.0.0.1")
        assert list_producers(Endpoint(address, proxy=proxy.uri, cafile=ca.cafile)) == []


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", 407, "it requires credentials: write its URI as"),
        (b"HTTP/1.1 403 Filtered\r\n\r\n", 403, "HTTP 403 Filtered: it does not let connections through"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", 502, "it cannot reach the server"),
        (b"SSH-2.0\r\n", None, "the proxy does not speak HTTP"),
        (b"", None, "the proxy closed the connection"),
    ],
)
def test_refusal_of_a_proxy_names_it(answer: bytes, status: int | None, words: str) -> None:
    with http_proxy(answer) as proxy:
        error = problem_of(Endpoint("ws://robot", proxy=proxy.uri))

    assert error.status == status
    assert f"ws://robot through the proxy {proxy.uri}: the proxy " in str(error)
    assert words in str(error)


def test_proxy_that_is_not_there() -> None:
    with reserved_port() as port:
        problem = str(problem_of(Endpoint("ws://robot", proxy=f"http://127.0.0.1:{port}")))

    assert f"through the proxy http://127.0.0.1:{port}: no proxy listens there" in problem


# SOCKS


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
def test_socks_proxy_connects(embedded_server: SignallingServer, scheme: str) -> None:
    with socks_proxy(scheme) as (address, targets):
        uri = f"ws://localhost:{embedded_server.port}"
        assert list_producers(Endpoint(uri, proxy=f"{scheme}://{address}")) == []

    [(host, port)] = set(targets)
    assert port == embedded_server.port
    assert (host == "localhost") == (scheme in ("socks4a", "socks5h"))


def test_socks_proxy_with_a_password(embedded_server: SignallingServer) -> None:
    with socks_proxy("socks5", password=("user", "p@ss")) as (address, _):
        assert list_producers(Endpoint(embedded_server.uri, proxy=f"socks5h://user:p%40ss@{address}")) == []

        problem = str(problem_of(Endpoint(embedded_server.uri, proxy=f"socks5h://user:wr0ng@{address}")))

    assert f"through the proxy socks5h://{address}: the proxy refused" in problem
    assert "wr0ng" not in problem


@pytest.mark.parametrize("scheme", ["socks4", "socks5h"])
def test_socks_proxy_that_refuses(scheme: str) -> None:
    with socks_proxy(scheme, reply=5) as (address, _):
        assert "the proxy refused: " in str(problem_of(Endpoint("ws://127.0.0.1:9", proxy=f"{scheme}://{address}")))
