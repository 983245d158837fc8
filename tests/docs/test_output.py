"""The terminal output on the pages is that of the commands, line by line, except for times, rates, names and addresses."""

from __future__ import annotations

import re

from click.testing import CliRunner

from gst_signalling_sync import Producer, SignallingServer
from gst_signalling_sync.cli.commands import main

from ..helpers.filming import filming
from ..helpers.ports import reserved_port
from .programs import DOCS


def form(line: str) -> str:
    """A line without its numbers, units, ids and addresses."""
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line)
    line = re.sub(r"(host|turn:|relay\.example|ws://)[ \w.:\[\]/,]*", "ADDRESS", line)
    return re.sub(r"\d[\d.,]*( [kM]?bit/s| m?s| %)?", "N", line)


def test_check(embedded_server: SignallingServer) -> None:
    shown = (DOCS / "howto" / "check.txt").read_text().splitlines()[1:]
    robot = Producer(embedded_server.uri, name="robot")
    with reserved_port() as port, filming(robot.add_video(fps=30)), robot:
        server = ("--uri", embedded_server.uri, "--ice-server", f"turn://robot:secret@127.0.0.1:{port}")
        # More, because `echo_bytes` limits what the producer sends back.
        result = CliRunner().invoke(main, ["check", "robot", "--seconds", "0.2", *server])

    assert [form(line) for line in result.output.splitlines()] == [form(line) for line in shown]
