"""``gst-signalling-sync``, run as its users run it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

import pytest
from click.testing import CliRunner

from gst_signalling_sync import BroadcastChannel, Consumer, Producer, Session, SignallingServer
from gst_signalling_sync.cli import echo, main
from gst_signalling_sync.cli.pinger import RoundTrips
from gst_signalling_sync.echo import ECHO_PROTOCOL, ECHO_REFUSAL

from ..helpers.ports import reserved_port
from ..helpers.processes import interruptible_environment, run_script
from ..helpers.raw_peer import RawPeer

SECONDS = 60.0
PROGRAM = (sys.executable, "-m", "gst_signalling_sync")
ONE_LINE = "gst-signalling-sync: error: "

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


class Command:
    """A running command, whose output a test waits for line by line."""

    def __init__(self, *arguments: str, prefix: tuple[str, ...] = PROGRAM) -> None:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # A background job of a shell ignores Ctrl-C, and so would all its children.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [*prefix, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=interruptible_environment(),
        )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def line(self) -> str:
        """The next line, without its newline."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except Empty:
            raise AssertionError(f"no further line within {SECONDS} s") from None
        assert line is not None, f"the output ended; stderr: {self._errors}"
        return line

    def line_with(self, text: str) -> str:
        """The next line that contains a string."""
        while text not in (line := self.line()):
            pass
        return line

    def rest(self) -> list[str]:
        """All further lines, until the end."""
        lines = []
        while (line := self._lines.get(timeout=SECONDS)) is not None:
            lines.append(line)
        return lines

    def exit_code(self) -> int:
        """Wait for the command to exit, and return its exit code."""
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, as Ctrl-C does, and wait for the exit."""
        self.process.send_signal(number)
        return self.exit_code()

    @property
    def errors(self) -> str:
        """Standard error, complete when the command has exited."""
        return "".join(self._errors)

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.exit_code()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Terminal:
    """A terminal in which a command runs.

    Args:
        *arguments: The command's.
        columns: Width of the terminal in columns.
    """

    def __init__(self, *arguments: str, columns: int = 100) -> None:
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            env={**interruptible_environment(), "COLUMNS": str(columns), "TERM": "xterm"},
        )
        os.close(theirs)

    def output_with(self, text: str) -> str:
        """All output until a string has been written."""
        written = b""
        while text not in written.decode(errors="ignore"):
            chunk = self._read()
            assert chunk, written
            written += chunk
        return written.decode(errors="ignore")

    def rest(self) -> str:
        """All output until the end."""
        written = b""
        while chunk := self._read():
            written += chunk
        return written.decode()

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:
            # Linux reports with this error that the other end is closed.
            return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._ours)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def is_one_line(errors: str) -> bool:
    return errors.startswith(ONE_LINE) and errors.count("\n") == 1


@pytest.fixture
def uri(embedded_server: SignallingServer) -> str:
    return embedded_server.uri


@pytest.fixture
def producer(uri: str) -> Iterator[Producer]:
    """A producer that answers on a channel ``answers`` and sends nothing on ``silence``."""
    with Producer(uri, name="robot", meta={"kind": "arm"}) as producer:
        answers = producer.add_channel("answers")
        producer.add_channel("silence")

        @answers.message.connect
        def answer(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
            session.channel(channel.label).send(data)

        yield producer


class TestProgram:
    def test_version_is_the_package_s(self) -> None:
        from gst_signalling_sync import __version__

        finished = run("--version")
        assert finished.returncode == 0
        assert __version__ in finished.stdout

    @pytest.mark.parametrize("module", ["gst_signalling_sync", "gst_signalling_sync.cli"])
    def test_module_is_called_as_the_program(self, module: str) -> None:
        with Command("--help", prefix=(sys.executable, "-m", module)) as program:
            assert program.line().startswith("Usage: gst-signalling-sync [OPTIONS]")

    @pytest.mark.parametrize(
        "module",
        ["gst_signalling_sync.cli.commands", "click", "gst_signalling_sync.cli.demo", "gst_signalling_sync.signalling"],
    )
    def test_ctrl_c_at_an_import_exits_with_130(self, module: str) -> None:
        assert run_script(CTRL_C_AT_AN_IMPORT, module, "list", "--port", "1") == (130, "", "")

    def test_ctrl_c_while_parsing_exits_with_130(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def press(*arguments: Any) -> list[str]:
            raise KeyboardInterrupt

        monkeypatch.setattr(main, "parse_args", press)
        result = CliRunner().invoke(main, ["list"])
        assert (result.exit_code, result.output) == (130, "")

    def test_ctrl_c_while_waiting_exits_with_130(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(SECONDS)
            with Command("list", "--port", str(server.getsockname()[1])) as command, server.accept()[0]:
                assert command.stop() == 130
                assert (command.rest(), command.errors) == ([], "")

    def test_ctrl_c_at_exit_leaves_no_traceback(self) -> None:
        code, _, errors = run_script(CTRL_C_AT_EXIT, "--version")
        assert (code, errors) == (130, "")

    @pytest.mark.parametrize("command", [(), ("demo",), ("serve",), ("list",), ("listen",), ("ping",), ("token",)])
    def test_help_has_examples(self, command: tuple[str, ...]) -> None:
        result = CliRunner().invoke(main, [*command, "--help"])
        assert result.exit_code == 0
        assert "Examples:" in result.output
        assert "gst-signalling-sync " + "".join(command) in result.output

    @pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
    def test_help_fits_into_78_columns(self, command: tuple[str, ...]) -> None:
        output = CliRunner().invoke(main, [*command, "--help"], terminal_width=78).output
        assert [line for line in output.splitlines() if len(line) > 78] == []

    def test_help_cuts_no_command_short_at_60_columns(self) -> None:
        output = CliRunner().invoke(main, ["--help"], terminal_width=60 - 2).output
        _, commands = output.split("\nCommands:\n")
        assert all(f"  {command} " in commands for command in COMMANDS)
        assert "..." not in commands

    @pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list", "--help")])
    def test_reader_that_left_gets_no_traceback(self, arguments: tuple[str, ...]) -> None:
        assert errors_without_a_reader(*arguments) == ""

    def test_help_of_clients_names_the_environment_variable(self) -> None:
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
    def test_wrong_usage_exits_with_2(self, arguments: tuple[str, ...]) -> None:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert "Usage:" in result.output

    @pytest.mark.parametrize("command", [("list",), ("listen",), ("ping", "robot")])
    def test_absent_server_exits_with_1_and_one_line(self, command: tuple[str, ...]) -> None:
        with reserved_port() as port:
            uri = f"ws://127.0.0.1:{port}"
            finished = run(*command, "--uri", uri)
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert uri in finished.stderr
        assert finished.stdout == ""

    def test_uri_may_come_from_the_environment(self, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GST_SIGNALLING_URI", uri)
        assert json.loads(run("list", "--json").stdout) == []

    @pytest.mark.parametrize("arguments", [("-v", "list"), ("list", "-v")])
    def test_v_logs_to_stderr(self, uri: str, arguments: tuple[str, ...]) -> None:
        finished = run(*arguments, "-v", "--uri", uri, "--json")
        assert "DEBUG gst_signalling_sync" in finished.stderr
        assert json.loads(finished.stdout) == []

    @pytest.mark.parametrize("option", ["-v", "-vv"])
    def test_v_logs_nothing_of_other_libraries(self, uri: str, producer: Producer, option: str) -> None:
        lines = run("ping", "robot", "-c", "1", option, "--uri", uri).stderr.splitlines()
        assert any(" INFO gst_signalling_sync." in line for line in lines)
        assert [line for line in lines if " gst_signalling_sync." not in line] == []

    def test_vvv_logs_other_libraries_too(self, uri: str, producer: Producer) -> None:
        assert " DEBUG aioice." in run("ping", "robot", "-c", "1", "-vvv", "--uri", uri).stderr


class TestList:
    def test_pipe_gets_id_name_and_meta(self, uri: str, producer: Producer) -> None:
        finished = run("list", "--uri", uri)
        assert finished.returncode == 0
        assert finished.stdout == f'{producer.peer_id}\trobot\t{{"kind": "arm"}}\n'

    def test_full_disk_is_one_line(self, uri: str) -> None:
        with Path("/dev/full").open("w") as full:
            finished = subprocess.run(
                [*PROGRAM, "list", "--json", "--uri", uri], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert "No space left on device" in finished.stderr

    def test_json_is_one_document(self, uri: str, producer: Producer) -> None:
        finished = run("list", "--uri", uri, "--json")
        assert json.loads(finished.stdout) == [
            {"id": producer.peer_id, "name": "robot", "meta": {"kind": "arm", "name": "robot"}}
        ]

    def test_consumers_are_the_passive_ones(self, uri: str, producer: Producer) -> None:
        with Consumer(uri, meta=7, passive=True) as consumer:
            finished = run("list", "--uri", uri, "--consumers", "--json")
            assert json.loads(finished.stdout) == [{"id": consumer.peer_id, "name": None, "meta": 7}]

    def test_none_is_said_on_stderr(self, uri: str) -> None:
        finished = run("list", "--uri", uri)
        assert (finished.returncode, finished.stdout) == (0, "")
        assert finished.stderr == f"There are no producers at {uri}.\n"

    def test_names_cannot_control_the_terminal(self, uri: str) -> None:
        with RawPeer(uri) as peer:
            peer.register("producer", meta={"name": "\x1b[31mred\n[bold]\u202e"})
            finished = run("list", "--uri", uri)
        assert finished.stdout == f"{peer.id}\t\\x1b[31mred\\n[bold]\\u202e\t\n"

    def test_terminal_gets_a_table(self, uri: str, producer: Producer) -> None:
        output = run_in_terminal("list", "--uri", uri)
        assert "name" in output
        assert f"{producer.peer_id}" in output
        assert "─" in output

    def test_server_that_never_answers_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            finished = run("list", "--port", str(server.getsockname()[1]), "--timeout", "0.5")
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)

    def test_reader_that_left_gets_no_traceback(self, uri: str, producer: Producer) -> None:
        assert errors_without_a_reader("list", "--uri", uri) == ""


class TestServe:
    def test_prints_the_uri_that_clients_use(self) -> None:
        with Command("serve", "--port", "0") as serve:
            uri = serve.line()
            assert json.loads(run("list", "--uri", uri, "--json").stdout) == []

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_ends_it_in_order(self, number: signal.Signals) -> None:
        with Command("serve", "--port", "0") as serve:
            with RawPeer(serve.line()):
                assert serve.stop(number) == 0
            assert (serve.rest(), serve.errors) == ([], "")

    def test_ctrl_c_ends_the_terminal_s_line(self) -> None:
        with Terminal("serve", "--port", "0") as terminal:
            terminal.output_with("Ctrl-C stops it.\r\n")
            terminal.process.send_signal(signal.SIGINT)
            assert (terminal.rest(), terminal.process.wait(SECONDS)) == ("\r\n", 0)

    def test_port_in_use_exits_with_1_and_one_line(self, embedded_server: SignallingServer) -> None:
        finished = run("serve", "--port", str(embedded_server.port))
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert str(embedded_server.port) in finished.stderr

    def test_warns_of_messages_that_it_drops(self) -> None:
        with Command("serve", "--port", "0") as serve:
            with RawPeer(serve.line()) as peer:
                peer.send_text("junk")
                assert peer.hears_nothing()
            serve.stop()
            assert "WARNING" in serve.errors


class TestListen:
    def test_tells_who_comes_changes_and_goes(self, uri: str, producer: Producer) -> None:
        with Command("listen", "--uri", uri, "--json") as listen:

            def heard() -> tuple[str, str, list[str], Any]:
                event = json.loads(listen.line())
                assert event["time"][10] == "T"
                return event["event"], event["id"], event["roles"], event["meta"]

            assert heard() == ("came", producer.peer_id, ["producer"], {"kind": "arm", "name": "robot"})
            with RawPeer(uri) as peer:
                peer.register("consumer", meta=1)
                assert heard() == ("came", peer.id, ["consumer"], 1)
                peer.register("consumer", meta=2)
                assert heard() == ("changed", peer.id, ["consumer"], 2)
            assert heard() == ("left", peer.id, [], 2)
            assert listen.stop() == 0
            assert (listen.rest(), listen.errors) == ([], "")

    def test_line_has_time_event_and_peer(self, uri: str, producer: Producer) -> None:
        with Command("listen", "--uri", uri) as listen:
            line = listen.line()
            assert line[2] == line[5] == ":"
            assert line.split()[1:] == ["came", producer.peer_id, "robot", "producer", '{"kind":', '"arm"}']
            assert listen.stop(signal.SIGTERM) == 0

    def test_ctrl_c_ends_the_terminal_s_line(self, uri: str, producer: Producer) -> None:
        with Terminal("listen", "--uri", uri) as terminal:
            terminal.output_with('"arm"}\r\n')
            terminal.process.send_signal(signal.SIGINT)
            assert (terminal.rest(), terminal.process.wait(SECONDS)) == ("\r\n", 0)

    def test_reader_that_left_gets_no_traceback(self, uri: str, producer: Producer) -> None:
        assert errors_without_a_reader("listen", "--uri", uri) == ""


class TestPing:
    def test_prints_replies_and_the_summary(self, uri: str, producer: Producer) -> None:
        with Command("ping", "robot", "--uri", uri, "-c", "3", "-i", "0.01") as ping:
            lines = ping.rest()
            assert (ping.exit_code(), ping.errors) == (0, "")
        assert lines[0].startswith(f"PING robot ({producer.peer_id}) at {uri}: 56 bytes")
        assert [line.rsplit("=", 1)[0] for line in lines[1:4]] == [
            f"56 bytes from robot: seq={number} time" for number in (1, 2, 3)
        ]
        assert lines[4] == "--- robot ping statistics ---"
        assert lines[5].startswith("3 packets transmitted, 3 received, 0% packet loss, time ")
        assert lines[6].startswith("rtt min/avg/max/mdev = ")

    def test_json_is_an_object_per_line(self, uri: str, producer: Producer) -> None:
        finished = run("ping", str(producer.peer_id), "--uri", uri, "-c", "2", "-i", "0.01", "--json")
        events = [json.loads(line) for line in finished.stdout.splitlines()]
        assert [event["event"] for event in events] == ["reply", "reply", "summary"]
        assert [event["sequence"] for event in events[:2]] == [1, 2]
        summary = events[2]
        assert (summary["transmitted"], summary["received"], summary["loss"]) == (2, 2, 0)
        assert 0 < summary["round_trip_ms"]["min"] <= summary["round_trip_ms"]["p50"] <= summary["round_trip_ms"]["max"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_prints_the_summary(self, uri: str, producer: Producer, number: signal.Signals) -> None:
        with Command("ping", "robot", "--uri", uri) as ping:
            ping.line_with("seq=1")
            assert ping.stop(number) == 0
            assert "packets transmitted" in ping.rest()[-2]
            assert ping.errors == ""

    @pytest.mark.parametrize("options", [(), ("--text",)])
    def test_can_use_a_channel_of_the_producer(self, uri: str, producer: Producer, options: tuple[str, ...]) -> None:
        finished = run("ping", "robot", "--uri", uri, "-c", "1", "--channel", "answers", "-s", "5000", *options)
        assert finished.returncode == 0
        assert "5000 bytes from robot: seq=1" in finished.stdout

    def test_no_reply_exits_with_1(self, uri: str, producer: Producer) -> None:
        finished = run("ping", "robot", "--uri", uri, "-c", "2", "-i", "0.01", "-W", "0.1", "--channel", "silence")
        assert finished.returncode == 1
        assert "no reply from robot: seq=2\n" in finished.stdout
        assert "2 packets transmitted, 0 received, 100% packet loss" in finished.stdout
        assert is_one_line(finished.stderr)
        assert "-W" in finished.stderr
        assert "--channel" not in finished.stderr

    def test_late_reply_is_thought_of_before_a_producer_without_echo(self, uri: str, producer: Producer) -> None:
        finished = run("ping", "robot", "--uri", uri, "-c", "1", "-W", "0.00001")
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert 0 < finished.stderr.index("a later one") < finished.stderr.index("--channel LABEL")

    def test_producer_without_echo_refuses(self, uri: str) -> None:
        with Producer(uri, name="discreet", echo=False):
            finished = run("ping", "discreet", "--uri", uri)
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert "answers no pings: its program says Producer(echo=False)" in finished.stderr
        assert "statistics" not in finished.stdout

    def test_busy_callback_delays_no_reply(self, uri: str) -> None:
        busy, may_end = threading.Event(), threading.Event()
        robot = Producer(uri, name="busy")

        @robot.session_started.connect
        def work(robot: Producer, session: Session) -> None:
            busy.set()
            assert may_end.wait(SECONDS)

        with robot, Command("ping", "busy", "--uri", uri) as ping:
            assert busy.wait(SECONDS)
            ping.line_with("seq=1")
            assert ping.stop(signal.SIGINT) == 0
            may_end.set()

    def test_unknown_producer_is_told_with_those_there_are(self, uri: str, producer: Producer) -> None:
        finished = run("ping", "nobody", "--uri", uri)
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert "'robot'" in finished.stderr

    def test_message_that_is_too_large_exits_with_1(self, uri: str, producer: Producer) -> None:
        finished = run("ping", "robot", "--uri", uri, "-s", "100000000")
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)

    def test_producer_that_leaves_exits_with_1(self, uri: str, producer: Producer) -> None:
        with Command("ping", "robot", "--uri", uri) as ping:
            ping.line_with("seq=1")
            producer.close()
            assert ping.exit_code() == 1
            assert "packets transmitted" in "".join(ping.rest())
            assert ping.errors == f"{ONE_LINE}'robot' left\n"

    def test_channel_that_the_producer_closes_exits_with_1(self, uri: str, producer: Producer) -> None:
        with Command("ping", "robot", "--uri", uri, "--channel", "answers") as ping:
            ping.line_with("seq=1")
            producer.sessions[0].channel("answers").close()
            assert ping.exit_code() == 1
            assert is_one_line(ping.errors)
            assert "channel 'answers'" in ping.errors

    def test_reader_that_left_gets_no_traceback(self, uri: str, producer: Producer) -> None:
        assert errors_without_a_reader("ping", "robot", "--uri", uri) == ""


class TestDemo:
    @pytest.mark.slow
    def test_json_has_what_was_measured(self) -> None:
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
    def test_pipe_gets_a_line_per_second_and_the_next_step(self) -> None:
        with Command("demo", "--seconds", "4", "--consumers", "1") as demo:
            demo.line_with(" s: 1 session; consumer 1: ")
            demo.line_with("1 session, ")
            demo.line_with("from gst_signalling_sync import connect")
            assert demo.exit_code() == 0

    def test_terminal_gets_a_table(self) -> None:
        output = run_in_terminal("demo", "--seconds", "1")
        assert "consumer 2" in output
        assert "round trip" in output

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signal_ends_it_with_the_summary(self, number: signal.Signals) -> None:
        with Command("demo", "--seconds", "0") as demo:
            demo.line_with(" s: 2 sessions; ")
            assert demo.stop(number) == 0
            assert any("2 sessions, " in line and "none lost" in line for line in demo.rest())
            assert demo.errors == ""

    def test_processes_end_when_it_is_killed(self) -> None:
        with Command("demo", "--seconds", "0") as demo:
            demo.line_with("  1 s: ")
            children = children_of(demo.process.pid)
            assert len(children) == 3
            demo.process.kill()
            deadline = time.monotonic() + SECONDS
            while any(map(is_running, children)):
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @pytest.mark.slow
    def test_end_of_a_process_exits_with_1_and_one_line(self) -> None:
        with Command("demo", "--seconds", "0") as demo:
            demo.line_with("  1 s: ")
            children = children_of(demo.process.pid)
            os.kill(children[-1], signal.SIGKILL)
            assert demo.exit_code() == 1
            assert is_one_line(demo.errors)
            assert not any(map(is_running, children))

    def test_port_in_use_exits_with_1_and_one_line(self, embedded_server: SignallingServer) -> None:
        finished = run("demo", "--port", str(embedded_server.port))
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)

    def test_reader_that_left_gets_no_traceback(self) -> None:
        assert errors_without_a_reader("demo", "--seconds", "1") == ""


@pytest.mark.parametrize("command", ["list", "serve", "listen"])
def test_command_without_webrtc_imports_no_aiortc(uri: str, command: str) -> None:
    arguments = ("serve", "--port", "0") if command == "serve" else (command, "--uri", uri)
    with Producer(uri, name="robot"), Command(*arguments, prefix=(PROGRAM[0], "-X", "importtime", *PROGRAM[1:])) as ran:
        ran.line()
        ran.stop()
        modules = {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in ran.errors.splitlines()}
    assert "gst_signalling_sync" in modules
    assert not modules & {"aiortc", "av", "rich"}


def test_round_trips_are_summed_up_as_ping_does() -> None:
    trips = RoundTrips()
    for milliseconds in (4, 1, 3, 2):
        trips.add(milliseconds / 1000)
    assert (trips.count, trips.min, trips.max) == (4, 0.001, 0.004)
    assert trips.mean == pytest.approx(0.0025)
    assert trips.deviation == pytest.approx(0.00111803, rel=1e-4)
    assert [trips.percentile(percent) for percent in (0, 50, 75, 99)] == [0.001, 0.002, 0.003, 0.004]


def run_in_terminal(*arguments: str, columns: int = 100) -> str:
    """The output of a command on a terminal."""
    with Terminal(*arguments, columns=columns) as terminal:
        written = terminal.rest()
        assert terminal.process.wait(SECONDS) == 0, written
    return written


def errors_without_a_reader(*arguments: str) -> str:
    """The standard error of a command whose output is not read, as in ``| head -0``."""
    ours, theirs = os.pipe()
    os.close(ours)
    finished = subprocess.run(
        [*PROGRAM, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    os.close(theirs)
    assert finished.returncode == 128 + signal.SIGPIPE
    return finished.stderr


def children_of(process_id: int) -> list[int]:
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [int(child) for child in children]


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ping_speaks_the_echo_of_producers() -> None:
    assert (echo.ECHO_LABEL, echo.ECHO_PROTOCOL, echo.ECHO_REFUSAL) == ("ping", ECHO_PROTOCOL, ECHO_REFUSAL)
