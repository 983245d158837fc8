"""What a grant allows a peer, and until when: cores without I/O, in simulated time."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import Grant
from gst_signalling_sync.protocol.messages import Role
from gst_signalling_sync.protocol.permissions import Admission, Permissions

NAMES = ["robot-1", "robot-2", "arm", "", None]


def admission(subject: str = "someone", **fields: Any) -> Admission:
    return Admission(subject, Grant(subject=subject, **fields), credential=subject)


def permissions_of(**fields: Any) -> Permissions:
    permissions = Permissions(limit=None)
    permissions.admit("peer", admission(**fields))
    return permissions


@pytest.mark.parametrize(
    ("fields", "roles", "name", "objection"),
    [
        ({}, ["producer", "listener"], "anything", None),
        ({}, ["producer"], None, None),
        ({"roles": ["producer"]}, ["producer"], "arm", None),
        ({"roles": ["producer"]}, ["listener"], None, "its token does not allow the role listener"),
        ({"roles": ["producer"]}, ["producer", "listener"], None, "its token does not allow the role listener"),
        ({"roles": []}, [], None, None),
        ({"roles": []}, ["consumer"], None, "its token does not allow the role consumer"),
        ({"names": ["robot-*"]}, ["producer"], "robot-7", None),
        ({"names": ["robot-?"]}, ["producer"], "robot-77", "its token does not allow the name 'robot-77'"),
        ({"names": ["robot-*"]}, ["producer"], "Robot-7", "its token does not allow the name 'Robot-7'"),
        ({"names": ["robot-*"]}, ["producer"], None, "its token requires a name"),
        ({"names": ["robot-*"]}, ["consumer"], "arm", "its token does not allow the name 'arm'"),
        ({"names": ["robot-*"]}, ["listener"], None, None),
        ({"names": ["robot-*"]}, [], None, None),
        ({"names": ["robot-*"]}, [], "arm", "its token does not allow the name 'arm'"),
        ({"names": ["robot-[12]", "arm"]}, ["producer"], "arm", None),
        ({"names": []}, ["producer"], "arm", "its token does not allow the name 'arm'"),
    ],
)
def test_what_a_peer_may_register_as(
    fields: dict[str, Any], roles: list[str], name: str | None, objection: str | None
) -> None:
    assert permissions_of(**fields).objection("peer", [Role(role) for role in roles], name) == objection


@pytest.mark.parametrize(
    ("patterns", "seen"),
    [
        (["*"], NAMES),
        (["robot-*"], ["robot-1", "robot-2"]),
        (["robot-1", "arm"], ["robot-1", "arm"]),
        ([""], ["", None]),
        ([], []),
    ],
)
def test_whom_a_peer_sees(patterns: list[str], seen: list[str | None]) -> None:
    permissions = permissions_of(peers=patterns)

    assert [name for name in NAMES if permissions.sees("peer", "other", name)] == seen
    assert permissions.sees("peer", "peer", "whatever it is called")


def test_peer_without_a_grant_may_do_everything() -> None:
    permissions = Permissions(limit=1)

    assert permissions.objection("peer", list(Role), "anything") is None
    assert permissions.sees("peer", "other", "anything")
    assert permissions.sight_of("peer") is None


def test_grant_ends_at_its_time_and_is_told_once() -> None:
    permissions = Permissions(limit=None)
    permissions.admit("short", admission("short", expires=100))
    permissions.admit("long", admission("long", expires=200))
    permissions.admit("endless", admission("endless"))

    assert permissions.expired(99.9) == []
    assert permissions.expired(100) == ["short"]
    assert permissions.expired(150) == []
    assert permissions.expired(1e12) == ["long"]


def test_peer_that_came_back_with_a_later_end_does_not_end_before() -> None:
    permissions = Permissions(limit=None)
    permissions.admit("peer", admission(expires=100))
    permissions.admit("peer", admission(expires=200))

    assert permissions.expired(100) == []
    assert permissions.expired(200) == ["peer"]


def test_peers_that_come_and_go_for_a_year_leave_nothing_behind() -> None:
    permissions = Permissions(limit=None)
    permissions.admit("staying", admission(expires=1e9))
    for number in range(5_000):
        permissions.admit("staying", admission(expires=1e9))
        permissions.admit(f"passing {number}", admission(expires=1e9))
        permissions.remove(f"passing {number}")

    assert len(pickle.dumps(permissions)) < 10_000
    assert permissions.expired(1e9) == ["staying"]


def test_peers_of_a_subject_are_counted_over_their_connections() -> None:
    permissions = Permissions(limit=2)
    permissions.admit("a", admission("fleet"))
    assert not permissions.is_full(admission("fleet"))
    permissions.admit("b", admission("fleet"))
    permissions.admit("b", admission("fleet"))

    assert permissions.is_full(admission("fleet"))
    assert not permissions.is_full(admission("other"))
    assert not permissions.is_full(admission("fleet", connections=3))
    permissions.remove("a")
    assert not permissions.is_full(admission("fleet"))


@pytest.mark.parametrize(
    ("now", "is_revoked"),
    [
        (None, True),
        (Grant(subject="peer", roles=["producer"], expires=7), False),
        (Grant(subject="peer", roles=["producer"], metrics=True, connections=1), False),
        (Grant(subject="peer"), True),
        (Grant(subject="peer", roles=["producer"], names=["arm"]), True),
        (Grant(subject="peer", roles=["producer"], peers=[]), True),
    ],
)
def test_grant_that_is_taken_back_or_lets_do_something_else_is_revoked(now: Grant | None, is_revoked: bool) -> None:
    permissions = permissions_of(subject="peer", roles=["producer"])

    assert permissions.revise(lambda admission: now) == (["peer"] if is_revoked else [])
    if not is_revoked:
        found = permissions.of("peer")
        assert found is not None
        assert found.grant is now


def test_end_that_the_file_moves_is_the_end() -> None:
    permissions = permissions_of(expires=100)
    permissions.revise(lambda admission: Grant(subject="someone", expires=50))

    assert permissions.expired(60) == ["peer"]


@pytest.mark.parametrize(
    ("before", "now", "may"),
    [
        (None, None, True),
        (None, admission(), False),
        (admission(), None, False),
        (admission(), admission(expires=1), True),
        (admission("a"), admission("b"), False),
        (admission(), admission(roles=["producer"]), False),
    ],
)
def test_only_who_is_the_same_and_may_do_the_same_takes_the_place_of_a_peer(
    before: Admission | None, now: Admission | None, may: bool
) -> None:
    permissions = Permissions(limit=None)
    if before is not None:
        permissions.admit("peer", before)

    assert permissions.may_replace("peer", now) is may


@given(st.integers(0, 2**32))
def test_counts_and_ends_hold_over_any_life(seed: int) -> None:
    choose = random.Random(seed)
    permissions, alive, time = Permissions(limit=3), dict[str, Admission](), 0.0
    for number in range(100):
        time += choose.random()
        subject, expires = choose.choice("abc"), choose.choice([None, time + choose.random() * 5])
        match choose.randrange(3):
            case 0:
                new = admission(subject, expires=expires)
                assert permissions.is_full(new) == (sum(a.identity == subject for a in alive.values()) >= 3)
                if not permissions.is_full(new):
                    permissions.admit(f"peer {number}", new)
                    alive[f"peer {number}"] = new
            case 1 if alive:
                gone = choose.choice(list(alive))
                permissions.remove(gone)
                del alive[gone]
            case _:
                due = {peer for peer, a in alive.items() if a.grant.expires is not None and a.grant.expires <= time}
                assert set(permissions.expired(time)) == due
                for peer_id in due:
                    permissions.remove(peer_id)
                    del alive[peer_id]
        assert len(permissions) == len(alive)


@pytest.mark.parametrize(
    ("fields", "error", "complaint"),
    [
        ({"roles": ["driver"]}, ValueError, "roles must hold 'producer', 'listener', 'consumer', not 'driver'"),
        ({"roles": "producer"}, TypeError, "roles must be a list of strings, not 'producer'"),
        ({"names": [7]}, TypeError, "names must hold strings, not 7"),
        ({"peers": None}, TypeError, "peers must be a list of strings, not None"),
        ({"expires": "tomorrow"}, TypeError, "expires must be a number of seconds"),
        ({"expires": 10**400}, ValueError, "expires must be a finite number"),
        ({"expires": float("nan")}, ValueError, "expires must be a finite number"),
        ({"connections": 0}, ValueError, "connections must be at least 1, not 0"),
        ({"connections": True}, TypeError, "connections must be an integer"),
        ({"metrics": 1}, TypeError, "metrics must be True or False"),
        ({"subject": 7}, TypeError, "subject must be a string"),
    ],
)
def test_grant_that_means_nothing_is_refused(fields: dict[str, Any], error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        Grant(**fields)
