"""A producer, to which tests add tracks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Producer, SignallingServer


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with Producer(embedded_server.uri, name="robot") as producer:
        yield producer
