"""The head of an HTTP response, piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.signalling.http_head import MAX_HEAD_BYTES, HeadTooLong, HttpHead, NotHttp

HEAD = b"HTTP/1.1 401 Not Allowed Here\r\nContent-Type: text/plain\r\nX-A:b\r\n\r\n"


def test_head_is_read_up_to_its_body() -> None:
    head = HttpHead.of(HEAD + b"body")

    assert head == HttpHead(401, "Not Allowed Here", {"content-type": "text/plain", "x-a": "b"}, len(HEAD))


def test_head_is_none_until_it_is_complete() -> None:
    assert [HttpHead.of(HEAD[:size]) for size in range(len(HEAD))] == [None] * len(HEAD)


@pytest.mark.parametrize("line", [b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.0 200 \r\n\r\n", b"HTTP/1.1 200 OK\n\n"])
def test_odd_status_lines_are_taken(line: bytes) -> None:
    head = HttpHead.of(line)

    assert head is not None
    assert head.status == 200


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 1000 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    ],
)
def test_what_is_no_head_is_refused_as_soon_as_it_shows(received: bytes) -> None:
    with pytest.raises(NotHttp):
        HttpHead.of(received)


def test_head_without_an_end_is_refused() -> None:
    with pytest.raises(HeadTooLong):
        HttpHead.of(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD_BYTES)


@given(st.binary(max_size=300))
def test_anything_is_a_head_or_refused(junk: bytes) -> None:
    for received in (junk, b"HTTP/1.1 200 OK\r\n" + junk):
        try:
            head = HttpHead.of(received)
        except NotHttp:
            continue
        assert head is None or 0 < head.size <= len(received)
