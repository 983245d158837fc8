"""Fixtures of the network tests: a TURN server on the loopback interface, and addresses that do not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..helpers.certificates import PrivateCA
from ..helpers.ports import reserved_port
from ..peers.coturn import Coturn, run_coturn


@pytest.fixture
def ca(tmp_path: Path) -> PrivateCA:
    """A certificate authority that no client trusts yet."""
    return PrivateCA(tmp_path)


@pytest.fixture
def coturn(tmp_path: Path, ca: PrivateCA) -> Iterator[Coturn]:
    """A TURN server on the loopback interface."""
    with (
        reserved_port() as port,
        reserved_port() as tls_port,
        run_coturn(tmp_path, ports=(port, tls_port), ca=ca) as server,
    ):
        yield server


@pytest.fixture
def silent_addresses() -> Iterator[list[str]]:
    """Two UDP addresses of the loopback interface that receive every packet and answer none."""
    with ExitStack() as stack:
        addresses = []
        for _ in range(2):
            mute = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            mute.bind(("127.0.0.1", 0))
            addresses.append(f"127.0.0.1:{mute.getsockname()[1]}")
        yield addresses
