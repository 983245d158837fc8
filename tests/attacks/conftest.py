"""What the attacks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..raw_peer import RawPeer
from .victim import Victim


@pytest.fixture
def victim(_ahead_of_other_programs: None) -> Iterator[Victim]:
    """A robot with an embedded server as it is by default, ahead of other programs."""
    with Victim() as victim:
        yield victim


@pytest.fixture
def honest(victim: Victim) -> Iterator[RawPeer]:
    """A peer of the victim's server that asks for the list now and then."""
    with RawPeer(victim.uri) as peer:
        yield peer
