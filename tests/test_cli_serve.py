"""The options of ``gst-signalling-sync serve`` that say whom the server lets in, and how much of it they may use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import websocket
from click.testing import CliRunner

from gst_signalling_sync.cli import main

from .raw_peer import RawPeer


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The URI of a server that runs as a program."""
    command = [sys.executable, "-m", "gst_signalling_sync", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


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
        ("connections=many", "must be a positive number or none"),
        ("connections=0", "must be a positive number or none"),
        ("messages=5", "must be PER_SECOND:BURST or none"),
        ("handshake_seconds=none", "must be a positive number"),
        ("message_bytes=none", "must be a positive number"),
        ("message_bytes", "must be a positive number"),
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
    # The dead one reads nothing, so that it answers no ping.
    with serving("--lease", "0.5") as uri, RawPeer(uri) as dead, RawPeer(uri).register("listener") as listener:
        assert listener.receive() == {"type": "peerStatusChanged", "peerId": dead.id, "roles": [], "meta": None}
