"""Receivers on named threads of a role: what they may do, and that a slow one does not delay the others."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue

import pytest

from gst_signalling_sync import (
    BroadcastChannel,
    Listener,
    Peer,
    Producer,
    Session,
    SessionClosed,
    SignallingServer,
    connect,
)

from ..helpers.waiting import wait_until

SECONDS = 10.0


def threads_of(kind: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"gss-{kind}-callbacks")]


@contextmanager
def held_up() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Events: a callback has begun, and it may end. The second one is set on exit."""
    has_begun, may_end = threading.Event(), threading.Event()
    try:
        yield has_begun, may_end
    finally:
        may_end.set()


def test_receivers_run_on_the_thread_that_they_name(embedded_server: SignallingServer) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    listener = Listener(embedded_server.uri)

    @listener.producer_added.connect(thread="arrivals")
    def added(listener: Listener, peer: Peer) -> None:
        told.put(threading.current_thread().name)

    with listener, Producer(embedded_server.uri, name="robot"):
        assert told.get(timeout=SECONDS) == "gss-listener-callbacks-arrivals"
    assert threads_of("listener") == []


def test_busy_default_thread_does_not_delay_the_end_of_a_session(embedded_server: SignallingServer) -> None:
    ended = threading.Event()
    producer = Producer(embedded_server.uri, name="robot")
    with held_up() as (has_begun, may_end):

        @producer.session_started.connect
        def work(producer: Producer, session: Session) -> None:
            has_begun.set()
            assert may_end.wait(SECONDS)

        @producer.session_ended.connect(thread="safety")
        def stop(producer: Producer, session: Session, error: Exception | None) -> None:
            ended.set()

        with producer:
            with connect(embedded_server.uri, name="robot"):
                assert has_begun.wait(SECONDS)
            assert ended.wait(SECONDS)
            may_end.set()


def test_offer_waits_for_the_receivers_of_every_thread(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    order: list[str] = []

    @producer.session_requested.connect(thread="slow")
    def prepare(producer: Producer, session: Session) -> None:
        time.sleep(0.2)
        session.create_channel("prepared")
        order.append("prepared")

    producer.session_started.connect(lambda producer, session: order.append("started"))
    with producer, connect(embedded_server.uri, name="robot") as session:
        session.channel("prepared")
        wait_until(lambda: len(order) == 2, "it is told")

    assert order == ["prepared", "started"]


@pytest.mark.parametrize("thread", [None, "orders"])
def test_close_in_a_callback_ends_everything(embedded_server: SignallingServer, thread: str | None) -> None:
    closed = threading.Event()
    producer = Producer(embedded_server.uri, name="robot")
    orders = producer.add_channel("orders")

    @orders.message.connect(thread=thread)
    def obey(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        producer.close()
        closed.set()

    producer.start()
    with connect(embedded_server.uri, name="robot") as session:
        session.channel("orders").send("go home")
        assert closed.wait(SECONDS)
    producer.close()

    assert threads_of("producer") == []
    assert producer.peer_id is None


def test_start_in_a_callback_of_a_named_thread_goes_on_with_it(embedded_server: SignallingServer) -> None:
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()
    producer = Producer(embedded_server.uri, name="robot")
    orders = producer.add_channel("orders")

    @orders.message.connect(thread="orders")
    def obey(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        if data == "restart":
            producer.close()
            producer.start()
        told.put((str(data), threading.current_thread().name))

    with producer:
        for order in ("restart", "hello"):
            with connect(embedded_server.uri, name="robot") as session:
                session.channel("orders").send(order)
                assert told.get(timeout=SECONDS) == (order, "gss-producer-callbacks-orders")
    assert threads_of("producer") == []


def test_two_callbacks_that_both_close_do_not_wait_for_each_other(embedded_server: SignallingServer) -> None:
    both = threading.Barrier(2)
    done: SimpleQueue[float] = SimpleQueue()
    producer = Producer(embedded_server.uri, name="robot")

    def close(producer: Producer, session: Session) -> None:
        both.wait(SECONDS)
        begin = time.monotonic()
        producer.close()
        done.put(time.monotonic() - begin)

    producer.session_started.connect(partial(close), thread="one")
    producer.session_started.connect(partial(close), thread="other")
    producer.start()
    # The receivers may close the producer before the start of the session has returned at the other end.
    with contextlib.suppress(SessionClosed), connect(embedded_server.uri, name="robot"):
        pass
    assert max(done.get(timeout=SECONDS), done.get(timeout=SECONDS)) < SECONDS / 2
    producer.close()

    assert threads_of("producer") == []
