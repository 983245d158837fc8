"""``examples/deploy/``, and what systemd and the server tell each other, as far as a test without root can try it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gst_signalling_sync import SignallingServer
from gst_signalling_sync.cli import main
from gst_signalling_sync.cli.systemd import inherited_sockets

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
SECONDS = 20.0


class Systemd:
    """systemd's end of sd_notify(3)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(SECONDS)
        self.socket.bind(f"\0{path[1:]}" if path.startswith("@") else path)

    def told(self) -> str:
        """The next message of the service."""
        return self.socket.recv(4096).decode()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(str(tmp_path / "notify") if request.param == "path" else f"@gss-test-{os.getpid()}")
    yield systemd
    systemd.socket.close()


@contextlib.contextmanager
def service(
    *options: str, sockets: tuple[socket.socket, ...] = (), **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """The server as systemd starts it: sockets from descriptor 3 on, and ``LISTEN_PID`` with its own process id."""
    # Before `exec` the shell knows the id of the process that it will be.
    command = f'LISTEN_PID=$$ exec "{sys.executable}" -m gst_signalling_sync serve "$@"'
    moved = " ".join(f"{3 + number}<&{one.fileno()}" for number, one in enumerate(sockets))
    with subprocess.Popen(
        ["bash", "-c", f"{command} {moved}", "serve", *options],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[one.fileno() for one in sockets],
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_systemd_is_told_when_the_server_is_ready_and_when_it_stops(systemd: Systemd) -> None:
    with service("--port", "0", NOTIFY_SOCKET=systemd.path) as process:
        ready = systemd.told()
        uri = line_of(process)

        assert ready == f"READY=1\nSTATUS=serves {uri}"
        RawPeer(uri).close()
        process.send_signal(signal.SIGTERM)
        assert systemd.told() == "STOPPING=1"
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("watchdog", ["", "400000"], ids=["", "watchdog"])
def test_systemd_is_told_the_end_of_a_server_that_is_stopped_at_once(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch, watchdog: str
) -> None:
    send = socket.socket.sendto

    def be_stopped(notifying: socket.socket, data: bytes, address: str) -> int:
        sent = send(notifying, data, address)
        if data.startswith(b"READY=1"):
            raise KeyboardInterrupt
        return sent

    monkeypatch.setattr(socket.socket, "sendto", be_stopped)
    variables = {"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": watchdog}
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    try:
        CliRunner().invoke(main, ["serve", "--port", "0"], env=variables)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGHUP, before[1])

    assert systemd.told().startswith("READY=1")
    assert systemd.told() == "STOPPING=1"


def test_watchdog_is_told_that_the_server_is_alive_and_not_when_its_loop_hangs(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    with service("--port", "0", NOTIFY_SOCKET=systemd.path, WATCHDOG_USEC="400000") as process:
        assert systemd.told().startswith("READY=1")
        for _ in range(3):
            assert systemd.told() == "WATCHDOG=1"
        process.send_signal(signal.SIGSTOP)
        systemd.socket.settimeout(1.0)
        # Some messages may be under way.
        with pytest.raises(TimeoutError):
            [systemd.told() for _ in range(200)]
    systemd.socket.close()


def test_server_is_responsive_while_it_runs() -> None:
    server = SignallingServer(port=0)
    assert not server.is_responsive()
    with server:
        assert server.is_responsive()
    assert not server.is_responsive()


def test_sockets_that_are_handed_over_are_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        # The connection waits in the kernel until the server is there.
        early = socket.create_connection(("127.0.0.1", ports[1]), timeout=SECONDS)
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with service("--port", "1", sockets=(first, second), LISTEN_FDS="2", LISTEN_FDNAMES="a:b") as process:
            assert line_of(process) == f"ws://127.0.0.1:{ports[0]}"
            assert early.recv(4096).startswith(b"HTTP/1.1 200 ")
            early.close()
            for port in ports:
                RawPeer(f"ws://127.0.0.1:{port}").close()


def test_sockets_for_another_process_are_left_alone() -> None:
    environment = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "x", "HOME": "/"}

    assert inherited_sockets(environment) == []
    assert environment == {"HOME": "/"}


def test_descriptor_that_is_no_socket_is_told() -> None:
    with service("--port", "0", LISTEN_FDS="1") as process:
        assert process.wait(SECONDS) == 1


def test_server_of_sockets_starts_again_with_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = SignallingServer(sockets=[listening])
        for _ in range(2):
            with server:
                assert server.port == listening.getsockname()[1]
                RawPeer(server.uri).close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_socket_that_does_not_listen_is_refused(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as idle, pytest.raises(ValueError, match="sockets must hold"):
        SignallingServer(sockets=[idle])


# The files


def options_of_serve() -> set[str]:
    return set(re.findall(r"--[a-z-]+", CliRunner().invoke(main, ["serve", "--help"]).output))


def test_unit_is_one(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    for name in ("gst-signalling.service", "gst-signalling.socket"):
        unit = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(re.sub(r"/opt/gst-signalling/bin/gst-signalling-sync", "/bin/true", unit))
    units = [str(tmp_path / name) for name in ("gst-signalling.socket", "gst-signalling.service")]
    verified = subprocess.run([analyze, "verify", *units], check=False, capture_output=True, text=True)

    assert (verified.returncode, verified.stderr) == (0, "")


def test_unit_gives_up_what_it_does_not_need() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    # The scale is 0.0 to 10.0; what is left is the network.
    command = [analyze, "security", "--offline=yes", "--threshold=20", str(DEPLOY / "gst-signalling.service")]
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


def test_options_of_the_unit_and_the_container_are_those_of_the_command() -> None:
    for name in ("gst-signalling.service", "Containerfile"):
        lines = (DEPLOY / name).read_text().replace("\\\n", " ").splitlines()
        [command] = [line for line in lines if "gst-signalling-sync" in line and "serve" in line and line[0] != "#"]
        used = set(re.findall(r"--[a-z-]+", command)) | ({"--host"} if name == "Containerfile" else set())

        assert used <= options_of_serve()


def test_health_check_of_the_container_tells_a_server_that_answers(embedded_server: SignallingServer) -> None:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    [command] = re.findall(r"^HEALTHCHECK .*? CMD (\[.*\])$", text, re.MULTILINE)
    code = json.loads(command)[2]

    def is_healthy(port: int) -> bool:
        here = code.replace("8443", str(port)).replace("localhost", "127.0.0.1", 1)
        return subprocess.run([sys.executable, "-c", here], check=False, stderr=subprocess.DEVNULL).returncode == 0

    assert is_healthy(embedded_server.port)
    embedded_server.close()
    assert not is_healthy(embedded_server.port or 1)


def test_server_runs_where_no_memory_is_both_written_and_executed(tmp_path: Path) -> None:
    """As with ``MemoryDenyWriteExecute=``, set by PR_SET_MDWE (Linux 6.3)."""
    script = tmp_path / "denied.py"
    script.write_text(
        "import ctypes, os, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:\n"
        "    sys.exit(77)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'gst_signalling_sync', 'serve', '--port', '0'])\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        uri = line_of(process)
        if not uri and process.wait(SECONDS) == 77:
            pytest.skip("this kernel has no PR_SET_MDWE")
        RawPeer(uri).close()
        process.terminate()
    wait_until(lambda: process.poll() is not None, "it ended")
