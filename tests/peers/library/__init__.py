"""This library as a peer in a process of its own: the version under test, or 0.1.0 as robots run it.

`find_first_version` tells whether 0.1.0 can run here; ``.ci/peers`` installs it from this repository's history. What the
processes tell and obey is described in ``peer.py``.
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
    """The Python of the virtualenv that ``.ci/peers`` made for version 0.1.0, or None where there is none."""
    python = peers_directory() / "first-version" / "bin" / "python"
    return python if python.exists() else None


def library_producer(uri: str, name: str, *options: str, python: Path | None = None) -> LibraryProcess:
    """Start a producer with a channel ``data``.

    Args:
        uri: Of the signalling server.
        name: That it registers.
        *options: ``--video``, ``--no-channel``.
        python: Of the virtualenv with the version to run; None: the version under test.

    Returns:
        The process, starting; wait for its ``ready``.
    """
    return LibraryProcess(uri, "producer", name, options, python)


def library_consumer(uri: str, producer_name: str, *options: str, python: Path | None = None) -> LibraryProcess:
    """Start a consumer.

    Args:
        uri: Of the signalling server.
        producer_name: Whose session to join.
        *options: ``--resume``.
        python: As for `library_producer`.

    Returns:
        The process, starting; wait for its ``session``.
    """
    return LibraryProcess(uri, "consumer", producer_name, options, python)


def library_server(host: str, python: Path | None = None) -> LibraryProcess:
    """Start a signalling server on a free port of an address; its ``ready`` tells the ``uri``."""
    return LibraryProcess(host, "server", "-", (), python)


def library_tour(uri: str, role: str, python: Path | None = None) -> subprocess.Popen[str]:
    """Start one end of ``tour.py``, in which a consumer tries with a producer all that version 0.1.0 can do.

    Args:
        uri: Of the signalling server.
        role: ``producer`` or ``consumer``.
        python: As for `library_producer`.
    """
    interpreter = [sys.executable] if python is None else [str(python), "-I"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*interpreter, str(_TOUR), uri, role], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


class LibraryProcess(PeerProcess):
    """A peer program.

    Args:
        uri: Of the signalling server; of a server its address.
        role: ``producer``, ``consumer`` or ``server``.
        name: Of the producer.
        options: Further ones.
        python: The interpreter; None: this one.
    """

    def __init__(self, uri: str, role: str, name: str, options: tuple[str, ...], python: Path | None) -> None:
        # Isolated, lest $PYTHONPATH brings another version.
        interpreter = [sys.executable] if python is None else [python, "-I"]
        super().__init__(f"{role} of this library", [*interpreter, _PROGRAM, uri, role, name, *options])
