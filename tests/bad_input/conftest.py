"""A session that must not be disturbed, and peers that try."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, Producer, ServerLimits, SignallingClient, SignallingServer

from ..helpers.peer_ids import id_of
from ..helpers.waiting import Heard
from .stage import SECONDS, Stage

LIMITLESS = ServerLimits(
    sdp_bytes=None,
    candidate_bytes=None,
    messages=None,
    bytes=None,
    session_starts=None,
    sessions_per_pair=None,
    sessions_per_consumer=None,
    sessions_per_producer=None,
    unread_bytes=None,
)
"""The limits of a server of another kind, which passes everything on to the peers."""


@pytest.fixture
def client(embedded_server: SignallingServer) -> Iterator[SignallingClient]:
    with SignallingClient(embedded_server.uri) as client:
        yield client


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with SignallingServer(port=0, limits=LIMITLESS) as server:
        producer = Producer(server.uri, name="robot", timeout=SECONDS)
        echo = producer.add_channel("echo")
        echo.message.connect(lambda channel, session, data: session.channel("echo").send(data))
        with producer, Consumer(server.uri) as consumer:
            session = consumer.start_session(name="robot")
            yield Stage(server, producer, consumer, session.channel("echo"))


@pytest.fixture
def villain(stage: Stage) -> Iterator[SignallingClient]:
    """A peer that is connected to the same server, but not registered."""
    with SignallingClient(stage.server.uri) as villain:
        yield villain


@pytest.fixture(scope="module")
def offer(stage: Stage) -> str:
    """An honest offer of the producer."""
    with SignallingClient(stage.server.uri) as client:
        descriptions = Heard(client.sdp_received)
        client.start_session(id_of(stage.producer))
        sdp = descriptions.next()["sdp"]
    assert isinstance(sdp, str)
    return sdp
