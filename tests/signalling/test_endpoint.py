"""`Endpoint` as a value, which shows no secret."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from gst_signalling_sync import Endpoint
from gst_signalling_sync.endpoint import (
    CAFILE_VARIABLE,
    TOKEN_VARIABLE,
    URI_VARIABLE,
    access_of,
    redacted,
    resolve_endpoint,
)

SECRET = "s3cr3t"

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
