"""`Presence`: which peers are there, and which come back."""

from __future__ import annotations

import pytest

from gst_signalling_sync.protocol.grant import Grant
from gst_signalling_sync.protocol.permissions import Admission, Permissions
from gst_signalling_sync.protocol.presence import Presence
from gst_signalling_sync.protocol.resumption import NEW, Resumption

LEASE = 20.0


@pytest.fixture
def presence() -> Presence:
    return Presence(Permissions(None), LEASE, now=0)


def test_peer_that_was_heard_may_return_by_its_key(presence: Presence) -> None:
    presence.connected("a", 0, Resumption(NEW, "key"), None)
    assert not presence.may_return("a")

    presence.heard("a", 1)

    assert presence.may_return("a")
    assert presence.kept("key", None) == "a"


def test_peer_without_a_key_may_not_return(presence: Presence) -> None:
    presence.connected("a", 0, None, None)
    presence.heard("a", 1)

    assert not presence.may_return("a")


def test_peer_is_away_between_two_connections(presence: Presence) -> None:
    presence.connected("a", 0, Resumption(NEW, "first"), None)
    assert not presence.is_away("a")

    presence.disconnected("a")
    assert presence.is_away("a")

    presence.connected("a", 1, Resumption("first", "second"), None)
    assert not presence.is_away("a")


def test_key_keeps_no_peer_for_another_identity(presence: Presence) -> None:
    robot, stranger = Admission("robot", Grant()), Admission("stranger", Grant())
    presence.connected("a", 0, Resumption(NEW, "key"), robot)

    assert presence.kept("key", robot) == "a"
    assert presence.kept("key", stranger) is None


def test_removed_peer_is_forgotten(presence: Presence) -> None:
    presence.connected("a", 0, Resumption(NEW, "key"), None)
    presence.disconnected("a")

    presence.remove("a")

    assert not presence.is_away("a")
    assert presence.kept("key", None) is None
    assert presence.heard("a", 1) is None
