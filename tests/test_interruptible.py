"""Ctrl-C at any moment leaves nothing locked."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from gst_signalling_sync.threads.interruptible import Condition

from .interrupting import TRIALS
from .processes import exit_of

SECONDS = 10.0


@pytest.mark.parametrize("trial", TRIALS)
def test_others_can_use_what_was_interrupted(trial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What measures coverage takes a lock too; before coverage 7.17.5 an interrupt could leave that one locked.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    command = [sys.executable, "-m", "tests.interrupting", trial]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output, _ = exit_of(process)
    assert (process.returncode, output) == (0, "survived 500 rounds\n")


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
