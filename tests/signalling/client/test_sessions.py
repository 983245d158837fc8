"""Sessions: requests, descriptions, candidates and ends."""

from __future__ import annotations

import time

import pytest

from gst_signalling_sync import PeerNotFound, ProtocolError, ServerError, SignallingClient, SignallingServer
from gst_signalling_sync.protocol.messages import SdpType

from ...helpers.peer_ids import id_of
from ...helpers.waiting import Heard


def test_session_is_requested_of_the_producer(producer: SignallingClient, client: SignallingClient) -> None:
    requested = Heard(producer.session_requested)

    session_id = client.start_session(id_of(producer))

    assert requested.next() == {"peer_id": client.peer_id, "session_id": session_id, "offer": None}


def test_session_with_an_offer(producer: SignallingClient, client: SignallingClient) -> None:
    requested = Heard(producer.session_requested)

    client.start_session(id_of(producer), offer="v=0")

    assert requested.next()["offer"] == "v=0"


def test_session_of_a_producer_with_a_passive_consumer(producer: SignallingClient, other: SignallingClient) -> None:
    other.set_status(["consumer"])
    started = Heard(other.session_started)

    session_id = producer.start_session(id_of(other))

    assert started.next() == {"peer_id": producer.peer_id, "session_id": session_id}


def test_session_with_an_unknown_peer(client: SignallingClient) -> None:
    begin = time.monotonic()
    with pytest.raises(PeerNotFound, match=rf"starting a session with peer nobody at {client.uri}.*'nobody' not found"):
        client.start_session("nobody")

    assert time.monotonic() - begin < 4


def test_session_with_a_peer_that_is_no_producer(client: SignallingClient, other: SignallingClient) -> None:
    with pytest.raises(ServerError, match="Missing a producer or a consumer") as caught:
        client.start_session(id_of(other))

    assert not isinstance(caught.value, LookupError)


@pytest.mark.parametrize("peer_id", ["", "\ud800", "x" * 1000, "is not part of", '"', "\0"])
def test_strange_peer_id_does_not_spoil_the_connection(client: SignallingClient, peer_id: str) -> None:
    with pytest.raises((PeerNotFound, ProtocolError)):
        client.start_session(peer_id, timeout=2)

    assert client.list_producers(timeout=2) == []


def test_descriptions_and_candidates_reach_the_other_end(producer: SignallingClient, client: SignallingClient) -> None:
    sdp, ice = Heard(client.sdp_received), Heard(client.ice_received)
    session_id = client.start_session(id_of(producer))

    producer.send_sdp(session_id, "offer", "v=0")
    producer.send_ice(session_id, "candidate:1", 2)

    assert sdp.next() == {"session_id": session_id, "type": SdpType.OFFER, "sdp": "v=0"}
    assert ice.next() == {"session_id": session_id, "candidate": "candidate:1", "sdp_m_line_index": 2}


def test_answer_reaches_the_producer(producer: SignallingClient, client: SignallingClient) -> None:
    sdp = Heard(producer.sdp_received)
    session_id = client.start_session(id_of(producer))

    client.send_sdp(session_id, "answer", "v=0")

    assert sdp.next()["type"] == "answer"


def test_unknown_kind_of_description_is_named(client: SignallingClient) -> None:
    with pytest.raises(ProtocolError, match="pranswer"):
        client.send_sdp("session", "pranswer", "v=0")


def test_refused_description_is_a_signal_and_disturbs_no_request(
    producer: SignallingClient, client: SignallingClient
) -> None:
    refused = Heard(client.error_received)
    session_id = client.start_session(id_of(producer))

    client.send_sdp(session_id, "offer", "v=0")

    assert [peer.id for peer in client.list_producers()] == [producer.peer_id]
    assert refused.next()["details"].startswith("cannot forward offer")


@pytest.mark.parametrize("ends", ["consumer", "producer"])
def test_end_of_a_session_is_told_to_the_other_end(
    producer: SignallingClient, client: SignallingClient, ends: str
) -> None:
    ending, told = (client, producer) if ends == "consumer" else (producer, client)
    ended = Heard(told.session_ended)
    session_id = client.start_session(id_of(producer))

    ending.end_session(session_id)

    assert ended.next() == {"session_id": session_id, "error": None}


def test_end_of_a_session_with_an_error(producer: SignallingClient, client: SignallingClient) -> None:
    ended = Heard(producer.session_ended)
    session_id = client.start_session(id_of(producer))

    client.end_session(session_id, "out of memory")

    told = ended.next()
    # A server older than 1.1 does not relay the error.
    assert told in ({"session_id": session_id, "error": "out of memory"}, {"session_id": session_id, "error": None})


def test_error_of_a_session_s_end_passes_the_embedded_server(embedded_server: SignallingServer) -> None:
    with SignallingClient(embedded_server.uri) as producer, SignallingClient(embedded_server.uri) as client:
        producer.set_status(["producer"])
        ended = Heard(producer.session_ended)
        session_id = client.start_session(id_of(producer))

        client.end_session(session_id, "out of memory")

        assert ended.next() == {"session_id": session_id, "error": "out of memory"}


def test_end_of_an_unknown_session_is_ignored(client: SignallingClient) -> None:
    client.end_session("nonsense")

    assert client.list_producers() == []


def test_session_ends_when_its_other_end_closes(producer: SignallingClient, client: SignallingClient) -> None:
    ended = Heard(producer.session_ended)
    session_id = client.start_session(id_of(producer))

    client.close()

    assert ended.next()["session_id"] == session_id
