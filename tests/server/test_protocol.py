"""The messages that peers get from a signalling server; the same from the embedded and from the reference server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import websocket

from ..helpers.raw_peer import RawPeer

Join = Callable[..., RawPeer]


@pytest.fixture
def join(signalling_uri: str) -> Iterator[Join]:
    """Connects peers to the server, registered with the given roles, and disconnects them when the test ends."""
    with ExitStack() as stack:

        def join_(*roles: str, meta: object = None) -> RawPeer:
            peer = stack.enter_context(RawPeer(signalling_uri))
            return peer.register(*roles, meta=meta) if roles else peer

        yield join_


def begin_session(producer: RawPeer, consumer: RawPeer) -> str:
    session_id: str = consumer.request("startSession", peerId=producer.id)["sessionId"]
    assert producer.receive()["type"] == "startSession"
    return session_id


def test_welcome(join: Join) -> None:
    peer = join()

    assert peer.welcome == {"type": "welcome", "peerId": peer.id}
    assert uuid.UUID(peer.id).version == 4


def test_listener_gets_the_echo_of_its_own_status(join: Join) -> None:
    peer = join()

    assert peer.request("setPeerStatus", roles=["listener"], meta={"name": "me"}) == {
        "type": "peerStatusChanged",
        "peerId": peer.id,
        "roles": ["listener"],
        "meta": {"name": "me"},
    }


@pytest.mark.parametrize("meta", [None, 7, "text", [1, 2.5, None], {"name": "räb 🤖"}])
def test_listener_is_told_of_another_status(join: Join, meta: object) -> None:
    listener, producer = join("listener"), join()

    producer.send("setPeerStatus", roles=["producer"], meta=meta)

    assert listener.receive() == {
        "type": "peerStatusChanged",
        "peerId": producer.id,
        "roles": ["producer"],
        "meta": meta,
    }


def test_unchanged_status_is_not_told(join: Join) -> None:
    listener, producer = join("listener"), join()
    status = {"roles": ["producer"], "meta": {"a": 1}, "peerId": producer.id}
    producer.send("setPeerStatus", **status)
    listener.receive()

    producer.send("setPeerStatus", **status)

    assert producer.hears_nothing()
    assert listener.hears_nothing()


@pytest.mark.parametrize("disconnect", [RawPeer.close, RawPeer.vanish])
def test_listener_is_told_of_a_disconnect_with_the_last_meta(join: Join, disconnect: Callable[[RawPeer], None]) -> None:
    listener, producer = join("listener"), join("producer", meta={"name": "n"})
    listener.receive()

    disconnect(producer)

    assert listener.receive() == {
        "type": "peerStatusChanged",
        "peerId": producer.id,
        "roles": [],
        "meta": {"name": "n"},
    }


def test_lists(join: Join) -> None:
    peer = join()
    producer, consumer = join("producer", meta={"name": "n"}), join("consumer", meta=3)

    assert peer.request("list") == {"type": "list", "producers": [{"id": producer.id, "meta": {"name": "n"}}]}
    assert peer.request("listConsumers") == {
        "type": "listConsumers",
        "consumers": [{"id": consumer.id, "meta": 3}],
    }


def test_producer_and_passive_consumer_in_one(join: Join) -> None:
    peer = join()

    assert peer.request("setPeerStatus", roles=["producer", "consumer"], meta=None) == {
        "type": "error",
        "details": f"Cannot register peer {peer.id} as both producer and passive consumer",
    }


@pytest.mark.parametrize("offer", [None, "v=0"])
def test_consumer_starts_a_session(join: Join, offer: str | None) -> None:
    producer, consumer = join("producer"), join()

    started = consumer.request("startSession", peerId=producer.id, offer=offer)

    session_id = started["sessionId"]
    assert uuid.UUID(session_id).version == 4
    assert started == {"type": "sessionStarted", "peerId": producer.id, "sessionId": session_id}
    assert producer.receive() == {
        "type": "startSession",
        "peerId": consumer.id,
        "sessionId": session_id,
        "offer": offer,
    }


def test_producer_starts_a_session_with_a_passive_consumer(join: Join) -> None:
    producer, consumer = join("producer"), join("consumer")

    requested = producer.request("startSession", peerId=consumer.id)

    session_id = requested["sessionId"]
    assert requested == {"type": "startSession", "peerId": consumer.id, "sessionId": session_id, "offer": None}
    assert consumer.receive() == {"type": "sessionStarted", "peerId": producer.id, "sessionId": session_id}


def test_session_with_an_unknown_peer(join: Join) -> None:
    assert join().request("startSession", peerId="X") == {"type": "error", "details": "Peer with ID 'X' not found"}


def test_session_without_a_producer(join: Join) -> None:
    one, other = join("listener"), join()

    assert one.request("startSession", peerId=other.id) == {
        "type": "error",
        "details": f"Missing a producer or a consumer: id {one.id} roles [Listener], id {other.id} roles []",
    }


def test_roles_in_an_error_text(join: Join) -> None:
    one, other = join("producer", "listener"), join()

    assert one.request("startSession", peerId=other.id)["details"] == (
        f"Missing a producer or a consumer: id {one.id} roles [Producer, Listener], id {other.id} roles []"
    )


def test_offer_and_answer_and_candidates_are_relayed(join: Join) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)
    offer = {"sessionId": session_id, "sdp": {"type": "offer", "sdp": "v=0\r\no=ö"}}
    answer = {"sessionId": session_id, "sdp": {"type": "answer", "sdp": "v=0"}}
    candidate = {"sessionId": session_id, "ice": {"candidate": "candidate:1", "sdpMLineIndex": 0}}

    producer.send("peer", **offer)
    consumer.send("peer", **answer)
    consumer.send("peer", **candidate)

    assert consumer.receive() == {"type": "peer", **offer}
    assert producer.receive() == {"type": "peer", **answer}
    assert producer.receive() == {"type": "peer", **candidate}


def test_extra_keys_of_a_candidate_are_not_relayed(join: Join) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)

    ice = {"candidate": "", "sdpMLineIndex": 1, "sdpMid": "0", "usernameFragment": "f"}
    consumer.send("peer", sessionId=session_id, ice=ice)

    assert producer.receive()["ice"] == {"candidate": "", "sdpMLineIndex": 1}


def test_offer_of_the_consumer(join: Join) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)

    assert consumer.request("peer", sessionId=session_id, sdp={"type": "offer", "sdp": "v=0"}) == {
        "type": "error",
        "details": f'cannot forward offer from "{consumer.id}" to "{producer.id}" as "{consumer.id}"'
        " is not the producer",
    }


def test_stranger_relays(join: Join) -> None:
    producer, consumer, stranger = join("producer"), join(), join()
    session_id = begin_session(producer, consumer)

    assert stranger.request("peer", sessionId=session_id, ice={"candidate": "", "sdpMLineIndex": 0}) == {
        "type": "error",
        "details": f"Peer {stranger.id} is not part of {session_id}",
    }


def test_stranger_ends_a_session(join: Join) -> None:
    producer, consumer, stranger = join("producer"), join(), join()
    session_id = begin_session(producer, consumer)

    assert stranger.request("endSession", sessionId=session_id) == {
        "type": "error",
        "details": f"Peer {stranger.id} is not part of {session_id}",
    }


@pytest.mark.parametrize("by_producer", [True, False])
def test_either_end_ends_a_session(join: Join, by_producer: bool) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)
    one, other = (producer, consumer) if by_producer else (consumer, producer)

    one.send("endSession", sessionId=session_id)

    assert other.receive() == {"type": "endSession", "sessionId": session_id}
    assert one.hears_nothing()


@pytest.mark.parametrize("by_producer", [True, False])
@pytest.mark.parametrize("disconnect", [RawPeer.close, RawPeer.vanish])
def test_disconnect_ends_a_session(join: Join, by_producer: bool, disconnect: Callable[[RawPeer], None]) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)
    one, other = (producer, consumer) if by_producer else (consumer, producer)

    disconnect(one)

    assert other.receive() == {"type": "endSession", "sessionId": session_id}


def test_who_stops_producing_ends_its_sessions(join: Join) -> None:
    producer, consumer = join("producer"), join()
    session_id = begin_session(producer, consumer)

    producer.send("setPeerStatus", roles=[], meta=None)

    assert consumer.receive() == {"type": "endSession", "sessionId": session_id}


@pytest.mark.parametrize(
    ("type_", "fields"),
    [("endSession", {}), ("peer", {"ice": {"candidate": "", "sdpMLineIndex": 0}})],
)
def test_message_for_an_unknown_session_is_dropped(join: Join, type_: str, fields: dict[str, object]) -> None:
    peer = join()

    peer.send(type_, sessionId="X", **fields)

    assert peer.hears_nothing()


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "junk",
        "[]",
        "{}",
        "null",
        '{"type": "unknown"}',
        '{"type": 5}',
        '{"type": "startSession"}',
        '{"type": "startSession", "peerId": 5}',
        '{"type": "setPeerStatus", "roles": "producer", "meta": null}',
        '{"type": "setPeerStatus", "roles": ["boss"], "meta": null}',
        '{"type": "setPeerStatus", "roles": ["listener"], "meta": NaN}',
        '{"type": "setPeerStatus", "roles": ["listener"], "meta": 1e999}',
        '{"type": "setPeerStatus", "roles": ["listener"], "meta": "\\ud800"}',
        '{"type": "setPeerStatus", "roles": ["listener"], "meta": ' + "[" * 500 + "]" * 500 + "}",
        '{"type": "startSession", "peerId": "\\ud800"}',
        '{"type": "peer", "sessionId": "X"}',
        "[" * 100_000,
        "x" * 100_000,
    ],
)
def test_junk_is_dropped_and_its_sender_stays(join: Join, junk: str) -> None:
    peer = join()

    peer.send_text(junk)

    assert peer.hears_nothing()


def test_binary_message_is_dropped_and_its_sender_stays(join: Join) -> None:
    peer = join()

    peer.socket.send_binary(b'{"type": "listConsumers"}')

    assert peer.hears_nothing()


def test_fragmented_message_is_one_message(join: Join) -> None:
    peer = join()

    peer.socket.send_frame(_fragment(b'{"type": "list', opcode=1, fin=0))
    peer.socket.send_frame(_fragment(b"Consum", opcode=0, fin=0))
    peer.socket.ping()
    peer.socket.send_frame(_fragment(b'ers"}', opcode=0, fin=1))

    assert peer.receive()["type"] == "listConsumers"


def _fragment(data: bytes, opcode: int, fin: int) -> websocket.ABNF:
    return websocket.ABNF(fin, 0, 0, 0, opcode, 1, data)
