"""The messages that wait for a connection's writer: the order in which they are sent, and what ends it."""

from __future__ import annotations

from gst_signalling_sync.signalling.outgoing import Outgoing


def test_control_frames_overtake_texts_and_the_newest_of_a_kind_is_sent() -> None:
    outgoing = Outgoing()
    outgoing.put("text")
    outgoing.put_control("pong", b"old")
    outgoing.put_control("pong", b"new")
    outgoing.end()

    assert outgoing.take() == [b"new", "text"]
    assert outgoing.take() is None


def test_nothing_follows_the_closing_frame() -> None:
    outgoing = Outgoing()
    outgoing.put("before")
    outgoing.close(b"closing frame")
    outgoing.put("after")
    outgoing.put_control("pong", b"after")

    assert outgoing.take() == [b"closing frame"]
    assert outgoing.take() is None


def test_short_texts_go_out_together_and_long_ones_one_by_one() -> None:
    outgoing = Outgoing()
    for text in ("a", "b", "long" * 10_000, "c"):
        outgoing.put(text)
    outgoing.end()

    assert outgoing.take() == ["a", "b", "long" * 10_000]
    assert outgoing.take() == ["c"]
