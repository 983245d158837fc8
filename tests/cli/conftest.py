"""A server for commands, and producers with which they have sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gst_signalling_sync import BroadcastChannel, Producer, Session, SignallingServer

from ..helpers.filming import filming, humming


@pytest.fixture
def uri(embedded_server: SignallingServer) -> str:
    return embedded_server.uri


@pytest.fixture
def producer(uri: str) -> Iterator[Producer]:
    """A producer that answers on a channel ``answers`` and sends nothing on ``silence``."""
    with Producer(uri, name="robot", meta={"kind": "arm"}) as producer:
        answers = producer.add_channel("answers")
        producer.add_channel("silence")

        @answers.message.connect
        def answer(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
            session.channel(channel.label).send(data)

        yield producer


@pytest.fixture
def robot(uri: str) -> Iterator[Producer]:
    """A producer with a camera and a tone."""
    with Producer(uri, name="robot") as producer, ExitStack() as running:
        running.enter_context(filming(producer.add_video()))
        running.enter_context(humming(producer.add_audio()))
        yield producer
