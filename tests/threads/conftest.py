"""A callback that does not return."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .busy import Busy


@pytest.fixture
def busy() -> Iterator[Busy]:
    busy = Busy()
    yield busy
    busy.may_end.set()
