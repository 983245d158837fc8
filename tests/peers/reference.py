"""The reference server, ``gst-webrtc-signalling-server``, as a subprocess."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..helpers.ports import reserved_port
from .require import require

__all__ = ["ReferenceServer", "run_reference_server"]

PROGRAM = "gst-webrtc-signalling-server"
START_SECONDS = 10.0


@dataclass(frozen=True)
class ReferenceServer:
    """A running reference server."""

    port: int

    @property
    def uri(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_reference_server() -> Iterator[ReferenceServer]:
    """Run it on a free port of the loopback interface until the block ends."""
    program = shutil.which(PROGRAM)
    require(PROGRAM, program, "cargo install gst-plugin-webrtc-signalling")
    assert program is not None
    with reserved_port() as port:
        process = subprocess.Popen(
            [program, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_until_it_accepts(process, port)
            yield ReferenceServer(port)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _wait_until_it_accepts(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{PROGRAM} exited with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError(f"{PROGRAM} does not accept connections on port {port} after {START_SECONDS:g} s")
