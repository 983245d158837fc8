"""Ctrl-C at any moment leaves nothing locked."""

from __future__ import annotations

import threading

import pytest

from gst_signalling_sync.threads.interruptible import Condition

from ..helpers.processes import run_script
from .interrupting import ROUNDS, TRIALS

SECONDS = 10.0


# Coverage takes a lock too; before coverage 7.17.5 an interrupt could leave that lock locked.
@pytest.mark.usefixtures("_not_measured")
@pytest.mark.parametrize("trial", TRIALS)
def test_others_can_use_what_was_interrupted(trial: str) -> None:
    result = run_script("from tests.threads.interrupting import main; main()", trial)
    assert result == (0, f"survived {ROUNDS} rounds\n", "")


def test_condition_wakes_who_waits() -> None:
    condition = Condition()
    told = []

    def tell() -> None:
        with condition:
            told.append(1)
            condition.notify_all()

    thread = threading.Thread(target=tell)
    with condition:
        thread.start()
        assert condition.wait_for(lambda: told, SECONDS)
        assert not condition.wait(0.001)
    thread.join()
