"""Clients of one signalling server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import SignallingClient


@pytest.fixture
def client(signalling_uri: str) -> Iterator[SignallingClient]:
    with SignallingClient(signalling_uri) as client:
        yield client


@pytest.fixture
def other(signalling_uri: str) -> Iterator[SignallingClient]:
    with SignallingClient(signalling_uri) as other:
        yield other


@pytest.fixture
def producer(signalling_uri: str) -> Iterator[SignallingClient]:
    with SignallingClient(signalling_uri) as producer:
        producer.set_status(["producer"], {"name": "robot"})
        yield producer
