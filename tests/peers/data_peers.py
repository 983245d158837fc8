"""Peer connections of other implementations with data channels and without signalling, as processes that a test controls.

`data_program` describes their commands and events.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, Protocol

from .browser import Browser, find_browser
from .peer_process import PeerProcess, peers_directory

__all__ = ["DATA_PEERS", "DataPeer", "find_data_peer", "start_data_peer"]

DATA_PEERS: Final = ("aiortc", "wrtc", "libdatachannel", "chromium")
"""Their SCTP implementations are aiortc's own, dcsctp, usrsctp, and dcsctp again."""


class DataPeer(Protocol):
    """A peer connection in another process."""

    def request(self, name: str, timeout: float = 45.0, /, **fields: Any) -> Any:
        """Have it do something, and wait for its answer; see `PeerProcess.request`."""

    def wait_for(self, event: str, timeout: float = 45.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event and take it; see `PeerProcess.wait_for`."""

    def close(self) -> None:
        """End the process."""


def find_data_peer(name: str) -> object:
    """What the peer needs to run; None: it is not installed."""
    return find_browser() if name == "chromium" else _python(name)


def start_data_peer(name: str) -> DataPeer:
    """Start one of `DATA_PEERS`."""
    if name == "chromium":
        return _Page()
    python = _python(name)
    if python is None:
        raise FileNotFoundError(f"{name} is not installed: run .ci/peers")
    return PeerProcess(name, [python, "-m", "tests.peers.data_program", name])


def _python(name: str) -> Path | None:
    if name == "aiortc":
        return Path(sys.executable)
    path = peers_directory() / name / "bin" / "python"
    return path if path.exists() else None


class _Page:
    """A browser with one page."""

    def __init__(self) -> None:
        self._browser = Browser()
        self._browser.request("open", 60.0, page=1, role="data")

    def request(self, name: str, timeout: float = 45.0, /, **fields: Any) -> Any:
        return self._browser.request("call", timeout, page=1, function=name, argument=fields)

    def wait_for(self, event: str, timeout: float = 45.0, **fields: Any) -> dict[str, Any]:
        return self._browser.wait_for(event, timeout, page=1, **fields)

    def close(self) -> None:
        self._browser.close()
