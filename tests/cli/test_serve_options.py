"""The options of ``gst-signalling-sync serve`` that set which clients the server admits, and what they may use."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import websocket
from click.testing import CliRunner

from gst_signalling_sync.cli import main
from gst_signalling_sync.protocol.tokens import token_table

from ..helpers.raw_peer import RawPeer


@contextmanager
def serving_process(
    *options: str, stdin: int = subprocess.DEVNULL, stderr: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that runs as a program, and its URI."""
    program = [sys.executable, "-m", "gst_signalling_sync", "serve", "--port", "0", *options]
    # If these tests run under nohup, the server would inherit that SIGHUP is ignored.
    command = ["env", "--default-signal=HUP", *program]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The URI of a server that runs as a program."""
    with serving_process(*options) as (_, uri):
        yield uri


def test_origins_and_hosts_are_taken_from_the_command_line() -> None:
    with serving("--allow-origin", "https://app.example", "--allow-host", "robot.example") as uri:
        RawPeer(uri, origin="https://app.example", host="robot.example").close()

        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            RawPeer(uri, origin="https://evil.example")


def test_limits_are_taken_from_the_command_line() -> None:
    with (
        serving("--limit", "connections=1", "--limit", "messages=10:20", "--limit", "lists=none") as uri,
        RawPeer(uri),
        pytest.raises(websocket.WebSocketBadStatusException, match="503"),
    ):
        RawPeer(uri)


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("cups=3", "'cups' is not a limit"),
        ("connections=many", "must be a positive integer or none"),
        ("connections=0", "must be a positive integer or none"),
        ("messages=5", "must be PER_SECOND:BURST, two positive numbers, or none"),
        ("handshake_seconds=none", "must be a positive number"),
        ("message_bytes=none", "must be a positive integer"),
        ("message_bytes", "must be a positive integer"),
    ],
)
def test_limit_that_is_none_is_wrong_usage(limit: str, complaint: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--limit", limit])

    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


def test_origin_that_is_none_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["serve", "--allow-origin", "https://app.example/page"])

    assert result.exit_code == 2
    assert "origins must hold" in result.output


def test_lease_is_taken_from_the_command_line() -> None:
    # The dead peer does not read, so that it does not answer pings.
    with serving("--lease", "0.5") as uri, RawPeer(uri) as dead, RawPeer(uri).register("listener") as listener:
        assert listener.receive() == {"type": "peerStatusChanged", "peerId": dead.id, "roles": [], "meta": None}


def test_hangup_without_a_terminal_does_not_end_the_server() -> None:
    with serving_process() as (process, uri):
        process.send_signal(signal.SIGHUP)

        RawPeer(uri).close()
        assert process.poll() is None


def test_sigterm_tells_the_peers() -> None:
    with serving_process() as (process, uri):
        peer = RawPeer(uri)
        process.send_signal(signal.SIGTERM)

        frame = peer.socket.recv_frame()
        assert (frame.opcode, frame.data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))
        peer.close()


def test_hangup_of_the_terminal_tells_the_peers() -> None:
    master, terminal = pty.openpty()
    with serving_process(stdin=terminal) as (process, uri):
        os.close(terminal)
        peer = RawPeer(uri)
        process.send_signal(signal.SIGHUP)

        assert peer.socket.recv_frame().opcode == websocket.ABNF.OPCODE_CLOSE
        peer.close()
    os.close(master)


def test_too_few_descriptors_are_told_as_such() -> None:
    command = f"ulimit -n 8; exec {sys.executable} -m gst_signalling_sync serve --port 0"
    ended = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert "no file descriptor is left" in ended.stderr
    assert "ulimit -n" in ended.stderr


def test_log_is_a_json_object_in_each_line() -> None:
    with serving_process("--log-format", "json", stderr=subprocess.PIPE) as (process, uri):
        with pytest.raises(websocket.WebSocketBadStatusException):
            RawPeer(uri, origin="https://evil.example")
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())

    assert (line["level"], line["logger"]) == ("WARNING", "gst_signalling_sync.server.refusals")
    assert "https://evil.example" in line["message"]
    assert line["time"].endswith("+00:00")


def test_token_that_the_command_made_lets_in_and_can_be_taken_back(tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["token", "robot 7", "--role", "producer", "--name", "robot-*", "--json"])
    told = json.loads(made.stdout)
    file = tmp_path / "tokens.toml"
    file.write_text(told["entry"])
    with serving_process("--tokens", str(file)) as (process, uri):
        peer = RawPeer(uri, header=[f"Authorization: Bearer {told['token']}"])
        peer.register("producer", meta={"name": "robot-7"})
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            RawPeer(uri)
        file.write_text("")
        process.send_signal(signal.SIGHUP)

        frame = peer.socket.recv_frame()
        assert (frame.opcode, frame.data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (3000).to_bytes(2, "big"))
        peer.close()


def test_token_is_printed_above_its_entry() -> None:
    options = ["--peer", "", "--expires-in", "30", "--connections", "2", "--metrics"]
    printed = CliRunner().invoke(main, ["token", 'a "strange" \x7f one', *options]).stdout
    token, entry = printed.split("\n\n")

    table = token_table(tomllib.loads(entry)["tokens"])
    found = table.find(token)
    assert found is not None
    assert found.grant.subject == 'a "strange" \x7f one'
    assert (found.grant.peers, found.grant.connections, found.grant.metrics) == ((), 2, True)
    assert found.grant.expires is not None
    assert 29.9 < (found.grant.expires - time.time()) / 86_400 <= 30


def test_file_that_holds_no_tokens_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text("[token.robot]")
    result = CliRunner().invoke(main, ["serve", "--tokens", str(tmp_path / "tokens.toml")])

    assert result.exit_code == 2
    assert "'token' is unknown" in result.output
