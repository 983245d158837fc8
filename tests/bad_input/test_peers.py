"""Producers with strange metadata, and peers with which no session is possible."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from gst_signalling_sync import (
    Consumer,
    Listener,
    PeerNotFound,
    PeerWaitTimeout,
    ServerError,
    SignallingClient,
    SignallingServer,
    connect,
    find_producer,
)

from ..helpers.waiting import wait_until

# Producers with strange metas


METAS: list[Any] = [None, 5, -0.5, False, "robot", [], ["robot"], {}, {"name": None}, {"name": 5}, {"name": ["robot"]}]


@pytest.mark.parametrize("meta", METAS, ids=repr)
def test_producer_with_a_meta_without_a_name(client: SignallingClient, meta: Any) -> None:
    client.set_status(["producer"], meta)

    with Listener(client.uri) as listener:
        [peer] = listener.producers.values()

        assert peer.name is None
        assert peer.meta == meta
        with pytest.raises(PeerWaitTimeout, match=f"there are {client.peer_id}"):
            listener.wait_for_producer("robot", timeout=0.05)


@pytest.mark.parametrize("meta", METAS, ids=repr)
def test_producer_is_found_among_others_with_strange_metas(client: SignallingClient, meta: Any) -> None:
    client.set_status(["producer"], meta)

    with SignallingClient(client.uri) as robot:
        robot.set_status(["producer"], {"name": "robot"})

        assert find_producer("robot", client.uri).id == robot.peer_id


def test_peer_with_an_unhashable_meta_is_hashable(client: SignallingClient) -> None:
    client.set_status(["producer"], {"name": "robot", "list": [1]})

    assert set(client.list_producers())


# Peers with which no session is possible


@pytest.fixture
def consumer(embedded_server: SignallingServer) -> Iterator[Consumer]:
    with Consumer(embedded_server.uri) as consumer:
        yield consumer


def test_session_with_an_unknown_peer_id(consumer: Consumer) -> None:
    begin = time.monotonic()

    with pytest.raises(PeerNotFound, match=rf"peer nobody at {consumer.uri}"):
        consumer.start_session("nobody")

    assert time.monotonic() - begin < 4


def test_session_with_an_unknown_name(consumer: Consumer, client: SignallingClient) -> None:
    client.set_status(["producer"], {"name": "other"})
    begin = time.monotonic()

    with pytest.raises(PeerWaitTimeout, match=rf"'robot' at {consumer.uri}: none within 1 s; there are 'other'"):
        consumer.start_session(name="robot", timeout=1)

    assert time.monotonic() - begin < 4


def test_session_with_anybody_where_there_is_nobody(consumer: Consumer) -> None:
    with pytest.raises(PeerWaitTimeout, match=r"any producer.*there are no producers"):
        consumer.start_session(timeout=1)


def test_session_with_a_peer_that_is_no_producer(consumer: Consumer, client: SignallingClient) -> None:
    with pytest.raises(ServerError, match="Missing a producer or a consumer"):
        consumer.start_session(client.peer_id)


def test_connect_to_an_unknown_name_leaves_nothing(embedded_server: SignallingServer) -> None:
    with pytest.raises(PeerWaitTimeout, match="'robot'"):
        connect(embedded_server.uri, name="robot", timeout=2)

    wait_until(lambda: not embedded_server.peers, "the consumer is gone")
