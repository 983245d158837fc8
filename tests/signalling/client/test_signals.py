"""The signals of a client."""

from __future__ import annotations

import threading

import pytest

from gst_signalling_sync import PeerNotFound, SignallingClient
from gst_signalling_sync.protocol.messages import Peer, Role

from ...helpers.peer_ids import id_of
from ...helpers.waiting import Heard

SECONDS = 10.0


def test_welcomed_tells_the_peer_id(signalling_uri: str) -> None:
    client = SignallingClient(signalling_uri)
    welcomed = Heard(client.welcomed)

    with client:
        assert welcomed.next() == {"peer_id": client.peer_id}


def test_listener_hears_of_itself_of_others_and_of_their_end(client: SignallingClient, other: SignallingClient) -> None:
    changed = Heard(client.peer_status_changed)
    client.set_status(["listener"], "me")
    other.set_status(["producer"], {"name": "robot"})
    other_id = id_of(other)
    other.close()

    assert changed.next() == {"peer": Peer(id_of(client), "me"), "roles": (Role.LISTENER,)}
    assert changed.next() == {"peer": Peer(other_id, {"name": "robot"}), "roles": (Role.PRODUCER,)}
    assert changed.next() == {"peer": Peer(other_id, {"name": "robot"}), "roles": ()}


def test_lists_are_signals_too(client: SignallingClient) -> None:
    producers, consumers = Heard(client.producers_listed), Heard(client.consumers_listed)

    client.list_producers()
    client.list_consumers()

    assert producers.next() == {"producers": ()}
    assert consumers.next() == {"consumers": ()}


def test_session_started_is_a_signal_too(producer: SignallingClient, client: SignallingClient) -> None:
    started = Heard(client.session_started)

    session_id = client.start_session(id_of(producer))

    assert started.next() == {"peer_id": producer.peer_id, "session_id": session_id}


def test_refusal_is_a_signal_too(client: SignallingClient) -> None:
    refused = Heard(client.error_received)

    with pytest.raises(PeerNotFound):
        client.start_session("nobody")

    assert refused.next() == {"details": "Peer with ID 'nobody' not found"}


def test_signals_come_in_the_order_of_the_messages(producer: SignallingClient, client: SignallingClient) -> None:
    heard = Heard(client.ice_received)
    session_id = client.start_session(id_of(producer))

    for number in range(200):
        producer.send_ice(session_id, f"candidate {number}")

    assert [heard.next()["candidate"] for _ in range(200)] == [f"candidate {number}" for number in range(200)]


def test_request_in_a_callback_works(client: SignallingClient) -> None:
    answers: list[list[Peer]] = []
    answered = threading.Event()

    @client.consumers_listed.connect
    def ask(client: SignallingClient, consumers: tuple[Peer, ...]) -> None:
        answers.append(client.list_producers())
        answered.set()

    client.list_consumers()

    assert answered.wait(SECONDS)
    assert answers == [[]]


def test_slow_callback_delays_no_request(client: SignallingClient) -> None:
    blocked, may_go_on = threading.Event(), threading.Event()

    @client.consumers_listed.connect
    def block(client: SignallingClient, consumers: tuple[Peer, ...]) -> None:
        blocked.set()
        may_go_on.wait(SECONDS)

    client.list_consumers()
    assert blocked.wait(SECONDS)

    assert client.list_producers(timeout=2) == []

    may_go_on.set()
