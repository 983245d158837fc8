"""What waits for a connection's writer: in which order it goes out, and what ends it."""

from __future__ import annotations

from gst_signalling_sync.signalling.outgoing import Outgoing


def test_control_frames_overtake_texts_and_the_newest_of_a_kind_is_sent() -> None:
    outgoing = Outgoing()
    outgoing.put("text")
    outgoing.put_control("pong", b"old")
    outgoing.put_control("pong", b"new")
    outgoing.end()

    assert [outgoing.take() for _ in range(3)] == [b"new", "text", None]


def test_nothing_follows_the_closing_frame() -> None:
    outgoing = Outgoing()
    outgoing.put("before")
    outgoing.close(b"closing frame")
    outgoing.put("after")
    outgoing.put_control("pong", b"after")

    assert [outgoing.take() for _ in range(2)] == [b"closing frame", None]
