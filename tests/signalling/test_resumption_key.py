"""The key by which a client is the same peer again when it comes back."""

from __future__ import annotations

import pytest

from gst_signalling_sync.protocol.resumption import HEADER, NEW
from gst_signalling_sync.signalling.resumption_key import ResumptionKey


def answer(key: str) -> dict[str, str]:
    return {"upgrade": "websocket", HEADER.lower(): key}


def test_who_has_none_asks_for_one() -> None:
    key = ResumptionKey()
    assert key.header == (HEADER, NEW)
    assert key.is_new


def test_newest_is_shown_the_next_time() -> None:
    key = ResumptionKey()
    key.update(answer("first"))
    key.update(answer("second"))
    assert key.header == (HEADER, "second")
    assert not key.is_new


def test_server_that_gives_none_gets_to_see_none_of_another() -> None:
    key = ResumptionKey()
    key.update(answer("first"))
    key.update({"upgrade": "websocket"})
    assert key.header == (HEADER, NEW)


@pytest.mark.parametrize("hostile", ["", "two words", "a\rAuthorization: Bearer x", "ü", "x" * 257, "\0"])
def test_key_that_is_none_is_not_sent_back(hostile: str) -> None:
    key = ResumptionKey()
    key.update(answer(hostile))
    assert key.header == (HEADER, NEW)


def test_forgotten_key_is_not_shown() -> None:
    key = ResumptionKey()
    key.update(answer("first"))
    key.forget()
    assert key.is_new


def test_repr_shows_no_secret() -> None:
    key = ResumptionKey()
    key.update(answer("hidden"))
    assert "hidden" not in repr(key)
