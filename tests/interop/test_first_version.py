"""Version 0.1.0, which robots run, at either end and as the signalling server: all of its features still work."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gst_signalling_sync import Consumer, Listener, Producer, SignallingServer

from ..helpers.processes import exit_of
from ..helpers.waiting import Heard
from ..peers.library import find_first_version, library_server, library_tour
from ..peers.require import require

pytestmark = pytest.mark.interop

TRIALS = ["find", "talk", "see_and_hear", "record", "show_and_say", "offer", "be_called", "leave"]


@pytest.fixture(scope="module")
def first_version() -> Path:
    python = find_first_version()
    require("version 0.1.0", python, ".ci/peers")
    assert python is not None
    return python


@pytest.fixture
def first_server(first_version: Path) -> Iterator[str]:
    """The URI of a signalling server of version 0.1.0."""
    with library_server("127.0.0.1", first_version) as server:
        yield server.wait_for("ready")["uri"]


@pytest.fixture(params=["first", "embedded", "reference"])
def any_server(request: pytest.FixtureRequest) -> str:
    """The URI of a signalling server: of version 0.1.0, of this version, or of the reference server."""
    server = request.getfixturevalue(f"{request.param}_server")
    uri: str = server if isinstance(server, str) else server.uri
    return uri


def take_tour(uri: str, producer: Path | None, consumer: Path | None) -> None:
    with library_tour(uri, "producer", producer) as robot:
        try:
            assert robot.stdout is not None
            assert robot.stdout.readline() == "ready\n", robot.communicate()
            with library_tour(uri, "consumer", consumer) as operator:
                output, errors = exit_of(operator, 100)
            assert output.split() == [*TRIALS, "done"], errors
        finally:
            robot.kill()
            robot.communicate()


def test_producer(any_server: str, first_version: Path) -> None:
    take_tour(any_server, first_version, None)


def test_consumer(any_server: str, first_version: Path) -> None:
    take_tour(any_server, None, first_version)


def test_server_is_one_for_listeners_of_this_version(first_server: str) -> None:
    with Listener(first_server) as listener:
        added, removed = Heard(listener.producer_added), Heard(listener.producer_removed)
        with Producer(first_server, name="robot"):
            assert added.next()["peer"].name == "robot"
        assert removed.next()["peer"].name == "robot"


def test_command_line(embedded_server: SignallingServer, first_version: Path) -> None:
    program = first_version.with_name("gst-signalling-sync")

    def run(*arguments: str) -> str:
        return subprocess.run(
            [program, *arguments, "--uri", embedded_server.uri], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    with Producer(embedded_server.uri, name="robot") as robot, Consumer(embedded_server.uri):
        assert robot.peer_id is not None
        assert robot.peer_id in run("list")
        assert re.search(r"3 .*received", run("ping", "robot", "--count", "3"))
