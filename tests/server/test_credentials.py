"""The credentials in a request: every form that exists, and any bytes that a stranger may send."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.http11 import Request

from gst_signalling_sync.server.credentials import AuthorizationRequest, Credentials, NotCredentials, credentials_of

HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
SECRET = st.text("äöüß", min_size=1)
"""Letters that occur nowhere else."""


def request(path: str = "/", *authorization: str, origin: str | None = None) -> Request:
    headers = Headers([("Authorization", value) for value in authorization])
    if origin is not None:
        headers["Origin"] = origin
    return Request(path, headers)


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("given_request", "credentials"),
    [
        (request(), Credentials()),
        (request("/", "Bearer abc"), Credentials(token="abc")),
        (request("/", "bearer   abc "), Credentials(token="abc")),
        (request("/", basic("user:pass:word")), Credentials(user="user", password="pass:word")),
        (request("/", basic(":")), Credentials(user="", password="")),
        (request("/", basic("jörg:ü")), Credentials(user="jörg", password="ü")),
        (request("/?token=abc"), Credentials()),
        (request("/?token=abc", origin="http://localhost"), Credentials(token="abc")),
        (request("/?x=1&token=a%2Bb%20c&y", origin="null"), Credentials(token="a+b c")),
        (request("/?token=", origin="null"), Credentials()),
    ],
)
def test_credentials_are_read(given_request: Request, credentials: Credentials) -> None:
    assert credentials_of(given_request) == credentials


@pytest.mark.parametrize(
    "given_request",
    [
        request("/", "abc"),
        request("/", ""),
        request("/", "Digest abc"),
        request("/", "Bearer a", "Bearer b"),
        request("/", "Basic ###"),
        request("/", "Basic YWJj"),
        request("/", "Basic \xfc"),
        request("/", "Basic /w=="),
        request("/?token=a&token=b", origin="null"),
        request("/?token=a", "Bearer a", origin="null"),
        request("/?" + "&".join("abcdefghij" * 20), origin="null"),
    ],
)
def test_what_is_none_or_several_is_refused(given_request: Request) -> None:
    with pytest.raises(NotCredentials):
        credentials_of(given_request)


@given(HEADER_TEXT, HEADER_TEXT, st.sampled_from(["", "Bearer ", "Basic "]))
@example("token=%00", "\xfc", "Basic ")
def test_any_header_and_query_are_read_or_refused(query: str, value: str, scheme: str) -> None:
    for given_request in (request("/", scheme + value), request(f"/?{query}", origin="null")):
        with contextlib.suppress(NotCredentials):
            credentials_of(given_request).secrets()


@given(SECRET, SECRET)
def test_no_secret_is_shown(token: str, password: str) -> None:
    for shown in (
        repr(Credentials(token=token, user="u", password=password)),
        repr(AuthorizationRequest(token, "u", password, "127.0.0.1", None, "/", {"authorization": token})),
    ):
        assert token not in shown
        assert password not in shown
