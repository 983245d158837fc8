"""State cookies (RFC 9260 section 5.1.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp.cookies import Cookie, Cookies

COOKIE = Cookie(
    made_at=1234.5,
    tag=1,
    first_tsn=2,
    peer_tag=3,
    peer_first_tsn=4,
    peer_window=100_000,
    outgoing_streams=65535,
    incoming_streams=1024,
    supports_forward_tsn=True,
    supports_re_config=False,
    tie_tag=0,
    peer_tie_tag=0,
)


def test_cookie_comes_back_as_it_was() -> None:
    cookies = Cookies(b"secret")

    assert cookies.open(cookies.seal(COOKIE)) == COOKIE


def test_cookie_of_another_secret_is_refused() -> None:
    assert Cookies(b"secret").open(Cookies(b"other").seal(COOKIE)) is None


@given(st.data())
def test_changed_cookie_is_refused(data: st.DataObject) -> None:
    cookies = Cookies(b"secret")
    sealed = bytearray(cookies.seal(COOKIE))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    assert cookies.open(bytes(sealed)) is None


@given(st.binary(max_size=200))
def test_anything_else_is_refused(sealed: bytes) -> None:
    assert Cookies(b"secret").open(sealed) is None
