"""The addresses of signalling servers as users and GStreamer write them."""

from __future__ import annotations

import pytest

from gst_signalling_sync import Endpoint
from gst_signalling_sync.endpoint import DEFAULT_URI, URI_VARIABLE, address_uri, resolve_endpoint


def resolve_uri(uri: str | None = None, host: str | None = None, port: int | None = None) -> str:
    return resolve_endpoint(uri, host, port).uri


def test_default_is_every_client_s_default() -> None:
    assert resolve_uri() == DEFAULT_URI == "ws://127.0.0.1:8443"


def test_environment_variable_replaces_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "ws://robot:1234")

    assert resolve_uri() == "ws://robot:1234"


def test_empty_environment_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "")

    assert resolve_uri() == DEFAULT_URI


def test_uri_comes_before_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "ws://robot:1234")

    assert resolve_uri("ws://other:1") == "ws://other:1"


def test_host_and_port_come_before_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "ws://robot:1234")

    assert resolve_uri(host="other") == "ws://other:8443"
    assert resolve_uri(port=1) == "ws://127.0.0.1:1"


@pytest.mark.parametrize(
    "uri",
    [
        "ws://host:8443",
        "ws://host",
        "wss://host:8443",
        "ws://host:8443/path?query=1",
        "ws://[::1]:8443",
        "ws://[fe80::1%eth0]:8443",
    ],
)
def test_websocket_uri_stays_as_it_is(uri: str) -> None:
    assert resolve_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "websocket_uri"),
    [
        ("gstwebrtc://host:8443", "ws://host:8443"),
        ("gstwebrtcs://host:8443", "wss://host:8443"),
        ("gstwebrtc://host:8443?peer-id=abc", "ws://host:8443"),
        ("GSTWEBRTC://host:8443?peer-id=abc", "ws://host:8443"),
        ("WS://host:8443", "ws://host:8443"),
    ],
)
def test_other_schemes_become_websocket_uris(uri: str, websocket_uri: str) -> None:
    assert resolve_uri(uri) == websocket_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://host:8443",
        "host:8443",
        "127.0.0.1:8443",
        "ws://",
        "ws://:8443",
        "ws:host",
        "ws://host:0",
        "ws://host:65536",
        "ws://host:-1",
        "ws://host:port",
        "ws://[::1",
        "nonsense",
        " ",
        "ws://ho st",
        "ws://host/\n",
    ],
)
def test_what_is_no_address_is_named_in_the_error(uri: str) -> None:
    with pytest.raises(ValueError, match="signalling server address") as caught:
        resolve_uri(uri)

    assert repr(uri) in str(caught.value)


def test_error_says_what_an_address_looks_like() -> None:
    with pytest.raises(ValueError, match="ws://host:port"):
        resolve_uri("http://host")


@pytest.mark.parametrize("other", [{"host": "host"}, {"port": 1}, {"host": "host", "port": 1}])
def test_uri_excludes_host_and_port(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not both"):
        resolve_uri("ws://robot", **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_impossible_port_is_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"must be from 1 to 65535, not {port}"):
        resolve_uri(host="host", port=port)


def test_ipv6_address_gets_brackets() -> None:
    assert address_uri("::1", 8443) == "ws://[::1]:8443"


def test_ipv6_address_keeps_its_brackets() -> None:
    assert resolve_uri(host="[::1]") == "ws://[::1]:8443"


@pytest.mark.parametrize("host", ["host/path", "host:1234", "ws://host", "a b", "user@host"])
def test_host_that_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        resolve_uri(host=host)


@pytest.mark.parametrize(
    ("uri", "peer_id"),
    [
        ("gstwebrtc://host:8443?peer-id=abc", "abc"),
        ("gstwebrtcs://host?other=1&peer-id=abc", "abc"),
        ("gstwebrtc://host?peer-id=a%20b", "a b"),
        ("GSTWEBRTC://host?peer-id=abc", "abc"),
        ("gstwebrtc://host", None),
        ("gstwebrtc://host?peer-id=", None),
        ("ws://host?peer-id=abc", None),
        (None, None),
    ],
)
def test_peer_id_in_a_gstreamer_uri(uri: str | None, peer_id: str | None) -> None:
    assert Endpoint(uri).peer_id == peer_id


@pytest.mark.parametrize(
    ("uri", "host", "port", "is_secure"),
    [
        ("ws://robot.local:8443", "robot.local", 8443, False),
        ("ws://robot.local/path", "robot.local", 80, False),
        ("wss://[::1]", "::1", 443, True),
        ("gstwebrtcs://[fe80::1%eth0]:1", "fe80::1%eth0", 1, True),
    ],
)
def test_parts_of_an_endpoint(uri: str, host: str, port: int, is_secure: bool) -> None:
    endpoint = Endpoint(uri)

    assert (endpoint.host, endpoint.port, endpoint.is_secure) == (host, port, is_secure)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("robot", "name='robot'"),
        ("my robot", "name='my robot'"),
        ("localhost:8443", "ws://localhost:8443"),
        ("[::1]:8443", r"ws://\[::1\]:8443"),
    ],
)
def test_error_guesses_what_was_meant(uri: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Endpoint(uri)
