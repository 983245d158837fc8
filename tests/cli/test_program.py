"""The program itself: its help, its errors, and its start and exit."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from gst_signalling_sync import Producer
from gst_signalling_sync.cli import main

from ..helpers.ports import reserved_port
from ..helpers.processes import run_script
from .command import PROGRAM, Command, errors_without_a_reader, is_one_line, run

SECONDS = 60.0

COMMANDS = ("demo", "serve", "list", "listen", "ping", "record", "snapshot", "token")

CTRL_C_AT_AN_IMPORT = """
    import signal, sys

    class CtrlC:
        def find_spec(self, name, path, target=None):
            if name == imported:
                signal.raise_signal(signal.SIGINT)

    imported = sys.argv.pop(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.meta_path.insert(0, CtrlC())
    from gst_signalling_sync.cli.entry import run

    run()
"""

CTRL_C_AT_EXIT = """
    import atexit, signal
    from gst_signalling_sync.cli.entry import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    atexit.register(signal.raise_signal, signal.SIGINT)
    run()
"""


def test_version_is_the_package_s() -> None:
    from gst_signalling_sync import __version__

    finished = run("--version")
    assert finished.returncode == 0
    assert __version__ in finished.stdout


@pytest.mark.parametrize("module", ["gst_signalling_sync", "gst_signalling_sync.cli"])
def test_module_is_called_as_the_program(module: str) -> None:
    with Command("--help", prefix=(sys.executable, "-m", module)) as program:
        assert program.line().startswith("Usage: gst-signalling-sync [OPTIONS]")


@pytest.mark.parametrize(
    "module",
    ["gst_signalling_sync.cli.commands", "click", "gst_signalling_sync.cli.demo", "gst_signalling_sync.signalling"],
)
def test_ctrl_c_at_an_import_exits_with_130(module: str) -> None:
    assert run_script(CTRL_C_AT_AN_IMPORT, module, "list", "--port", "1") == (130, "", "")


def test_ctrl_c_while_parsing_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*arguments: Any) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "parse_args", press)
    result = CliRunner().invoke(main, ["list"])
    assert (result.exit_code, result.output) == (130, "")


def test_ctrl_c_while_waiting_exits_with_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        with Command("list", "--port", str(server.getsockname()[1])) as command, server.accept()[0]:
            assert command.stop() == 130
            assert (command.rest(), command.errors) == ([], "")


def test_ctrl_c_at_exit_leaves_no_traceback() -> None:
    code, _, errors = run_script(CTRL_C_AT_EXIT, "--version")
    assert (code, errors) == (130, "")


@pytest.mark.parametrize("command", [(), ("demo",), ("serve",), ("list",), ("listen",), ("ping",), ("token",)])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert "gst-signalling-sync " + "".join(command) in result.output


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help_fits_into_78_columns(command: tuple[str, ...]) -> None:
    output = CliRunner().invoke(main, [*command, "--help"], terminal_width=78).output
    assert [line for line in output.splitlines() if len(line) > 78] == []


def test_help_cuts_no_command_short_at_60_columns() -> None:
    output = CliRunner().invoke(main, ["--help"], terminal_width=60 - 2).output
    _, commands = output.split("\nCommands:\n")
    assert all(f"  {command} " in commands for command in COMMANDS)
    assert "..." not in commands


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list", "--help")])
def test_reader_that_left_gets_no_traceback(arguments: tuple[str, ...]) -> None:
    assert errors_without_a_reader(*arguments) == ""


def test_help_of_clients_names_the_environment_variable() -> None:
    for command in ("list", "listen", "ping"):
        output = CliRunner().invoke(main, [command, "--help"]).output
        for variable in ("GST_SIGNALLING_URI", "GST_SIGNALLING_TOKEN", "GST_SIGNALLING_CAFILE"):
            assert variable in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("list", "--uri", "http://127.0.0.1"),
        ("list", "--uri", "ws://127.0.0.1:1", "--host", "127.0.0.1"),
        ("list", "--port", "0"),
        ("list", "--timeout", "0"),
        ("list", "--timeout", "nan"),
        ("list", "--timeout", "inf"),
        ("serve", "--port", "70000"),
        ("ping",),
        ("ping", "robot", "-c", "0"),
        ("ping", "robot", "-s", "3"),
        ("ping", "robot", "-i", "nan"),
        ("ping", "robot", "-W", "nan"),
        ("demo", "--consumers", "0"),
        ("demo", "--seconds", "nan"),
        ("demo", "--seconds", "inf"),
        ("demo", "--rate", "nan"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", [("list",), ("listen",), ("ping", "robot")])
def test_absent_server_exits_with_1_and_one_line(command: tuple[str, ...]) -> None:
    with reserved_port() as port:
        uri = f"ws://127.0.0.1:{port}"
        finished = run(*command, "--uri", uri)
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert uri in finished.stderr
    assert finished.stdout == ""


@pytest.mark.parametrize("command", ["serve", "list"])
def test_event_loop_that_there_is_none_of_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("GST_SIGNALLING_EVENT_LOOP", "twisted")
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 2
    assert "$GST_SIGNALLING_EVENT_LOOP must be 'asyncio' or 'uvloop', not 'twisted'" in result.output


def test_uri_may_come_from_the_environment(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GST_SIGNALLING_URI", uri)
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize("arguments", [("-v", "list"), ("list", "-v")])
def test_v_logs_to_stderr(uri: str, arguments: tuple[str, ...]) -> None:
    finished = run(*arguments, "-v", "--uri", uri, "--json")
    assert "DEBUG gst_signalling_sync" in finished.stderr
    assert json.loads(finished.stdout) == []


@pytest.mark.parametrize("option", ["-v", "-vv"])
def test_v_logs_nothing_of_other_libraries(uri: str, producer: Producer, option: str) -> None:
    lines = run("ping", "robot", "-c", "1", option, "--uri", uri).stderr.splitlines()
    assert any(" INFO gst_signalling_sync." in line for line in lines)
    assert [line for line in lines if " gst_signalling_sync." not in line] == []


def test_vvv_logs_other_libraries_too(uri: str, producer: Producer) -> None:
    assert " DEBUG aioice." in run("ping", "robot", "-c", "1", "-vvv", "--uri", uri).stderr


@pytest.mark.parametrize("command", ["list", "serve", "listen"])
def test_command_without_webrtc_imports_no_aiortc(uri: str, command: str) -> None:
    arguments = ("serve", "--port", "0") if command == "serve" else (command, "--uri", uri)
    with Producer(uri, name="robot"), Command(*arguments, prefix=(PROGRAM[0], "-X", "importtime", *PROGRAM[1:])) as ran:
        ran.line()
        ran.stop()
        modules = {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in ran.errors.splitlines()}
    assert "gst_signalling_sync" in modules
    assert not modules & {"aiortc", "av", "rich"}
