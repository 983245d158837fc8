"""What the attacks share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from ..raw_peer import RawPeer
from .victim import Victim


@pytest.fixture
def ahead_of_other_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no other program take the time that is measured; only who may ask for that gets it.

    One of these tests at a time, in whatever process: two would wait for each other's turns.
    """
    with (tmp_path_factory.getbasetemp().parent / "ahead-of-other-programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
        except PermissionError:
            yield
            return
        yield
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def victim(ahead_of_other_programs: None) -> Iterator[Victim]:
    """A robot with an embedded server as it is by default, ahead of other programs."""
    with Victim() as victim:
        yield victim


@pytest.fixture
def honest(victim: Victim) -> Iterator[RawPeer]:
    """A peer of the victim's server that asks for the list now and then."""
    with RawPeer(victim.uri) as peer:
        yield peer
