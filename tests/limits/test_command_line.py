"""``--limit`` applies to the connections of a command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gst_signalling_sync import Producer, SignallingServer
from gst_signalling_sync.cli.commands import main


@pytest.fixture
def robot(embedded_server: SignallingServer) -> Iterator[Producer]:
    """A robot whose descriptions have two media sections."""
    robot = Producer(embedded_server.uri, name="robot")
    robot.add_channel("data")
    robot.add_video(fps=15)
    with robot:
        yield robot


@pytest.mark.parametrize("command", ["ping", "record", "snapshot"])
def test_session_of_a_command_has_its_limits(robot: Producer, tmp_path: Path, command: str) -> None:
    files = {"record": [str(tmp_path / "drive.mkv")], "snapshot": [str(tmp_path / "robot.png")]}.get(command, [])

    result = CliRunner().invoke(
        main, [command, "robot", *files, "--uri", robot.uri, "--limit", "channels=8", "--limit", "media_sections=1"]
    )

    assert result.exit_code == 1
    assert "it has 2 media descriptions, more than 1" in result.output


def test_check_tells_of_the_limit_that_was_met(robot: Producer) -> None:
    result = CliRunner().invoke(main, ["check", "robot", "--uri", robot.uri, "--limit", "media_sections=1", "--json"])

    assert result.exit_code == 1
    [finding] = [each for each in json.loads(result.output)["findings"] if each["step"] == "session"]
    assert "it has 2 media descriptions, more than 1" in finding["text"]
