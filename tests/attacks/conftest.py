"""Fixtures of the attacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..helpers.raw_peer import RawPeer
from .victim import Victim


@pytest.fixture
def victim(_ahead_of_other_programs: None) -> Iterator[Victim]:
    """A robot that embeds a server with the default limits, with priority over other programs."""
    with Victim() as victim:
        yield victim


@pytest.fixture
def honest(victim: Victim) -> Iterator[RawPeer]:
    """A peer of the victim's server that asks for the list from time to time."""
    with RawPeer(victim.uri) as peer:
        yield peer
