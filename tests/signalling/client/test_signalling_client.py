"""`SignallingClient`: every method and every signal, on both signalling servers."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    PeerNotFound,
    ProtocolError,
    ServerError,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
    find_producer,
    list_consumers,
    list_producers,
)
from gst_signalling_sync.protocol.messages import Peer, Role, SdpType

from ...helpers.hostile import Conversation, signalling_server, tcp_server
from ...helpers.ports import reserved_port
from ...helpers.processes import exit_of, in_child, start_script, wait_until_blocked
from ...helpers.waiting import Heard, wait_until

SECONDS = 10.0
MANY_THREADS = 8


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


def id_of(client: SignallingClient) -> str:
    assert client.peer_id is not None
    return client.peer_id


def gss_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gss-")]


# Connecting


def test_connect_returns_the_client_with_its_peer_id(signalling_uri: str) -> None:
    client = SignallingClient(signalling_uri)

    assert client.peer_id is None
    assert client.connect() is client
    assert uuid.UUID(client.peer_id).version == 4

    client.close()


def test_with_connects_and_closes(signalling_uri: str) -> None:
    with SignallingClient(signalling_uri) as client:
        assert client.list_producers() == []

    with pytest.raises(ConnectionLost):
        client.list_producers()


def test_connecting_again_changes_nothing(client: SignallingClient) -> None:
    peer_id = client.peer_id

    client.connect()

    assert client.peer_id == peer_id


def test_connect_after_close_is_a_new_peer(client: SignallingClient) -> None:
    first = client.peer_id
    client.close()

    client.connect()

    assert client.peer_id != first
    assert client.list_producers() == []


def test_close_is_idempotent(client: SignallingClient) -> None:
    client.close()
    client.close()


def test_close_of_a_client_that_never_connected() -> None:
    SignallingClient("ws://127.0.0.1:1").close()


def test_close_leaves_no_thread(client: SignallingClient) -> None:
    where = client.uri.split("//")[1]
    assert len([name for name in gss_threads() if where in name]) == 3

    client.close()

    assert not [name for name in gss_threads() if where in name]


def test_request_before_connect_says_what_to_do() -> None:
    with pytest.raises(ConnectionLost, match=r"not connected to ws://robot:1.*connect\(\)"):
        SignallingClient("ws://robot:1").list_producers()


def test_connect_after_the_connection_was_lost_connects_again() -> None:
    with reserved_port() as port:
        with SignallingServer(port=port) as server:
            client = SignallingClient(server.uri).connect()
            lost = Heard(client.connection_lost)
        lost.next()

        with SignallingServer(port=port), client:
            assert client.list_producers() == []


@pytest.mark.parametrize("thread", ["gss-callbacks", "gss-writer", "gss-reader"])
def test_connect_that_gets_no_thread_leaves_nothing_behind(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch, thread: str
) -> None:
    start = threading.Thread.start

    def start_or_raise(self: threading.Thread) -> None:
        if self.name.startswith(thread):
            raise RuntimeError("can't start new thread")
        start(self)

    before = gss_threads()
    client = SignallingClient(embedded_server.uri)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_or_raise)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            client.connect()
    wait_until(lambda: gss_threads() == before, "what was started has ended")
    with client:
        assert client.list_producers() == []


def test_host_and_port_instead_of_a_uri(embedded_server: SignallingServer) -> None:
    with SignallingClient(host="127.0.0.1", port=embedded_server.port) as client:
        assert client.uri == embedded_server.uri


def test_uri_of_the_environment(embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GST_SIGNALLING_URI", embedded_server.uri)

    with SignallingClient() as client:
        assert client.uri == embedded_server.uri


def test_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"http://robot"):
        SignallingClient("http://robot")


def test_connect_without_a_server_says_so_and_how_to_start_one() -> None:
    with reserved_port() as port:
        uri = f"ws://127.0.0.1:{port}"

        with pytest.raises(ConnectError, match=rf"{uri}.*nothing listens.*gst-signalling-sync serve"):
            SignallingClient(uri).connect()


# Status


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
    ],
    ids=["object", "set", "bytes", "nan", "inf", "surrogate", "surrogate key", "deep", "very deep", "large", "long"],
)
def test_meta_that_no_peer_could_read_is_refused_before_it_is_sent(client: SignallingClient, meta: Any) -> None:
    with pytest.raises(ProtocolError, match=r"setPeerStatus"):
        client.set_status(["producer"], meta)

    assert client.list_producers() == []


# Lists


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


# Sessions


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


# Signals


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


# Several threads


def test_requests_of_many_threads_each_get_their_own_answer(
    producer: SignallingClient, client: SignallingClient, other: SignallingClient
) -> None:
    other.set_status(["consumer"])

    def ask(thread: int) -> None:
        for number in range(25):
            match (thread + number) % 4:
                case 0:
                    assert [peer.id for peer in client.list_producers()] == [producer.peer_id]
                case 1:
                    assert [peer.id for peer in client.list_consumers()] == [other.peer_id]
                case 2:
                    with pytest.raises(PeerNotFound, match=f"'nobody {thread} {number}' not found"):
                        client.start_session(f"nobody {thread} {number}")
                case 3:
                    client.end_session(client.start_session(id_of(producer)))

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(ask, range(MANY_THREADS)))


def test_status_of_many_threads_is_refused_only_where_it_is_wrong(client: SignallingClient) -> None:
    def register(thread: int) -> None:
        for _ in range(10):
            if thread % 2:
                client.set_status(["producer"], thread)
            else:
                with pytest.raises(ServerError, match="as both"):
                    client.set_status(["producer", "consumer"], thread)

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(register, range(MANY_THREADS)))


def test_reader_that_was_given_up_tells_nothing_of_the_next_connection(signalling_uri: str) -> None:
    with SignallingClient(signalling_uri) as client:
        assert client._exchange is not None
        former = client._exchange._connection
        client.close()
        client.connect()
        lost = Heard(client.connection_lost)
        peer_id = client.peer_id

        # A reader does this that was blocked for so long that close() could not wait for it.
        former._on_text('{"type": "welcome", "peerId": "former"}')
        former._on_lost(None)

        assert client.peer_id == peer_id
        assert client.list_producers() == []
        assert lost.is_empty


def test_connect_and_close_of_many_threads(signalling_uri: str) -> None:
    client = SignallingClient(signalling_uri)

    def connect_and_close(_: int) -> None:
        # Another thread may close while this one connects.
        with contextlib.suppress(ConnectionLost):
            client.connect()
        client.close()

    with ThreadPoolExecutor(MANY_THREADS) as pool:
        list(pool.map(connect_and_close, range(40)))


def test_close_by_two_threads_at_once(client: SignallingClient) -> None:
    together = threading.Barrier(2)

    def close(_: int) -> None:
        together.wait(SECONDS)
        client.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(close, range(2)))


def test_close_by_a_callback(client: SignallingClient) -> None:
    closed = threading.Event()

    @client.producers_listed.connect
    def close(client: SignallingClient, producers: tuple[Peer, ...]) -> None:
        client.close()
        closed.set()

    client.list_producers()

    assert closed.wait(SECONDS)
    with pytest.raises(ConnectionLost):
        client.list_producers()


def test_close_while_a_callback_closes_is_bounded(client: SignallingClient) -> None:
    closing = threading.Event()

    @client.producers_listed.connect
    def close(client: SignallingClient, producers: tuple[Peer, ...]) -> None:
        closing.set()
        client.close()

    client.list_producers()
    assert closing.wait(SECONDS)
    begin = time.monotonic()

    client.close()

    assert time.monotonic() - begin < 4


def test_close_of_a_lost_connection(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri).connect()
    lost = Heard(client.connection_lost)
    embedded_server.close()
    lost.next()

    client.close()


# Late and missing answers


def test_answer_that_comes_late_is_discarded_and_its_session_ended() -> None:
    gave_up, ended = threading.Event(), threading.Event()

    def answer_late(server: Conversation) -> None:
        server.welcome()
        server.expect("startSession")
        gave_up.wait(SECONDS)
        server.send("sessionStarted", peerId="robot", sessionId="late")
        if server.expect("endSession")["sessionId"] == "late":
            ended.set()
        server.serve()

    with signalling_server(answer_late) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.start_session("robot", timeout=0.05)
        gave_up.set()

        assert ended.wait(SECONDS)
        assert client.list_producers() == []


def test_late_answer_is_not_taken_for_the_next_one() -> None:
    gave_up = threading.Event()

    def answer_late(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        gave_up.wait(SECONDS)
        server.send("list", producers=[{"id": "late", "meta": None}])
        server.serve()

    with signalling_server(answer_late) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.list_producers(timeout=0.05)
        gave_up.set()

        assert client.list_producers() == []


def test_request_that_the_server_never_answers_does_not_spoil_the_next() -> None:
    def serve_no_consumers(server: Conversation) -> None:
        server.welcome()
        server.serve(ignored=("listConsumers",))

    with signalling_server(serve_no_consumers) as uri, SignallingClient(uri) as client:
        with pytest.raises(WaitTimeout):
            client.list_consumers(timeout=0.05)

        assert client.list_producers(timeout=2) == []


@pytest.fixture
def silent_uri() -> Iterator[str]:
    """A server that sends its welcome, and then nothing."""

    def welcome_only(server: Conversation) -> None:
        server.welcome()
        server.hold()

    with signalling_server(welcome_only) as uri:
        yield uri


REQUESTS: dict[str, Callable[[SignallingClient, float], object]] = {
    "listing the producers": lambda client, timeout: client.list_producers(timeout=timeout),
    "listing the consumers": lambda client, timeout: client.list_consumers(timeout=timeout),
    "registering as producer": lambda client, timeout: client.set_status(["producer"], timeout=timeout),
    "starting a session with peer robot": lambda client, timeout: client.start_session("robot", timeout=timeout),
}


@pytest.mark.parametrize("doing", REQUESTS)
def test_request_gives_up_in_time_and_says_what_it_waited_for(silent_uri: str, doing: str) -> None:
    with SignallingClient(silent_uri) as client:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match=rf"{doing} .*{silent_uri}.* 0\.2 s"):
            REQUESTS[doing](client, 0.2)

        assert 0.2 <= time.monotonic() - begin < 4


def test_default_timeout_is_the_object_s(silent_uri: str) -> None:
    client = SignallingClient(silent_uri, timeout=0.2)
    client.connect(timeout=SECONDS)

    with pytest.raises(WaitTimeout, match=r"0\.2 s"):
        client.list_producers()

    client.close()


def test_timeout_of_zero_gives_up_at_once(silent_uri: str) -> None:
    with SignallingClient(silent_uri) as client:
        begin = time.monotonic()
        with pytest.raises(WaitTimeout):
            client.list_producers(timeout=0)

        assert time.monotonic() - begin < 4


def test_endless_timeout_is_possible(embedded_server: SignallingServer) -> None:
    with SignallingClient(embedded_server.uri, timeout=float("inf")) as client:
        assert client.list_producers() == []


def test_close_by_another_thread_wakes_a_waiting_request(silent_uri: str) -> None:
    with SignallingClient(silent_uri) as client, ThreadPoolExecutor() as pool:
        begin = time.monotonic()
        waiting = [pool.submit(REQUESTS[doing], client, SECONDS) for doing in REQUESTS]
        client.close()

        for request in waiting:
            with pytest.raises(ConnectionLost, match=r"closed|not connected"):
                request.result(SECONDS)
        assert time.monotonic() - begin < 4


def test_close_by_another_thread_ends_a_connect_under_way() -> None:
    accepted = threading.Event()

    def never_welcome(server: Conversation) -> None:
        accepted.set()
        server.hold()

    with signalling_server(never_welcome) as uri, ThreadPoolExecutor() as pool:
        client = SignallingClient(uri)
        connecting = pool.submit(client.connect, SECONDS)
        assert accepted.wait(SECONDS)
        begin = time.monotonic()

        client.close()

        with pytest.raises(ConnectionLost, match="closed"):
            connecting.result(SECONDS)
        assert time.monotonic() - begin < 4


def test_death_of_the_server_reaches_all_who_wait() -> None:
    asked, die = threading.Semaphore(0), threading.Event()

    def listen_and_die(server: Conversation) -> None:
        server.welcome()
        for _ in range(1 + len(REQUESTS) + 1):
            server.receive()
            asked.release()
        die.wait(SECONDS)

    with signalling_server(listen_and_die) as uri, SignallingClient(uri) as client:
        lost = Heard(client.connection_lost)
        with ThreadPoolExecutor() as pool:
            waiting = [pool.submit(REQUESTS[doing], client, SECONDS) for doing in REQUESTS]
            # The version comes before the requests, and a list after a status.
            for _ in range(1 + len(REQUESTS) + 1):
                assert asked.acquire(timeout=SECONDS)
            die.set()

            for request in waiting:
                with pytest.raises(ConnectionLost, match=f"connection to {uri} lost"):
                    request.result(SECONDS)

        assert isinstance(lost.next()["error"], ConnectionLost)


def test_nothing_can_be_sent_on_a_lost_connection(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri).connect()
    lost = Heard(client.connection_lost)
    embedded_server.close()
    lost.next()

    for send in (
        client.list_producers,
        lambda: client.end_session("session"),
        lambda: client.send_sdp("session", "offer", ""),
        lambda: client.send_ice("session", ""),
    ):
        with pytest.raises(ConnectionLost, match=f"connection to {client.uri} lost"):
            send()

    client.close()


def test_close_of_a_server_s_own_making_is_no_loss_when_the_client_closes(
    client: SignallingClient, caplog: pytest.LogCaptureFixture
) -> None:
    lost = Heard(client.connection_lost)

    with caplog.at_level(logging.WARNING):
        client.close()

    assert lost.is_empty
    assert not caplog.records


def test_close_is_quick_with_a_server_that_never_answers_it_and_leaves_no_thread() -> None:
    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(SECONDS)

    done = threading.Event()
    with signalling_server(read_no_more) as uri:
        client = SignallingClient(uri).connect()
        begin = time.monotonic()

        client.close()

        assert time.monotonic() - begin < 4
        assert not [name for name in gss_threads() if "reader" in name or "writer" in name]
        done.set()


def test_connect_after_a_close_that_the_server_did_not_answer() -> None:
    done = threading.Event()

    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(0.5)
        server.serve()

    with signalling_server(read_no_more) as uri:
        client = SignallingClient(uri).connect()
        client.close()
        done.set()

        with client:
            assert client.list_producers() == []


def test_server_that_does_not_read_blocks_no_caller() -> None:
    done = threading.Event()

    def read_no_more(server: Conversation) -> None:
        server.welcome()
        done.wait(SECONDS)

    with signalling_server(read_no_more) as uri, SignallingClient(uri) as client:
        begin = time.monotonic()
        for _ in range(20):
            client.send_sdp("session", "offer", "x" * 1_000_000)

        assert time.monotonic() - begin < 4
        done.set()


# Ctrl-C

INTERRUPTED = """
    import sys, time
    from gst_signalling_sync import SignallingClient
    client = SignallingClient(sys.argv[1], timeout=60)
    try:
        {call}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("call", ["client.connect()", "with client: client.list_producers()"])
def test_interrupt_ends_a_blocking_call_at_once(call: str) -> None:
    waiting = threading.Event()

    def keep_waiting(server: Conversation) -> None:
        server.expect("setProtocolVersion")
        if "list" in call:
            server.welcome()
            server.expect("list")
        waiting.set()
        server.hold()

    with signalling_server(keep_waiting) as uri, start_script(INTERRUPTED.format(call=call), uri) as process:
        assert waiting.wait(SECONDS)
        wait_until_blocked(process)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, complaints = exit_of(process)

    assert (process.returncode, output, complaints) == (0, "interrupted\n", "")
    assert time.monotonic() - begin < 4


def test_interrupt_ends_the_handshake_at_once() -> None:
    waiting = threading.Event()

    def accept_only(connection: Any) -> None:
        waiting.set()
        while connection.recv(4096):
            pass

    with (
        tcp_server(accept_only) as uri,
        start_script(INTERRUPTED.format(call="client.connect()"), uri) as process,
    ):
        assert waiting.wait(SECONDS)
        wait_until_blocked(process)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, complaints = exit_of(process)

    assert (process.returncode, output, complaints) == (0, "interrupted\n", "")
    assert time.monotonic() - begin < 4


# Fork


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.connect(),
        lambda client: client.close(),
        lambda client: client.set_status(["producer"]),
        lambda client: client.list_producers(),
        lambda client: client.list_consumers(),
        lambda client: client.start_session("x"),
        lambda client: client.end_session("x"),
        lambda client: client.send_sdp("x", "offer", ""),
        lambda client: client.send_ice("x", ""),
    ],
)
def test_inherited_client_says_so(
    embedded_server: SignallingServer, call: Callable[[SignallingClient], object]
) -> None:
    def refuses() -> bool:
        with pytest.raises(RuntimeError, match=rf"signalling client of {embedded_server.uri}.*inherited by fork"):
            call(inherited)
        return True

    with SignallingClient(embedded_server.uri) as inherited:
        assert in_child(refuses)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_can_make_a_client_of_its_own(signalling_uri: str) -> None:
    def works() -> bool:
        with SignallingClient(signalling_uri) as own:
            return own.peer_id != inherited.peer_id and own.list_producers() == []

    with SignallingClient(signalling_uri) as inherited:
        assert in_child(works)
        assert inherited.list_producers() == []


# Repetition


def test_200_connects_and_closes_leave_nothing(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri)

    def connect_and_close(times: int) -> tuple[int, int, int]:
        for _ in range(times):
            with client:
                client.list_producers()
        gc.collect()
        return threading.active_count(), open_descriptors(), resident_bytes()

    threads, _, memory = connect_and_close(50)
    # The server in this process closes its end of a connection a moment later.
    wait_until(lambda: not embedded_server.peers, "the server has closed the connections")
    descriptors = open_descriptors()
    threads_later, _, memory_later = connect_and_close(150)

    assert threads_later == threads
    wait_until(lambda: open_descriptors() <= descriptors, "no descriptor is left open")
    assert memory_later - memory < 4 * 2**20


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_failed_connects_leave_nothing_and_complain_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def never_welcome(server: Conversation) -> None:
        server.hold()

    with signalling_server(never_welcome) as uri:
        for _ in range(3):
            with pytest.raises(ConnectTimeout, match="no welcome"):
                SignallingClient(uri).connect(timeout=1)
            wait_until(lambda: not [name for name in gss_threads() if uri.split("//")[1] in name], "no thread is left")

    assert not caplog.records
