"""coturn, the TURN server (RFC 8656) of Debian's package of that name, as a subprocess."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..helpers.certificates import PrivateCA
from .peer_process import launcher
from .require import require

__all__ = ["PASSWORD", "SECRET", "USER", "Coturn", "run_coturn"]

USER: Final = "robot"
PASSWORD: Final = "secret-of-the-robot"
SECRET: Final = "shared-secret"
"""The secret of `run_coturn` with ``shared_secret=True``, from which time-limited credentials are made."""

_PROGRAM: Final = "turnserver"
_START_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Coturn:
    """A running TURN server.

    Attributes:
        host: Its address.
        port: Its port for UDP and TCP.
        tls_port: Its port for TLS and DTLS.
        log: The file that it writes its log to.
    """

    host: str
    port: int
    tls_port: int
    log: Path

    def uri(self, transport: str = "udp", user: str = USER, password: str = PASSWORD) -> str:
        """The URI for a transport: ``"udp"``, ``"tcp"``, ``"tls"`` or ``"dtls"``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if transport in ("tls", "dtls"):
            over = "tcp" if transport == "tls" else "udp"
            return f"turns://{user}:{password}@{host}:{self.tls_port}?transport={over}"
        return f"turn://{user}:{password}@{host}:{self.port}?transport={transport}"

    @property
    def stun_uri(self) -> str:
        """Its URI as a STUN server."""
        return f"stun:[{self.host}]:{self.port}" if ":" in self.host else f"stun:{self.host}:{self.port}"

    @property
    def allocations(self) -> int:
        """Number of allocations that it has granted."""
        return self._told("ALLOCATE processed, success")

    @property
    def refreshes(self) -> int:
        """Number of refreshes of an allocation, including those that released it."""
        return self._told(": refreshed, ")

    @property
    def bindings(self) -> int:
        """Number of times that a channel was bound, or bound again."""
        return self._told("CHANNEL_BIND processed, success")

    def _told(self, words: str) -> int:
        return self.log.read_text(errors="replace").count(words)


@contextlib.contextmanager
def run_coturn(
    folder: Path,
    hosts: Sequence[str] = ("127.0.0.1",),
    *,
    ports: tuple[int, int],
    ca: PrivateCA | None = None,
    shared_secret: bool = False,
    options: Sequence[str] = (),
) -> Iterator[Coturn]:
    """Run the server until the block ends, on the machine that `launched_by` names.

    Args:
        folder: The folder for its files.
        hosts: The addresses that it listens on and relays from. Defaults to 127.0.0.1.
        ports: The port for UDP and TCP, and the port for TLS.
        ca: The CA that issues its certificate. Defaults to None: it does not speak TLS.
        shared_secret: Whether credentials are time-limited ones, made with `SECRET`. Defaults to False.
        options: Further options, such as ``--max-allocate-lifetime=30``.
    """
    require("coturn", shutil.which(_PROGRAM), "apt-get install coturn")
    log = folder / "coturn.log"
    command = [
        *launcher(),
        _PROGRAM,
        "-n",
        "--no-cli",
        "--verbose",
        "--simple-log",
        "--log-file=stdout",
        f"--pidfile={folder / 'coturn.pid'}",
        f"--userdb={folder / 'coturn.db'}",
        "--realm=example.org",
        f"--listening-port={ports[0]}",
        f"--tls-listening-port={ports[1]}",
        "--allow-loopback-peers",
        *(f"--listening-ip={host}" for host in hosts),
        *(f"--relay-ip={host}" for host in hosts),
        *options,
    ]
    if shared_secret:
        command += ["--use-auth-secret", f"--static-auth-secret={SECRET}"]
    else:
        command += ["--lt-cred-mech", f"--user={USER}:{PASSWORD}"]
    if ca is not None:
        ca.server(*hosts)
        certificate = ca.file_of(*hosts)
        command += [f"--cert={certificate}", f"--pkey={certificate}"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        try:
            _wait_until_it_listens(process, log, hosts[0], ports[0])
            yield Coturn(hosts[0], ports[0], ports[1], log)
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: Path, host: str, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        assert process.poll() is None, f"{_PROGRAM} exited with {process.returncode}: {text[-2000:]}"
        # It logs its listeners one after another, and those of UDP last.
        if "Total General servers" in text:
            return
        time.sleep(0.02)
    raise AssertionError(f"{_PROGRAM} does not listen on {host}:{port} after {_START_SECONDS:g} s: {log.read_text()}")
