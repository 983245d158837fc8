"""A producer and a consumer on one signalling server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, Producer


@pytest.fixture
def producer(signalling_uri: str) -> Iterator[Producer]:
    producer = Producer(signalling_uri, name="robot")
    producer.add_channel("data")
    with producer:
        yield producer


@pytest.fixture
def consumer(signalling_uri: str) -> Iterator[Consumer]:
    with Consumer(signalling_uri) as consumer:
        yield consumer
