"""Callbacks, and a callback that does not return."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync.threads.callbacks import Callbacks

from .busy import Busy

SECONDS = 10.0


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    callbacks = Callbacks("test")
    callbacks.open()
    yield callbacks
    callbacks.close(SECONDS)


@pytest.fixture
def busy() -> Iterator[Busy]:
    busy = Busy()
    yield busy
    busy.may_end.set()
