"""A role that starts before its server does."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    Consumer,
    Endpoint,
    Listener,
    Producer,
    Retry,
    SignallingServer,
)

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.ports import reserved_port
from ..helpers.waiting import wait_until
from .role_classes import RoleClass

SECONDS = 10.0


def test_start_waits_for_a_server_that_is_not_there_yet() -> None:
    retry = Retry(first=0.05, maximum=0.2, wait_for_server=True)
    with reserved_port() as port, ThreadPoolExecutor() as pool:
        producer = Producer(port=port, name="robot", retry=retry)
        starting = pool.submit(producer.start, SECONDS)
        wait_until(lambda: producer.state == "connecting", "it tries")
        with SignallingServer(port=port), producer:
            starting.result(SECONDS)


@pytest.mark.parametrize("role_class", [Producer, Listener])
def test_start_goes_on_when_the_server_restarts_meanwhile(role_class: RoleClass) -> None:
    connections = itertools.count()

    def serve(conversation: Conversation) -> None:
        conversation.welcome()
        if next(connections) >= 2:
            conversation.serve()

    with signalling_server(serve) as uri, role_class(uri, retry=Retry(first=0.05, maximum=0.1)) as role:
        assert role.state == "registered"


def test_start_that_has_waited_for_a_server_is_not_told_how_to_wait() -> None:
    met = threading.Event()

    def leave(conversation: Conversation) -> None:
        conversation.welcome()
        met.set()

    with ThreadPoolExecutor() as pool:
        with signalling_server(leave) as uri:
            starting = pool.submit(Producer(uri, name="robot").start, 2)
            assert met.wait(SECONDS)
        with pytest.raises((ConnectError, ConnectionLost)) as told:
            starting.result(SECONDS)
    assert "Retry(" not in str(told.value)


def test_start_tells_the_loss_where_the_server_closes_each_connection() -> None:
    with signalling_server(Conversation.welcome) as uri:
        producer = Producer(uri, name="robot", retry=Retry(first=0.05, maximum=0.1))
        with pytest.raises(ConnectionLost):
            producer.start(timeout=1)
        assert producer.state == "closed"


@pytest.mark.parametrize("role_class", [Producer, Consumer, Listener])
def test_a_start_before_the_server_s_names_what_waits_for_it(role_class: RoleClass) -> None:
    with (
        reserved_port() as port,
        pytest.raises(ConnectError, match=r"nothing listens there.*retry=Retry\(wait_for_server=True\)"),
    ):
        role_class(port=port).start()


@pytest.mark.parametrize("retry", [None, Retry(), Retry(first=0.05, maximum=0.1, wait_for_server=True)])
def test_whoever_gave_a_retry_is_not_told_of_it(retry: Retry | None) -> None:
    with reserved_port() as port:
        with pytest.raises(ConnectError, match="nothing listens there") as told:
            Producer(port=port, retry=retry).start(timeout=0.5)
        assert "Retry(" not in str(told.value)


def test_start_that_waited_for_a_server_in_vain_says_what_came_instead() -> None:
    with reserved_port() as port:
        producer = Producer(port=port, retry=Retry(first=0.05, maximum=0.1, wait_for_server=True))
        with pytest.raises(ConnectError, match="nothing listens there"):
            producer.start(timeout=1.5)
        assert producer.state == "closed"


def test_a_failed_start_leaves_nothing_and_may_be_repeated() -> None:
    with reserved_port() as port:
        producer = Producer(port=port, name="robot")
        for _ in range(3):
            with pytest.raises(ConnectError, match="nothing listens there"):
                producer.start()
        with SignallingServer(port=port) as server, producer:
            assert [peer.name for peer in server.peers.values()] == ["robot"]


@pytest.mark.parametrize("asks_again", [False, True])
def test_a_refused_token_is_tried_again_only_where_there_will_be_another(asks_again: bool) -> None:
    tokens = itertools.chain(["stale"] * 2, itertools.repeat("fresh"))
    authorised: list[str | None] = []

    def serve(conversation: Conversation) -> None:
        conversation.welcome()
        conversation.hold()

    def admit(authorization: str | None) -> HTTPStatus | None:
        authorised.append(authorization)
        return None if authorization == "Bearer fresh" else HTTPStatus.UNAUTHORIZED

    with signalling_server(serve, admit) as uri:
        token = (lambda: next(tokens)) if asks_again else "stale"
        retry = Retry(first=0.05, maximum=0.1, wait_for_server=True)
        consumer = Consumer(Endpoint(uri, token=token), retry=retry)
        if asks_again:
            with consumer:
                assert authorised == ["Bearer stale", "Bearer stale", "Bearer fresh"]
        else:
            with pytest.raises(ConnectError, match="401"):
                consumer.start()
            assert authorised == ["Bearer stale"]
