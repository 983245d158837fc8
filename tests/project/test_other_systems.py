"""The library works without what systems other than Linux lack: a session in a process in which it is removed.

This is neither Windows nor macOS, on which the library has not been tried: only what they are known to lack is removed here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..helpers.processes import run_script

TAKE_AWAY = """
import asyncio, concurrent.futures, ctypes, ctypes.util, logging
import os, select, selectors, signal, socket, ssl, subprocess, sys, time

# Other libraries have their own ways there; here they must find what Linux has.
import aiortc, av, blinker, click, cryptography, ifaddr, numpy, OpenSSL, rich, websocket, websockets, websockets.server


def socketpair(*_):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    return one, other


MISSING = {
    "windows": {
        os: ["fork", "register_at_fork", "O_CLOEXEC", "O_NONBLOCK", "pwrite", "pread", "geteuid", "getloadavg"]
        + ["sched_getaffinity"],
        select: ["poll", "epoll"],
        selectors: ["PollSelector", "EpollSelector"],
        signal: ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGKILL", "SIGPIPE"],
        socket: ["AF_UNIX", "TCP_USER_TIMEOUT", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_REUSEPORT", "MSG_DONTWAIT", "AF_NETLINK"],
        time: ["CLOCK_BOOTTIME", "clock_gettime"],
    },
    "macos": {
        os: ["sched_getaffinity"],
        select: ["epoll"],
        selectors: ["EpollSelector"],
        socket: ["TCP_USER_TIMEOUT", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "AF_NETLINK"],
        time: ["CLOCK_BOOTTIME"],
    },
}
MODULES = {
    "windows": ["fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "uvloop"],
    "macos": [],
}

system = sys.argv[1]
sys.platform = {"windows": "win32", "macos": "darwin"}[system]
for module, names in MISSING[system].items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES[system]:
    sys.modules[name] = None
if system == "windows":
    socket.socketpair = socketpair
    selectors.DefaultSelector = selectors.SelectSelector
"""

SESSION = """
from pathlib import Path

from gst_signalling_sync import Listener, Producer, SignallingServer, connect

with SignallingServer(port=0) as server, Listener(server.uri) as listener:
    producer = Producer(server.uri, name="robot")
    echo = producer.add_channel("echo")
    echo.message.connect(lambda channel, session, data: channel.send(data, session=session))
    video = producer.add_video(fps=30)
    with producer:
        assert listener.wait_for_producer("robot").name == "robot"
        with connect(server.uri, name="robot") as session:
            channel = session.channel("echo")
            channel.send("hello")
            assert channel.recv() == "hello"
            for _ in range(3):
                video.write(numpy.zeros((120, 160, 3), numpy.uint8))
            assert session.video.read().shape == (120, 160, 3)
            with session.record(Path(sys.argv[2]) / "robot.mkv"):
                for _ in range(20):
                    video.write(numpy.zeros((120, 160, 3), numpy.uint8))
                    time.sleep(1 / 30)
            assert (Path(sys.argv[2]) / "robot.mkv").stat().st_size > 0
print("done")
"""

SERVE = """
import threading

from gst_signalling_sync.cli import main

threading.Timer(1.0, lambda: signal.raise_signal(signal.SIGINT)).start()
main(["serve", "--port", "0"])
"""


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_session_without_what_a_system_lacks(system: str, tmp_path: Path) -> None:
    code, output, errors = run_script(TAKE_AWAY + SESSION, system, str(tmp_path))

    assert (code, output.strip()) == (0, "done"), errors


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_serve_without_what_a_system_lacks(system: str) -> None:
    code, output, errors = run_script(TAKE_AWAY + SERVE, system)

    assert code == 0, errors
    assert output.startswith("ws://127.0.0.1:")
