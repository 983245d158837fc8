"""`examples/flask_app.py` under the servers and reloaders with which it is deployed: they fork, reload and restart it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gst_signalling_sync import Producer
from gst_signalling_sync.server import SignallingServer

from ..helpers.waiting import wait_until

pytestmark = pytest.mark.slow

SECONDS = 60.0
"""Maximum that a worker takes to import the application, on a busy machine."""

EXAMPLES = Path(__file__).parents[2] / "examples"

APPLICATION = """
import os, sys
sys.path.insert(0, {examples!r})
from flask_app import create_app
app = create_app({uri!r})

@app.get("/process")
def process():
    return str(os.getpid())
"""

EARLY_SESSION = """
# At import: with --preload in the master, whose workers inherit the session.
assert app.test_client().post("/robots/robot/command", data="early").status_code == 200
"""


@pytest.fixture
def robot(embedded_server: SignallingServer) -> Iterator[SignallingServer]:
    """A signalling server with a robot that answers commands."""
    with Producer(embedded_server.uri, name="robot") as producer:
        commands = producer.add_channel("commands")
        commands.message.connect(
            lambda channel, session, data: channel.send(f"done: {data}", session=session, timeout=0)
        )
        yield embedded_server


class Web:
    """A web server's process and its log.

    Args:
        folder: The folder of the application and of the log.
        command: The command that starts the server.
    """

    def __init__(self, folder: Path, *command: str) -> None:
        self.application = folder / "application.py"
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def command(self, text: str) -> str:
        """The robot's answer."""
        return str(json.loads(self._request("robots/robot/command", text.encode()))["answer"])

    def worker(self) -> int:
        """The id of the process that answers now."""
        return int(self._request("process"))

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition while the server runs."""

        def is_met() -> bool:
            assert self.process.poll() is None, self.log
            try:
                return bool(condition())
            except OSError:
                # It does not listen yet, or a worker is exiting.
                return False

        wait_until(is_met, what, SECONDS)

    def wait_until_it_serves(self) -> None:
        """Wait for the first answer."""
        self.wait_for(lambda: self._port and self.worker(), "it serves")

    @property
    def _port(self) -> str | None:
        listening = re.search(r"http://127\.0\.0\.1:(\d+)", self.log)
        return listening and listening[1]

    def _request(self, path: str, data: bytes | None = None) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", data, timeout=SECONDS) as response:
            body: bytes = response.read()
            return body.decode()


@contextmanager
def web(folder: Path, application: str, *command: str) -> Iterator[Web]:
    (folder / "application.py").write_text(application)
    server = Web(folder, *command)
    try:
        server.wait_until_it_serves()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


def complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if re.search(r"SIG[A-Z]+|Traceback|[Ee]rror|WARNING: This", line)]


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each worker loads", "preload"])
def test_gunicorn_serves_on_when_it_is_reloaded(tmp_path: Path, robot: SignallingServer, options: list[str]) -> None:
    application = APPLICATION.format(examples=str(EXAMPLES), uri=robot.uri) + EARLY_SESSION
    gunicorn = ("gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4", "--workers", "2")
    with web(tmp_path, application, *gunicorn, *options, "application:app") as server:
        first = server.worker()
        for number in range(6):
            assert server.command(f"before {number}") == f"done: before {number}"

        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: f"Worker exiting (pid: {first})" in server.log, "the workers are replaced")
        server.wait_for(lambda: all(server.worker() != first for _ in range(6)), "new workers answer")

        for number in range(6):
            assert server.command(f"after {number}") == f"done: after {number}"
        server.process.terminate()
        assert server.process.wait(SECONDS) == 0

    # The test itself sent SIGHUP and SIGTERM to the master.
    assert [line for line in complaints(server.log) if "Handling signal" not in line] == []


def test_gunicorn_replaces_a_worker_that_was_killed(tmp_path: Path, robot: SignallingServer) -> None:
    application = APPLICATION.format(examples=str(EXAMPLES), uri=robot.uri) + EARLY_SESSION
    gunicorn = ("gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4", "--preload")
    with web(tmp_path, application, *gunicorn, "application:app") as server:
        first = server.worker()
        assert server.command("before") == "done: before"

        os.kill(first, signal.SIGKILL)
        server.wait_for(lambda: server.worker() != first, "another worker answers")

        assert server.command("after") == "done: after"


def test_flask_serves_on_when_its_reloader_restarts_it(tmp_path: Path, robot: SignallingServer) -> None:
    application = APPLICATION.format(examples=str(EXAMPLES), uri=robot.uri) + EARLY_SESSION
    with web(tmp_path, application, "flask", "--app", "application", "run", "--debug", "--port", "0") as server:
        first = server.worker()
        assert server.command("before") == "done: before"

        server.application.write_text(application + "\n# Saved again.\n")
        server.wait_for(lambda: server.worker() != first, "the new process answers")

        assert server.command("after") == "done: after"

    assert complaints(server.log.replace("WARNING: This is a development server", "")) == []
