"""Every program in `examples/`, run as a user runs it: as a process, with a server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gst_signalling_sync import Producer, SignallingServer, list_producers

from ..helpers.mortal_server import mortal_server
from ..helpers.processes import interruptible_environment
from ..helpers.waiting import wait_until
from ..peers.gst_signalling import find_gst_signalling
from ..peers.require import require

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 60.0
"""Maximum that an interpreter needs to import aiortc and PyAV and to do its work, on a busy machine."""

PLAIN_PYTHON = Path(sys.executable)


class Program:
    """A process whose output a test waits for.

    Args:
        uri: The signalling server's, which the process finds by default.
        arguments: The command's.
    """

    def __init__(self, uri: str, *arguments: str | Path) -> None:
        told = {"GST_SIGNALLING_URI": uri, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        environment = {**interruptible_environment(), **told}
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        # Guards the attributes below; notified when they change.
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All output so far."""
        with self._changed:
            return "".join(self._lines)

    def expect(self, pattern: str, timeout: float = SECONDS) -> re.Match[str]:
        """Wait until the output matches a regular expression."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or re.search(pattern, "".join(self._lines)), timeout)
            match = re.search(pattern, "".join(self._lines))
            assert match, f"no {pattern!r} in {''.join(self._lines)!r}"
            return match

    def wait(self) -> None:
        """Wait until the process exits by itself with status 0."""
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            # On SIGABRT it prints where its threads are.
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(SECONDS)
            self._reader.join(SECONDS)
            raise AssertionError(f"it does not end within {SECONDS:g} s:\n{self.output}") from None
        self._reader.join(SECONDS)
        self._check()

    def interrupt(self) -> None:
        """Interrupt it by Ctrl-C, unless it has exited; it must exit with status 0."""
        self._process.send_signal(signal.SIGINT)
        self.wait()

    def kill(self) -> None:
        """Kill it, as in a crash."""
        self._process.kill()
        self._process.wait(SECONDS)

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        self.kill()
        self._reader.join(SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _check(self) -> None:
        assert self._process.returncode == 0, self.output
        assert "Traceback" not in self.output

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@contextmanager
def running(uri: str, *arguments: str | Path) -> Iterator[Program]:
    program = Program(uri, *arguments)
    try:
        yield program
    finally:
        program.close()


@contextmanager
def example(server: SignallingServer, name: str, *arguments: str, python: Path = PLAIN_PYTHON) -> Iterator[Program]:
    with running(server.uri, python, EXAMPLES / name, *arguments) as program:
        yield program


def test_one_producer_serves_many_consumers(embedded_server: SignallingServer) -> None:
    with ExitStack() as stack:
        producer = stack.enter_context(example(embedded_server, "producer.py"))
        texts = ("wave", "bow", "stop")
        consumers = [stack.enter_context(example(embedded_server, "consumer.py", text)) for text in texts]

        for text, consumer in zip(texts, consumers, strict=True):
            consumer.expect(f"robot did '{text}'")
            consumer.expect("3 consumers at ")
        for consumer in consumers:
            consumer.interrupt()

        producer.expect("(?s)( came.*){3}( went.*){3}")
        producer.interrupt()


def test_consumer_ends_with_its_producer(embedded_server: SignallingServer) -> None:
    with example(embedded_server, "producer.py") as producer, example(embedded_server, "consumer.py") as consumer:
        consumer.expect("1 consumers at ")

        producer.interrupt()

        consumer.wait()


def test_consumer_that_waits_for_a_producer_can_be_interrupted(embedded_server: SignallingServer) -> None:
    with example(embedded_server, "consumer.py") as consumer:
        wait_until(lambda: embedded_server.peers, "the consumer connects", SECONDS)

        consumer.interrupt()


def test_control_loop_follows_the_newest_command(embedded_server: SignallingServer) -> None:
    with (
        example(embedded_server, "control_loop.py", "--seconds", "5") as loop,
        example(embedded_server, "joystick.py", "--seconds", "3") as joystick,
    ):
        # The position is far from where it began, at whichever line this machine has time for.
        joystick.expect(r"target -?0\.\d+, position -?0\.[3-9]")
        joystick.wait()
        loop.wait()

    assert int(loop.expect(r"(\d+) commands in 500 ticks")[1]) >= 50
    assert float(loop.expect(r"late by p50 ([\d.]+) ms, p99 [\d.]+ ms, max [\d.]+ ms")[1]) < 50


def test_joystick_survives_the_end_of_the_loop(embedded_server: SignallingServer) -> None:
    with example(embedded_server, "control_loop.py") as loop, example(embedded_server, "joystick.py") as joystick:
        joystick.expect("position 0")

        loop.interrupt()

        joystick.wait()


def test_arm_stands_still_without_commands_and_its_stop_waits_for_no_motion(embedded_server: SignallingServer) -> None:
    with example(embedded_server, "arm.py") as arm, example(embedded_server, "drive_arm.py") as operator:
        arm.expect(r"no command for 0\.3 s: standing still at [\d.]+")
        milliseconds = float(operator.expect(r"standing still at [\d.]+ (\d+) ms after the stop")[1])
        operator.expect("the way home ended: stopped")
        operator.wait()
        arm.interrupt()

    # The motion home takes 2,000.
    assert milliseconds < 500


def test_monitor_prints_who_comes_and_goes(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="early") as early, example(embedded_server, "monitor.py") as monitor:
        monitor.expect(rf"{early.peer_id} \(early\): producer\n")
        with Producer(embedded_server.uri, name="late") as late:
            late_id = late.peer_id
            monitor.expect(rf"{late_id} \(late\): producer\n")
        monitor.expect(rf"{late_id} \(late\): gone\n")
        monitor.interrupt()


def test_monitor_tells_what_changed_while_the_server_was_away() -> None:
    with (
        mortal_server() as server,
        Producer(server.uri, name="robot") as robot,
        running(server.uri, PLAIN_PYTHON, EXAMPLES / "monitor.py") as monitor,
    ):
        before = robot.peer_id
        monitor.expect(rf"{before} \(robot\): producer\n")
        server.go()
        monitor.expect("suspended")
        server.come()
        monitor.expect(rf"{before} \(robot\): gone\n")
        monitor.expect(r"\(robot\): producer\n")
        monitor.interrupt()


@pytest.fixture
def web_service(embedded_server: SignallingServer) -> Iterator[str]:
    """The URL of the Flask application."""
    with example(embedded_server, "flask_app.py", "--port", "0") as application:
        yield application.expect(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        application.interrupt()


def ask(url: str, data: str | None = None) -> tuple[int, Any]:
    body = None if data is None else data.encode()
    try:
        with urllib.request.urlopen(url, body, timeout=SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_web_service_lists_robots(embedded_server: SignallingServer, web_service: str) -> None:
    with Producer(embedded_server.uri, name="robot") as robot:
        assert ask(f"{web_service}/robots") == (200, [{"id": robot.peer_id, "name": "robot"}])


def test_web_service_gives_each_request_the_answer_to_its_own_command(
    embedded_server: SignallingServer, web_service: str
) -> None:
    commands = [str(number) for number in range(20)]
    with example(embedded_server, "producer.py"), ThreadPoolExecutor(len(commands)) as requests:
        wait_until(lambda: list_producers(embedded_server.uri), "the robot registers", SECONDS)
        answers = list(requests.map(lambda command: ask(f"{web_service}/robots/robot/command", command), commands))

        assert answers == [(200, {"answer": f"robot did {command!r}"}) for command in commands]
        assert len(embedded_server.sessions) == 1


def test_web_service_finds_a_robot_that_restarted(embedded_server: SignallingServer, web_service: str) -> None:
    url = f"{web_service}/robots/robot/command"
    with example(embedded_server, "producer.py") as robot:
        wait_until(lambda: list_producers(embedded_server.uri), "the robot registers", SECONDS)
        assert ask(url, "wave") == (200, {"answer": "robot did 'wave'"})
        robot.kill()
    with example(embedded_server, "producer.py"):
        # A command that was under way to the robot that is gone is lost, which is status 502.
        wait_until(lambda: ask(url, "bow") == (200, {"answer": "robot did 'bow'"}), "the new one has answered", 60)


def test_web_service_says_that_a_robot_is_unknown(embedded_server: SignallingServer, web_service: str) -> None:
    status, answer = ask(f"{web_service}/robots/nobody/command", "wave")

    assert status == 404
    assert "nobody" in answer["error"]


def test_web_service_says_that_a_robot_does_not_answer(embedded_server: SignallingServer, web_service: str) -> None:
    robot = Producer(embedded_server.uri, name="silent")
    robot.add_channel("commands")
    with robot:
        status, answer = ask(f"{web_service}/robots/silent/command", "wave")

    assert status == 504
    assert "waiting for a message" in answer["error"]


def address_options(server: SignallingServer) -> tuple[str, ...]:
    address = urlsplit(server.uri)
    return (f"--host={address.hostname}", f"--port={address.port}")


def test_migrated_producer_and_consumer_talk(embedded_server: SignallingServer) -> None:
    address = address_options(embedded_server)
    with (
        example(embedded_server, "migration/threaded_producer.py", *address) as producer,
        example(embedded_server, "migration/threaded_consumer.py", *address) as consumer,
    ):
        consumer.expect(r"(ping: .*\n){10}")
        producer.expect(r"(pong\n){10}")
        consumer.interrupt()
        producer.interrupt()


@pytest.mark.interop
def test_migrated_producer_serves_the_original_consumer(embedded_server: SignallingServer) -> None:
    python = find_gst_signalling()
    require("gst-signalling", python, ".ci/peers")
    assert python is not None
    address = address_options(embedded_server)
    with example(embedded_server, "migration/threaded_producer.py", *address) as producer:
        wait_until(lambda: list_producers(embedded_server.uri), "the producer registers", SECONDS)
        with example(embedded_server, "migration/asynchronous_consumer.py", *address, python=python) as consumer:
            consumer.expect(r"(ping: .*\n){10}")
            producer.expect(r"(pong\n){10}")
        producer.interrupt()


@pytest.mark.interop
def test_originals_still_run(embedded_server: SignallingServer) -> None:
    python = find_gst_signalling()
    require("gst-signalling", python, ".ci/peers")
    assert python is not None
    with example(
        embedded_server, "migration/asynchronous_producer.py", *address_options(embedded_server), python=python
    ) as producer:
        wait_until(lambda: list_producers(embedded_server.uri), "the producer registers", SECONDS)
        producer.interrupt()


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_example_says_how_to_run_it(path: Path) -> None:
    assert f"python {path.relative_to(ROOT)}" in path.read_text()
