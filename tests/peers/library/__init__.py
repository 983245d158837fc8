"""This library as a peer in a process of its own: the version under test, or 0.1.0, which robots run.

`find_first_version` tells whether 0.1.0 can run here; ``.ci/peers`` installs it from this repository's history. ``peer.py``
describes the events and commands of the processes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from ..peer_process import PeerProcess, peers_directory

__all__ = [
    "LibraryProcess",
    "find_first_version",
    "library_consumer",
    "library_producer",
    "library_server",
    "library_tour",
]

_PROGRAM: Final = Path(__file__).with_name("peer.py")
_TOUR: Final = Path(__file__).with_name("tour.py")


def find_first_version() -> Path | None:
    """The Python of the virtual environment that ``.ci/peers`` made for version 0.1.0; None: it is not installed."""
    python = peers_directory() / "first-version" / "bin" / "python"
    return python if python.exists() else None


def library_producer(uri: str, name: str, *options: str, python: Path | None = None) -> LibraryProcess:
    """Start a producer with a channel ``data``.

    Args:
        uri: The signalling server's.
        name: The name that it registers.
        *options: ``--video``, ``--no-channel``.
        python: Python of the virtual environment with the version to run. Defaults to None: the version under test.

    Returns:
        The process, starting; wait for its event ``ready``.
    """
    return LibraryProcess(uri, "producer", name, options, python)


def library_consumer(uri: str, producer_name: str, *options: str, python: Path | None = None) -> LibraryProcess:
    """Start a consumer.

    Args:
        uri: The signalling server's.
        producer_name: The name of the producer to start a session with.
        *options: ``--resume``.
        python: As for `library_producer`.

    Returns:
        The process, starting; wait for its event ``session``.
    """
    return LibraryProcess(uri, "consumer", producer_name, options, python)


def library_server(host: str, python: Path | None = None) -> LibraryProcess:
    """Start a signalling server on a free port of an address. Its event ``ready`` has its ``uri``."""
    return LibraryProcess(host, "server", "-", (), python)


def library_tour(uri: str, role: str, python: Path | None = None) -> subprocess.Popen[str]:
    """Start one end of ``tour.py``, in which a consumer tries all features of version 0.1.0 with a producer.

    Args:
        uri: The signalling server's.
        role: ``producer`` or ``consumer``.
        python: As for `library_producer`.
    """
    interpreter = [sys.executable] if python is None else [str(python), "-I"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*interpreter, str(_TOUR), uri, role], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


class LibraryProcess(PeerProcess):
    """A process that runs ``peer.py``.

    Args:
        uri: The signalling server's; for a server, its own address.
        role: ``producer``, ``consumer`` or ``server``.
        name: The producer's.
        options: Further options.
        python: The interpreter; None: this process's.
    """

    def __init__(self, uri: str, role: str, name: str, options: tuple[str, ...], python: Path | None) -> None:
        # Isolated, so that $PYTHONPATH cannot bring another version.
        interpreter = [sys.executable] if python is None else [python, "-I"]
        super().__init__(f"{role} of this library", [*interpreter, _PROGRAM, uri, role, name, *options])
