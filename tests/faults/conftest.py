"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.tcp_relay import TcpRelay


@pytest.fixture
def relay(signalling_uri: str) -> Iterator[TcpRelay]:
    """A relay to a signalling server that can be cut; once for each kind of server."""
    with TcpRelay(signalling_uri) as relay:
        yield relay
