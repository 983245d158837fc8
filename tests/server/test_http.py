"""HTTP requests to the embedded server: a WebSocket, a page, or a refusal with its reason."""

from __future__ import annotations

import http.client
import logging

import pytest
import websocket

from gst_signalling_sync.server import SignallingServer

from ..helpers.raw_peer import RawPeer

SECONDS = 10.0


def get(server: SignallingServer, path: str = "/", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    connection.close()
    return response


def refusal_of(server: SignallingServer, **options: str) -> tuple[int, str]:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        RawPeer(server.uri, **options)
    return refused.value.status_code, (refused.value.resp_body or b"").decode()


def test_browser_is_told_what_this_is(embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture) -> None:
    page = get(embedded_server)

    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"ws://127.0.0.1:{embedded_server.port}" in page.read().decode()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_page_has_no_more_than_it_needs(embedded_server: SignallingServer) -> None:
    page = get(embedded_server)

    assert page.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/readyz?verbose"])
def test_health_is_told_whatever_the_host_header(embedded_server: SignallingServer, path: str) -> None:
    page = get(embedded_server, path, Host="pod-17.cluster.example")

    assert (page.status, page.read()) == (200, b"ok\n")


def test_unknown_page(embedded_server: SignallingServer) -> None:
    assert get(embedded_server, "/favicon.ico").status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8443"])
def test_foreign_host_gets_no_page(embedded_server: SignallingServer, host: str) -> None:
    page = get(embedded_server, Host=host)

    assert page.status == 403
    assert "hosts=" in page.read().decode()


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_page_of_a_stranger_cannot_reach_a_server_on_localhost(
    embedded_server: SignallingServer, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = refusal_of(embedded_server, origin=origin)

    assert status == 403
    assert "origins=" in text
    assert "--allow-origin" in text
    assert embedded_server.peers == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_name_that_was_made_to_resolve_to_the_server_does_not_reach_it(embedded_server: SignallingServer) -> None:
    status, text = refusal_of(embedded_server, host="evil.example", origin="http://evil.example")

    assert status == 403
    assert "hosts=" in text


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1"])
def test_page_of_this_machine_may_connect(embedded_server: SignallingServer, origin: str) -> None:
    with RawPeer(embedded_server.uri, origin=origin) as peer:
        assert peer.hears_nothing()


def test_listed_origin_may_connect_and_no_other_page() -> None:
    with SignallingServer(port=0, origins=["https://app.example"]) as server:
        RawPeer(server.uri, origin="https://app.example").close()
        RawPeer(server.uri).close()

        assert refusal_of(server, origin="http://localhost")[0] == 403


def test_listed_host_may_be_connected_to() -> None:
    with SignallingServer(port=0, hosts=["robot.example"]) as server:
        RawPeer(server.uri, host="robot.example").close()

        assert refusal_of(server, host="evil.example")[0] == 403


@pytest.mark.parametrize(
    "headers", ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nOrigin: a\r\nOrigin: b\r\n"]
)
def test_request_that_could_be_understood_in_two_ways_is_refused(
    embedded_server: SignallingServer, headers: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", embedded_server.port, timeout=SECONDS)
    connection.connect()
    connection.sock.sendall(f"GET / HTTP/1.1\r\n{headers}\r\n".encode())

    assert connection.sock.recv(65536).startswith(b"HTTP/1.1 400 ")
    connection.close()


@pytest.mark.parametrize(
    "options",
    [{"origins": ["https://app.example/page"]}, {"hosts": ["ws://robot"]}, {"trusted_proxies": ["proxy.example"]}],
)
def test_option_that_means_nothing_is_refused_at_once(options: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        SignallingServer(port=0, **options)  # type: ignore[arg-type]
