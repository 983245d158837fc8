"""Producers and consumers: their start, their names, and `serve_forever`."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import ConnectionLost, Consumer, Producer, SignallingClient, SignallingServer, connect

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.ports import reserved_port
from ..helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 10.0


def test_close_ends_a_start_that_waits_for_the_server() -> None:
    def welcome_and_be_silent(conversation: Conversation) -> None:
        conversation.welcome()
        conversation.hold()

    with signalling_server(welcome_and_be_silent) as uri, ThreadPoolExecutor() as pool:
        robot = Producer(uri, name="robot")
        starting = pool.submit(robot.start, 20)
        wait_until(lambda: robot.peer_id is not None, "it waits to be registered")
        robot.close(timeout=5)
        with pytest.raises(ConnectionLost):
            starting.result(5)
        assert robot.peer_id is None


def test_start_after_a_lost_connection_connects_again() -> None:
    connections = []

    def welcome_and_leave(conversation: Conversation) -> None:
        connections.append(conversation)
        conversation.welcome()
        if len(connections) == 1:
            conversation.expect("startSession")
        else:
            conversation.hold()

    class SlowLog(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.3)

    logger = logging.getLogger("gst_signalling_sync.signalling.exchange")
    slow_log = SlowLog()
    logger.addHandler(slow_log)
    try:
        with signalling_server(welcome_and_leave) as uri, Consumer(uri) as consumer:
            with pytest.raises(ConnectionLost):
                consumer.start_session("robot")
            consumer.start()
            assert len(connections) == 2
    finally:
        logger.removeHandler(slow_log)


def test_serve_forever_ends_with_the_signalling_connection_where_it_is_not_made_again() -> None:
    server = SignallingServer(port=0).start()
    with Producer(server.uri, retry=None) as producer, ThreadPoolExecutor() as pool:
        serving = pool.submit(producer.serve_forever)
        wait_until_waiting(producer.serve_forever)
        server.close()

        with pytest.raises(ConnectionLost, match="lost"):
            serving.result(SECONDS)


def test_serve_forever_ends_with_close(signalling_uri: str) -> None:
    with Producer(signalling_uri) as producer, ThreadPoolExecutor() as pool:
        serving = pool.submit(producer.serve_forever)
        wait_until_waiting(producer.serve_forever)
        producer.close()

        serving.result(SECONDS)
        assert producer.peer_id is None


def test_requests_before_start_say_what_to_do() -> None:
    with pytest.raises(ConnectionLost, match="not started"):
        Consumer("ws://127.0.0.1:1").start_session()


def test_producer_keeps_its_meta_and_name(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot", meta={"model": 7}), SignallingClient(signalling_uri) as client:
        assert [peer.meta for peer in client.list_producers()] == [{"model": 7, "name": "robot"}]


def test_name_needs_an_object_to_go_into() -> None:
    with pytest.raises(ValueError, match="meta must be a dict"):
        Producer(name="robot", meta=[1])


def test_default_address_comes_from_the_environment(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GST_SIGNALLING_URI", embedded_server.uri)
    with Producer(name="robot") as producer, connect(name="robot") as session:
        assert session.peer_id == producer.peer_id


def test_roles_tell_that_signalling_is_lost_and_start_again() -> None:
    with reserved_port() as port, SignallingServer(port=port) as server, Producer(server.uri, name="robot") as producer:
        lost = Heard(producer.connection_lost)
        server.close()
        assert isinstance(lost.next()["error"], ConnectionLost)
        with SignallingServer(port=port):
            producer.start()
            with connect(producer.uri, name="robot") as session:
                assert session.peer_id == producer.peer_id
