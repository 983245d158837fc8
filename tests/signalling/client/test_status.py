"""The status of a peer: its roles and its metadata."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gst_signalling_sync import ProtocolError, ServerError, SignallingClient
from gst_signalling_sync.protocol.messages import Peer

from ...helpers.peer_ids import id_of


def test_status_is_seen_by_others(client: SignallingClient, other: SignallingClient) -> None:
    client.set_status(["producer"], {"name": "robot", "speed": 1.5})

    assert other.list_producers() == [Peer(id_of(client), {"name": "robot", "speed": 1.5})]


def test_status_returns_the_producers_just_after_it(producer: SignallingClient, client: SignallingClient) -> None:
    producers = client.set_status(["producer"])

    assert {peer.id for peer in producers} == {producer.peer_id, client.peer_id}


def test_status_replaces_the_earlier_one(producer: SignallingClient, other: SignallingClient) -> None:
    producer.set_status(["consumer"], {"name": "viewer"})

    assert other.list_producers() == []
    assert other.list_consumers() == [Peer(id_of(producer), {"name": "viewer"})]


def test_status_without_roles_unregisters(producer: SignallingClient, other: SignallingClient) -> None:
    producer.set_status()

    assert other.list_producers() == []


def test_same_status_again_is_accepted(producer: SignallingClient) -> None:
    [peer] = producer.set_status(["producer"], {"name": "robot"})

    assert peer.id == producer.peer_id


def test_refused_status_raises_at_once_in_the_server_s_words(client: SignallingClient) -> None:
    begin = time.monotonic()
    with pytest.raises(ServerError, match="registering as producer, consumer at") as caught:
        client.set_status(["producer", "consumer"])

    assert time.monotonic() - begin < 4
    assert caught.value.details == f"Cannot register peer {client.peer_id} as both producer and passive consumer"
    assert str(caught.value).endswith(caught.value.details)


def test_client_works_after_a_refusal(client: SignallingClient) -> None:
    with pytest.raises(ServerError):
        client.set_status(["producer", "consumer"])

    [peer] = client.set_status(["producer"])

    assert peer.id == client.peer_id


def test_unknown_role_is_named(client: SignallingClient) -> None:
    with pytest.raises(ProtocolError, match="king"):
        client.set_status(["king"])


@pytest.mark.parametrize(
    "meta",
    [None, 5, -1.5, True, "text", [], [1, [2]], {}, {"name": None}, {"name": 5}, {"naïve": "✓", "deep": {"a": []}}],
)
def test_meta_is_any_json_value(client: SignallingClient, other: SignallingClient, meta: Any) -> None:
    client.set_status(["producer"], meta)

    assert other.list_producers()[0].meta == meta


def nested(levels: int) -> list[Any]:
    meta: list[Any] = []
    for _ in range(levels - 1):
        meta = [meta]
    return meta


def test_meta_may_be_nested_a_hundred_levels_deep(client: SignallingClient, other: SignallingClient) -> None:
    client.set_status(["producer"], nested(100))

    assert other.list_producers()[0].meta == nested(100)


def containing_itself_twice() -> list[Any]:
    meta: list[Any] = []
    meta += [meta, meta]
    return meta


@pytest.mark.parametrize(
    "meta",
    [
        object(),
        {1, 2},
        b"bytes",
        float("nan"),
        float("inf"),
        "\ud800",
        {"\udfff": 1},
        nested(200),
        nested(100_000),
        [10**400],
        "x" * 70_000,
        containing_itself_twice(),
    ],
    ids=[
        *("object", "set", "bytes", "nan", "inf", "surrogate", "surrogate key", "deep", "very deep", "large", "long"),
        "endless",
    ],
)
def test_meta_that_no_peer_could_read_is_refused_before_it_is_sent(client: SignallingClient, meta: Any) -> None:
    with pytest.raises(ProtocolError, match=r"setPeerStatus"):
        client.set_status(["producer"], meta)

    assert client.list_producers() == []
