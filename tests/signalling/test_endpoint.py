"""`Endpoint`: the addresses of signalling servers as users and GStreamer write them, and the access to a server."""

from __future__ import annotations

import base64
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import Endpoint
from gst_signalling_sync.endpoint import (
    CAFILE_VARIABLE,
    DEFAULT_URI,
    TOKEN_VARIABLE,
    URI_VARIABLE,
    access_of,
    address_uri,
    redacted,
    resolve_endpoint,
)

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (URI_VARIABLE, TOKEN_VARIABLE, CAFILE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def resolve_uri(uri: str | None = None, host: str | None = None, port: int | None = None) -> str:
    return resolve_endpoint(uri, host, port).uri


# The URI


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
    with pytest.raises(ValueError, match=f"must be in 1..65535, not {port}"):
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


# Resolving


def test_endpoint_is_taken_as_it_is() -> None:
    endpoint = Endpoint("ws://robot", token=SECRET)

    assert resolve_endpoint(endpoint) is endpoint


def test_endpoint_excludes_host_and_port() -> None:
    with pytest.raises(ValueError, match="not both") as caught:
        resolve_endpoint(Endpoint("ws://robot", token=SECRET), port=1)

    assert SECRET not in str(caught.value)


def test_no_arguments_are_the_environment_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "wss://robot:1234")
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
    monkeypatch.setenv(CAFILE_VARIABLE, "ca.pem")

    assert resolve_endpoint() == Endpoint("wss://robot:1234", token=SECRET, cafile="ca.pem")


def test_environment_is_read_when_the_endpoint_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
    endpoint = Endpoint("ws://robot")
    monkeypatch.setenv(TOKEN_VARIABLE, "another")

    assert access_of(endpoint).authorization() == f"Bearer {SECRET}"


# Credentials


def test_no_credentials() -> None:
    assert access_of(Endpoint("ws://robot")).authorization() is None


def test_token_is_a_bearer_token() -> None:
    assert access_of(Endpoint("ws://robot", token=SECRET)).authorization() == f"Bearer {SECRET}"


def test_callable_token_is_asked_each_time() -> None:
    tokens = iter(["first", "second"])
    endpoint = Endpoint("ws://robot", token=lambda: next(tokens))

    assert access_of(endpoint).asks_for_token
    assert [access_of(endpoint).authorization(), access_of(endpoint).authorization()] == [
        "Bearer first",
        "Bearer second",
    ]


def test_user_and_password_are_basic_credentials() -> None:
    authorization = access_of(Endpoint("ws://us%65r:p%40ss%3Aw%C3%B6rd@robot")).authorization()

    assert authorization is not None
    kind, value = authorization.split()
    assert (kind, base64.b64decode(value).decode()) == ("Basic", "user:p@ss:w\xf6rd")


def test_token_of_the_environment_yields_to_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "environment")

    assert access_of(Endpoint("ws://robot")).authorization() == "Bearer environment"
    assert access_of(Endpoint("ws://robot", token="own")).authorization() == "Bearer own"
    assert access_of(Endpoint("ws://robot", token="")).authorization() is None
    assert access_of(Endpoint("ws://robot", headers={"authorization": "Own"})).authorization() is None
    assert str(access_of(Endpoint("ws://user:password@robot")).authorization()).startswith("Basic ")


def test_cafile_of_the_environment_yields_to_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAFILE_VARIABLE, "environment.pem")

    assert Endpoint("wss://robot").cafile == "environment.pem"
    assert Endpoint("wss://robot", cafile=Path("own.pem")).cafile == "own.pem"
    assert Endpoint("wss://robot", cafile="").cafile is None


@pytest.mark.parametrize(
    "several",
    [
        lambda: Endpoint("ws://user:pw@robot", token=SECRET),
        lambda: Endpoint("ws://robot", token=SECRET, headers={"Authorization": "Own"}),
        lambda: Endpoint("ws://user:pw@robot", headers=[("AUTHORIZATION", "Own")]),
    ],
)
def test_several_credentials_are_refused(several: Callable[[], Endpoint]) -> None:
    with pytest.raises(ValueError, match="one kind of credentials"):
        several()


def test_user_and_token_of_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "ws://user:pw@robot")
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)

    with pytest.raises(ValueError, match=TOKEN_VARIABLE):
        Endpoint()


@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET} {SECRET}", f"{SECRET}\xe4", f"{SECRET}\r\nX: y"])
def test_token_that_cannot_be_sent_is_refused_without_being_shown(token: str) -> None:
    asking = access_of(Endpoint("ws://robot", token=lambda: token))
    for refuse in (lambda: Endpoint("ws://robot", token=token), asking.authorization):
        with pytest.raises(ValueError, match="printable ASCII") as caught:
            refuse()
        assert SECRET not in str(caught.value)


def test_token_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="a token must be a string, not bytes"):
        Endpoint("ws://robot", token=b"token")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a token must be a string, not NoneType"):
        access_of(Endpoint("ws://robot", token=lambda: None)).authorization()  # type: ignore[arg-type]


# Headers and proxies


def test_headers_of_a_mapping_or_of_pairs() -> None:
    pairs = (("X-Robot", "7"), ("X-Robot", "8"))

    assert Endpoint("ws://robot", headers={"X-Robot": "7"}).headers == pairs[:1]
    assert Endpoint("ws://robot", headers=pairs).headers == pairs


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "\xe4"])
def test_name_that_no_header_has_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name must be a token"):
        Endpoint("ws://robot", headers={name: "value"})


@pytest.mark.parametrize("name", ["Connection", "upgrade", "Sec-WebSocket-Key", "Transfer-Encoding"])
def test_header_of_the_handshake_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"must not hold {name}, which belongs to the WebSocket handshake"):
        Endpoint("ws://robot", headers={name: "value"})


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX: y", f" {SECRET}", f"{SECRET}\0", f"{SECRET}\xe4"])
def test_value_that_cannot_be_sent_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match="value of the header X-Key") as caught:
        Endpoint("ws://robot", headers={"X-Key": value})

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy", "http://proxy:80"),
        ("https://proxy", "https://proxy:443"),
        ("socks5h://[::1]", "socks5h://[::1]:1080"),
        (f"http://user:{SECRET}@proxy:3128", "http://proxy:3128"),
        ("", ""),
        (None, None),
    ],
)
def test_proxy_is_shown_without_its_password(proxy: str | None, shown: str | None) -> None:
    assert Endpoint("ws://robot", proxy=proxy).proxy == shown


@pytest.mark.parametrize(
    "proxy", [f"ftp://{SECRET}@proxy", f"http://{SECRET}:a/b@proxy:1", f"http://u:{SECRET}@:1", f"{SECRET}@proxy:x"]
)
def test_proxy_that_is_none_is_refused_without_its_secret(proxy: str) -> None:
    with pytest.raises(ValueError, match="proxy ") as caught:
        Endpoint("ws://robot", proxy=proxy)

    assert SECRET not in str(caught.value)


# Endpoints as values


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("ws://robot"),
        Endpoint("ws://robot:8443"),
        Endpoint("ws://user:pw@robot"),
        Endpoint("ws://user:other@robot"),
        Endpoint("ws://robot?token=1"),
        Endpoint("ws://robot?token=2"),
        Endpoint("ws://robot", token="1"),
        Endpoint("ws://robot", token=token_of_a_module),
        Endpoint("ws://robot", headers={"X-Key": "1"}),
        Endpoint("wss://robot", cafile="ca.pem"),
        Endpoint("wss://robot", insecure=True),
        Endpoint("ws://robot", proxy=""),
        Endpoint("ws://robot", proxy="http://proxy:1"),
        Endpoint("ws://robot", proxy="http://user:pw@proxy:1"),
    ]


def token_of_a_module() -> str:
    return SECRET


def test_endpoints_are_equal_where_everything_is() -> None:
    assert endpoints() == endpoints()
    assert len(set(endpoints() + endpoints())) == len(endpoints())
    assert Endpoint("ws://robot") != "ws://robot"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_and_pickles_are_equal(copied: Callable[[Endpoint], Endpoint]) -> None:
    assert [copied(endpoint) for endpoint in endpoints()] == endpoints()


def test_endpoint_cannot_be_changed() -> None:
    endpoint = Endpoint("ws://robot")

    with pytest.raises(AttributeError, match="token="):
        endpoint.token = "token"
    with pytest.raises(AttributeError, match="uri"):
        del endpoint.uri
    assert endpoint == Endpoint("ws://robot")


# Secrets


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (f"ws://user:{SECRET}@host:8443/path", "ws://host:8443/path"),
        (f"ws://{SECRET}@host", "ws://host"),
        (f"ws://user:a@{SECRET}@host", "ws://host"),
        (f"gstwebrtcs://user:{SECRET}@host?peer-id=abc", "wss://host"),
        (f"wss://host/?room=1&access_token={SECRET}&x=2", "wss://host/?room=1&access_token=***&x=2"),
        (f"wss://host/?api-key={SECRET}", "wss://host/?api-key=***"),
    ],
)
def test_uri_shows_no_secret(uri: str, shown: str) -> None:
    endpoint = Endpoint(uri)

    assert endpoint.uri == shown
    assert SECRET not in repr(endpoint)


def test_repr_shows_what_there_is_and_no_secret() -> None:
    endpoint = Endpoint(
        "wss://robot", token=SECRET, headers={"X-Key": SECRET}, cafile="ca.pem", proxy=f"http://user:{SECRET}@proxy:1"
    )

    assert repr(endpoint) == (
        "Endpoint('wss://robot', token='***', headers={'X-Key': '***'}, cafile='ca.pem', proxy='http://proxy:1')"
    )
    assert repr(Endpoint(f"ws://{SECRET}:{SECRET}@robot", insecure=True)) == (
        "Endpoint('ws://robot', user='***', insecure=True)"
    )
    assert repr(Endpoint("ws://robot", token=token_of_a_module)) == "Endpoint('ws://robot', token=<callable>)"


@pytest.mark.parametrize(
    "uri",
    [
        f"http://user:{SECRET}@host",
        f"user:{SECRET}@host:8443",
        f"ws:user:{SECRET}@host",
        f"ws://user:{SECRET}/x@host",
        f"ws://user:{SECRET}://x@host",
        f"ws://user:12/{SECRET}@host",
        f"ws://user:12?{SECRET}@host",
        f"ws://user:12#{SECRET}@host",
        f"ws://user:{SECRET}@host:port",
        f"ws://us%3Aer:{SECRET}@host",
        f"ws://user:{SECRET}%00@host",
        f"ws://user:{SECRET}@",
        f"ws://[user:{SECRET}@host",
        f"http://host/?token={SECRET}",
    ],
)
def test_error_shows_no_secret(uri: str) -> None:
    with pytest.raises(ValueError, match="signalling server address") as caught:
        Endpoint(uri)

    seen: BaseException | None = caught.value
    while seen is not None:
        assert seen.__suppress_context__ or SECRET not in str(seen)
        seen = None if seen.__suppress_context__ else seen.__context__
    assert SECRET not in str(caught.value)


def test_both_uri_and_host_show_no_secret() -> None:
    with pytest.raises(ValueError, match="not both") as caught:
        resolve_endpoint(f"ws://user:{SECRET}@host", "host")

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "repeated"),
    [
        ({"uri": "ws://user:p%40ss@host"}, "user p@ss p%40ss Basic dXNlcjpwQHNz dXNlcjpwQHNz"),
        ({"uri": "ws://host?token=a%2Bb"}, "a%2Bb a+b"),
        ({"token": "token"}, "Bearer token"),
        ({"headers": {"X-Key": "value"}}, "value"),
        ({"proxy": "http://user:p%40ss@proxy"}, "p@ss p%40ss dXNlcjpwQHNz"),
    ],
)
def test_what_a_server_repeats_is_redacted_in_every_form(values: dict[str, Any], repeated: str) -> None:
    text = redacted(f"<{repeated}>", access_of(Endpoint(**{"uri": "ws://host", **values})).secrets())

    assert not any(secret in text for secret in ("p@ss", "p%40ss", "dXNlcjpwQHNz", "a%2Bb", "a+b", " token", "value"))
    assert text.startswith("<")
