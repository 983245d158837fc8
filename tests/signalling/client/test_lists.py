"""Lists of peers, and the search for a producer."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gst_signalling_sync import (
    PeerNotFound,
    SignallingClient,
    WaitTimeout,
    find_producer,
    list_consumers,
    list_producers,
)
from gst_signalling_sync.protocol.messages import Peer

from ...helpers.hostile import Conversation, signalling_server
from ...helpers.peer_ids import id_of


def test_lists_of_an_empty_server(client: SignallingClient) -> None:
    assert client.list_producers() == []
    assert client.list_consumers() == []


def test_producers_are_listed_with_their_names(producer: SignallingClient, client: SignallingClient) -> None:
    [peer] = client.list_producers()

    assert (peer.id, peer.name) == (producer.peer_id, "robot")


def test_passive_consumers_are_listed(client: SignallingClient, other: SignallingClient) -> None:
    other.set_status(["consumer"], {"name": "viewer"})

    assert client.list_consumers() == [Peer(id_of(other), {"name": "viewer"})]


def test_one_shot_lists(producer: SignallingClient, other: SignallingClient) -> None:
    other.set_status(["consumer"])

    assert [peer.id for peer in list_producers(producer.uri)] == [producer.peer_id]
    assert [peer.id for peer in list_consumers(producer.uri)] == [other.peer_id]


@pytest.mark.parametrize(
    "question",
    [list_producers, list_consumers, lambda uri, timeout: find_producer("robot", uri, timeout=timeout)],
    ids=["list_producers", "list_consumers", "find_producer"],
)
def test_timeout_of_a_one_shot_question_is_for_all_of_it(question: Callable[..., object]) -> None:
    def welcome_late(conversation: Conversation) -> None:
        conversation.expect("setProtocolVersion")
        time.sleep(3)
        conversation.welcome()
        conversation.hold()

    with signalling_server(welcome_late) as uri:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match=r"within [01]\.?\d* s"):
            question(uri, timeout=4)
        # It would be seven if each step had the whole timeout.
        assert time.monotonic() - begin < 6.5


def test_producer_found_by_name(producer: SignallingClient) -> None:
    assert find_producer("robot", producer.uri).id == producer.peer_id


def test_producer_not_found_by_name_tells_who_is_there(producer: SignallingClient) -> None:
    with pytest.raises(PeerNotFound, match=rf"no producer is named 'other' at {producer.uri}; there are 'robot'"):
        find_producer("other", producer.uri)


def test_producer_not_found_on_an_empty_server(signalling_uri: str) -> None:
    with pytest.raises(PeerNotFound, match="there are no producers"):
        find_producer("robot", signalling_uri)
