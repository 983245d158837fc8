"""``gst-signalling-sync check``, with a robot, without one, and without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gst_signalling_sync import DataChannel, Producer, SessionLimits, SignallingServer
from gst_signalling_sync.cli.commands import main
from gst_signalling_sync.server import Rate

from ..helpers.filming import filming
from ..helpers.ports import reserved_port
from ..helpers.waiting import wait_until


def check(server: SignallingServer, *options: str) -> Result:
    return CliRunner().invoke(main, ["check", "robot", "--uri", server.uri, "--seconds", "0.2", *options])


def findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["step"]: finding for finding in json.loads(result.output)["findings"]}


def test_robot_that_is_well(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as robot:
        robot.add_channel("data")
        result = check(embedded_server, "--json")

    assert result.exit_code == 0, result.output
    found = findings(result)
    assert json.loads(result.output)["ok"] is True
    assert found["producer"]["details"]["name"] == "robot"
    assert found["route"]["details"]["local_type"] == "host"
    assert found["round trip"]["details"]["seconds"] > 0
    assert found["bit rate"]["details"]["bits_per_second"] > 10_000
    assert found["media"]["text"] == "the producer sends none"


@pytest.mark.parametrize("limit", [None, Rate(50_000, burst=500_000)], ids=["default", "low"])
def test_bit_rate_is_measured_although_a_robot_does_not_send_everything_back(
    embedded_server: SignallingServer, limit: Rate | None
) -> None:
    limits = SessionLimits() if limit is None else SessionLimits(echo_bytes=limit)
    with Producer(embedded_server.uri, name="robot", limits=limits):
        result = check(embedded_server, "--json", "--seconds", "2")

    assert findings(result)["bit rate"]["details"]["bits_per_second"] > 10_000


def test_robot_that_sends_video(embedded_server: SignallingServer) -> None:
    robot = Producer(embedded_server.uri, name="robot")
    with filming(robot.add_video(fps=15)), robot:
        result = check(embedded_server)

    assert result.exit_code == 0, result.output
    assert "frames/s" in result.output
    assert all(line[:8].strip() in ("ok", "-") for line in result.output.splitlines())


def test_robot_that_does_not_echo(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot", echo=False):
        result = check(embedded_server)

    assert result.exit_code == 0, result.output
    assert "Producer(echo=False)" in result.output


def test_refusal_that_came_before_anybody_waited_for_the_channel(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_open = DataChannel.wait_open

    def wait_late(channel: DataChannel, timeout: float | None = None) -> None:
        wait_until(lambda: channel.state == "closed", "the producer has closed the channel")
        wait_open(channel, timeout)

    monkeypatch.setattr(DataChannel, "wait_open", wait_late)
    with Producer(embedded_server.uri, name="robot", echo=False):
        result = check(embedded_server)

    assert "Producer(echo=False)" in result.output


def test_ice_server_of_no_use_fails(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot"):
        result = check(embedded_server, "--json", "--ice-server", "turn://u:hush@127.0.0.1:2")

    assert result.exit_code == 1
    found = findings(result)
    assert found["ICE server"]["details"]["outcome"] == "nothing listens there"
    assert found["session"]["ok"] is True
    assert "hush" not in result.output


def test_no_such_robot(embedded_server: SignallingServer) -> None:
    result = check(embedded_server)

    assert result.exit_code == 1
    assert "FAILED  producer" in result.output
    assert "candidates" in result.output


def test_no_server() -> None:
    with reserved_port() as port:
        result = CliRunner().invoke(main, ["check", "robot", "--uri", f"ws://127.0.0.1:{port}"])

    assert result.exit_code == 1
    assert "FAILED  server" in result.output
    assert "nothing listens there" in result.output


@pytest.mark.parametrize("option", [("--ice-server", "turn:host"), ("--relay-only",)])
def test_options_that_cannot_be_used(embedded_server: SignallingServer, option: tuple[str, ...]) -> None:
    assert check(embedded_server, *option).exit_code == 2
