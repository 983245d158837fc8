"""Version 0.1.0 of this library as a peer, in a process and a virtualenv of its own.

`find_first_version` tells whether it can run here; ``.ci/peers`` installs it from this repository's history. What it tells
and obeys is described in ``peer.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..peer_process import PeerProcess, peers_directory

__all__ = ["FirstVersion", "find_first_version", "first_consumer", "first_producer"]

_PROGRAM: Final = Path(__file__).with_name("peer.py")


def find_first_version() -> Path | None:
    """The Python of the virtualenv that ``.ci/peers`` made for version 0.1.0, or None where there is none."""
    python = peers_directory() / "first-version" / "bin" / "python"
    return python if python.exists() else None


def first_producer(uri: str, name: str, *options: str) -> FirstVersion:
    """Start a producer of version 0.1.0 with a channel ``data``.

    Args:
        uri: Of the signalling server.
        name: That it registers.
        *options: ``--video``, ``--no-channel``.

    Returns:
        The process, starting; wait for its ``ready``.
    """
    return FirstVersion(uri, "producer", name, options)


def first_consumer(uri: str, producer_name: str) -> FirstVersion:
    """Start a consumer of version 0.1.0.

    Args:
        uri: Of the signalling server.
        producer_name: Whose session to join.

    Returns:
        The process, starting; wait for its ``session``.
    """
    return FirstVersion(uri, "consumer", producer_name, ())


class FirstVersion(PeerProcess):
    """A peer program of version 0.1.0.

    Args:
        uri: Of the signalling server.
        role: ``producer`` or ``consumer``.
        name: Of the producer.
        options: Further ones.
    """

    def __init__(self, uri: str, role: str, name: str, options: tuple[str, ...]) -> None:
        python = find_first_version()
        if python is None:
            raise FileNotFoundError("version 0.1.0 is not installed: run .ci/peers")
        super().__init__(f"{role} of version 0.1.0", [python, _PROGRAM, uri, role, name, *options])
