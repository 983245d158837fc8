"""``listen``, ``ping`` and ``record`` while the server or the robot is killed and comes back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gst_signalling_sync import Producer, Retry

from ..helpers.mortal_server import MortalServer, mortal_server
from ..helpers.waiting import Heard
from .command import Command
from .recordings import Content, killable_robot

pytestmark = pytest.mark.slow

PROMPT = Retry(first=0.05, maximum=0.2)


@pytest.fixture
def server() -> Iterator[MortalServer]:
    with mortal_server() as server:
        yield server


def test_listen_tells_what_changed_while_the_server_was_away(server: MortalServer) -> None:
    crane = Producer(server.uri, name="crane", retry=PROMPT)
    lost = Heard(crane.connection_lost)
    with crane, Command("listen", "--uri", server.uri, "--json") as listen:

        def heard() -> tuple[str, str]:
            event = json.loads(listen.line())
            return event["event"], event["name"]

        assert heard() == ("came", "crane")
        # Later changes are reported after the start. Before it, no line would say that the connection was lost.
        with Producer(server.uri, name="lamp"):
            assert heard() == ("came", "lamp")
        assert heard() == ("left", "lamp")
        server.go()
        lost.next()
        crane.close()
        server.come()
        assert heard() == ("left", "crane")
        with Producer(server.uri, name="arm"):
            assert heard() == ("came", "arm")
        assert heard() == ("left", "arm")
        assert listen.stop() == 0
        assert listen.rest() == []
        lost_line, back_line = listen.errors.splitlines()
    assert lost_line.startswith(f"gst-signalling-sync: connection to {server.uri} lost: ")
    assert lost_line.endswith("; connecting again")
    assert back_line == f"gst-signalling-sync: connected to {server.uri} again"


def test_ping_goes_on_while_the_server_is_away(server: MortalServer) -> None:
    robot = Producer(server.uri, name="robot", retry=PROMPT)
    lost, reconnected = Heard(robot.connection_lost), Heard(robot.reconnected)
    with robot, Command("ping", "robot", "--uri", server.uri, "-i", "0.1") as ping:
        ping.line_with("seq=3 time=")
        server.go()
        lost.next()
        ping.line_with(" time=")
        server.come()
        reconnected.next()
        ping.line_with(" time=")
        assert ping.stop() == 0
        assert ", 0% packet loss" in ping.rest()[-2]
        assert ping.errors == ""


def test_ping_waits_for_a_robot_that_was_killed(server: MortalServer) -> None:
    with contextlib.ExitStack() as first:
        first.enter_context(killable_robot(server.uri))
        with Command("ping", "robot", "--uri", server.uri, "-i", "0.2", "-W", "0.5") as ping:
            ping.line_with("seq=1 time=")
            first.close()
            ping.line_with("no reply from robot")
            with killable_robot(server.uri):
                ping.line_with(" time=")
                assert (ping.stop(), ping.errors) == (0, "")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_recording_goes_on_in_its_file_when_the_robot_is_back(
    server: MortalServer, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"drive.{suffix}"
    with contextlib.ExitStack() as first:
        first.enter_context(killable_robot(server.uri))
        with Command("record", "robot", str(file), "--uri", server.uri) as record:
            record.line_with("  2 s: ")
            first.close()
            record.line_with("the producer is gone, waiting for it")
            with killable_robot(server.uri):
                record.line_with(" fps")
                record.line_with(" fps")
                assert (record.stop(), record.errors) == (0, "")
    content = Content(file)
    assert content.seconds > 3
    assert content.frequency == pytest.approx(440, abs=3)


def test_recording_goes_on_while_the_server_is_away(server: MortalServer, tmp_path: Path) -> None:
    file = tmp_path / "drive.mkv"
    with killable_robot(server.uri), Command("record", "robot", str(file), "--uri", server.uri) as record:
        record.line_with("  1 s: ")
        server.go()
        record.line_with("  3 s: ")
        server.come()
        record.line_with("  5 s: ")
        assert (record.stop(), record.errors) == (0, "")
    assert Content(file).seconds > 4.9
