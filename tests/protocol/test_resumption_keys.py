"""Resumption keys: each lets a peer come back once."""

from __future__ import annotations

from gst_signalling_sync.protocol.resumption import NEW, Resumption, ResumptionKeys


def test_key_stands_for_the_peer_that_got_it() -> None:
    keys = ResumptionKeys()
    keys.issue("robot", Resumption(NEW, "first"))

    assert keys.peer_of("first") == "robot"
    assert keys.peer_of("guessed") is None
    assert keys.peer_of(NEW) is None


def test_key_is_spent_once_the_peer_was_heard_on_the_connection_that_it_opened() -> None:
    keys = ResumptionKeys()
    keys.issue("robot", Resumption(NEW, "first"))
    keys.issue("robot", Resumption("first", "second"))

    assert keys.peer_of("first") == "robot", "the answer with the second may have been lost"
    keys.confirm("robot")

    assert keys.peer_of("first") is None
    assert keys.peer_of("second") == "robot"


def test_keys_of_answers_that_were_lost_are_good_no_more() -> None:
    keys = ResumptionKeys()
    keys.issue("robot", Resumption(NEW, "first"))
    keys.issue("robot", Resumption("first", "lost"))
    keys.issue("robot", Resumption("first", "third"))

    assert keys.peer_of("lost") is None
    assert keys.peer_of("third") == "robot"


def test_peer_that_is_gone_cannot_come_back() -> None:
    keys = ResumptionKeys()
    keys.issue("robot", Resumption(NEW, "first"))
    keys.forget("robot")

    assert keys.peer_of("first") is None
    assert not keys.has("robot")


def test_peer_that_was_never_heard_cannot_come_back() -> None:
    keys = ResumptionKeys()
    keys.issue("robot", Resumption(NEW, "first"))
    assert not keys.has("robot")

    keys.confirm("robot")
    assert keys.has("robot")


def test_key_is_shown_nowhere() -> None:
    assert "secret" not in repr(Resumption("secret", "secret"))
