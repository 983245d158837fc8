"""A machine whose only network is the loopback interface, or that has no network: in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

NAMESPACE = ("unshare", "--map-root-user", "--net")

LOOPBACK_UP = """
    import fcntl
    import socket
    import struct

    SIOCSIFFLAGS, IFF_UP = 0x8914, 1

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
"""

GREETING = """
    from gst_signalling_sync import Producer, SignallingServer, connect

    with SignallingServer(port=0) as server, Producer(server.uri, name="robot") as robot:
        greeting = robot.add_channel("greeting")
        with connect(server.uri, name="robot") as session:
            channel = session.channel("greeting")
            greeting.send("hello")
            print(channel.recv())
"""


@pytest.fixture
def offline() -> None:
    refusal = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, check=False)
    if refusal.returncode:
        pytest.skip(f"this machine lets nobody make a network namespace: {refusal.stderr.strip()}")


@pytest.mark.usefixtures("offline")
def test_peers_meet_where_the_loopback_is_the_only_network() -> None:
    script = textwrap.dedent(LOOPBACK_UP) + textwrap.dedent(GREETING)
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("hello\n", "")
