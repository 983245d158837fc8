"""A signalling server that goes and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..helpers.mortal_server import MortalServer, mortal_server


@pytest.fixture
def server() -> Iterator[MortalServer]:
    with mortal_server() as server:
        yield server
