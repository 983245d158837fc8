"""``demo`` with messages."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from gst_signalling_sync import SignallingServer

from ..helpers.waiting import wait_until
from .command import Command, errors_without_a_reader, is_one_line, run, run_in_terminal

SECONDS = 60.0


@pytest.mark.slow
def test_json_has_what_was_measured() -> None:
    finished = run("demo", "--seconds", "3", "--json")
    assert (finished.returncode, finished.stderr) == (0, "")
    summary = json.loads(finished.stdout)
    assert (summary["sessions"], summary["lost"]) == (2, 0)
    assert summary["messages_to_producer"] > 10
    assert summary["messages_from_producer"] > 10
    assert 0 < summary["round_trip_ms"]["p50"] <= summary["round_trip_ms"]["p99"]
    processes = {peer["process_id"] for peer in (summary["producer"], *summary["consumers"])}
    assert len(processes) == 3
    assert not any(map(is_running, processes))


@pytest.mark.slow
def test_pipe_gets_a_line_per_second_and_the_next_step() -> None:
    with Command("demo", "--seconds", "4", "--consumers", "1") as demo:
        demo.line_with(" s: 1 session; consumer 1: ")
        demo.line_with("1 session, ")
        demo.line_with("from gst_signalling_sync import connect")
        assert demo.exit_code() == 0


def test_terminal_gets_a_table() -> None:
    output = run_in_terminal("demo", "--seconds", "1")
    assert "consumer 2" in output
    assert "round trip" in output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_the_summary(number: signal.Signals) -> None:
    with Command("demo", "--seconds", "0") as demo:
        demo.line_with(" s: 2 sessions; ")
        assert demo.stop(number) == 0
        assert any("2 sessions, " in line and "none lost" in line for line in demo.rest())
        assert demo.errors == ""


def test_processes_end_when_it_is_killed() -> None:
    with Command("demo", "--seconds", "0") as demo:
        demo.line_with("  1 s: ")
        children = children_of(demo.process.pid)
        assert len(children) == 3
        demo.process.kill()
        wait_until(lambda: not any(map(is_running, children)), "its processes end", SECONDS)


@pytest.mark.slow
def test_end_of_a_process_exits_with_1_and_one_line() -> None:
    with Command("demo", "--seconds", "0") as demo:
        demo.line_with("  1 s: ")
        children = children_of(demo.process.pid)
        os.kill(children[-1], signal.SIGKILL)
        assert demo.exit_code() == 1
        assert is_one_line(demo.errors)
        assert not any(map(is_running, children))


def test_port_in_use_exits_with_1_and_one_line(embedded_server: SignallingServer) -> None:
    finished = run("demo", "--port", str(embedded_server.port))
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)


def test_reader_that_left_gets_no_traceback() -> None:
    assert errors_without_a_reader("demo", "--seconds", "1") == ""


def children_of(process_id: int) -> list[int]:
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [int(child) for child in children]


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
