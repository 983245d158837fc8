"""The credentials, headers and proxy of an `Endpoint`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from gst_signalling_sync import Endpoint
from gst_signalling_sync.endpoint import CAFILE_VARIABLE, TOKEN_VARIABLE, URI_VARIABLE, access_of

SECRET = "s3cr3t"

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
