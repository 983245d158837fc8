"""`tests/running.py`: which tests run side by side, which run alone, and which forms of a test run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ..running import Turns

SECONDS = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_not_measured")]

TESTS = """
    import pytest

    @pytest.mark.alone
    def test_alone():
        print("runs alone")

    def test_worker(request):
        print("worker", hasattr(request.config, "workerinput"))

    @pytest.mark.parametrize("form", ["short", pytest.param("long", marks=pytest.mark.long)])
    def test_form(form):
        print("form", form)

    @pytest.mark.slow
    def test_slow():
        print("is slow")
"""


STUCK = """
import ctypes

def test_stuck():
    library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)  # waits forever, with the GIL

def test_other():
    pass
"""


def run_pytest(directory: Path, *options: str) -> str:
    """The output of pytest: the results, and what the tests print."""
    directory.joinpath("test_tried.py").write_text("\n".join(line[4:] for line in TESTS.splitlines()))
    directory.joinpath("pytest.ini").write_text("[pytest]\nmarkers =\n    long: x\n    slow: x\n    alone: x\n")
    command = [sys.executable, "-m", "pytest", "-rP", "-p", "tests.running", "--rootdir", str(directory), *options]
    # It runs in a directory of its own, because coverage picks up the data files that are where it writes.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [[], ["-k", "worker"]])
def test_directory_runs_side_by_side(tmp_path: Path, options: list[str]) -> None:
    assert "worker True" in run_pytest(tmp_path, "--maxprocesses", "1", *options, str(tmp_path))


def test_run_leaves_no_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    run_pytest(tmp_path, "--maxprocesses", "1", f"--basetemp={tmp_path / 'base'}", str(tmp_path))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("options", [["-p", "no:xdist"], ["-n", "0"], ["--cov=nothing"], ["--pdb"], ["-s"]])
def test_debuggers_prints_coverage_and_users_without_xdist_get_one_process(tmp_path: Path, options: list[str]) -> None:
    assert "worker False" in run_pytest(tmp_path, *options, str(tmp_path))


def test_coverage_can_be_measured_side_by_side(tmp_path: Path) -> None:
    options = ["-n", "auto", "--maxprocesses", "1", "--cov=nothing"]
    assert "worker True" in run_pytest(tmp_path, *options, str(tmp_path))


def test_file_runs_in_one_process(tmp_path: Path) -> None:
    assert "worker False" in run_pytest(tmp_path, f"{tmp_path}/test_tried.py::test_worker")


@pytest.mark.parametrize(
    ("options", "forms"),
    [([], {"short"}), (["--long"], {"short", "long"}), (["-m", "long"], {"long"}), (["-m", "not long"], {"short"})],
)
def test_long_form_runs_on_demand(tmp_path: Path, options: list[str], forms: set[str]) -> None:
    printed = run_pytest(tmp_path, "-n0", *options, str(tmp_path))
    assert {form for form in ("short", "long") if f"form {form}" in printed} == forms


@pytest.mark.parametrize(
    ("options", "is_required", "takes"),
    [([], "", False), ([], "1", True), (["--slow"], "", True), (["-m", "slow"], "", True), (["--long"], "", True)],
)
def test_slow_tests_run_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], is_required: str, takes: bool
) -> None:
    monkeypatch.setenv("REQUIRE_PEERS", is_required)
    printed = run_pytest(tmp_path, "-n0", *options, str(tmp_path))
    assert ("is slow" in printed) == takes
    assert ("slow tests: left out" in printed) != takes


def test_slow_tests_run_where_their_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_PEERS", raising=False)
    assert "is slow" in run_pytest(tmp_path, f"{tmp_path}/test_tried.py")


def test_what_runs_alone_runs_last(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, "-n0", str(tmp_path))
    assert printed.index("worker False") < printed.index("form short") < printed.index("runs alone")


def test_test_that_is_stuck_in_c_code_fails_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 1\nstuck_seconds = 1\nmarkers =\n    alone: x\n")
    (tmp_path / "test_tried.py").write_text(STUCK)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.running",
        "-n",
        "1",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert "1 failed, 1 passed" in done.stdout
    assert re.search("crashed while running .*::test_stuck", done.stdout)
    assert "in test_stuck" in done.stderr


def test_tests_have_their_turns_at_the_same_time(tmp_path: Path) -> None:
    with Turns(tmp_path).turn(alone=False), Turns(tmp_path).turn(alone=False):
        pass


def test_nothing_runs_beside_a_test_that_is_alone(tmp_path: Path) -> None:
    order: list[str] = []

    def other() -> None:
        with Turns(tmp_path).turn(alone=False):
            order.append("other")

    thread = threading.Thread(target=other)
    with Turns(tmp_path).turn(alone=True):
        thread.start()
        thread.join(0.2)
        order.append("alone")
    thread.join(SECONDS)
    assert order == ["alone", "other"]


def test_who_waits_to_be_alone_is_not_overtaken(tmp_path: Path) -> None:
    order: list[str] = []

    def take_turn(name: str, alone: bool) -> None:
        with Turns(tmp_path).turn(alone=alone):
            order.append(name)

    threads = [threading.Thread(target=take_turn, args=each) for each in (("alone", True), ("late", False))]
    with Turns(tmp_path).turn(alone=False):
        for thread in threads:
            thread.start()
            thread.join(0.2)
    for thread in threads:
        thread.join(SECONDS)
    assert order == ["alone", "late"]
