"""What ``close()`` ends, whatever else happens at that moment, and what it leaves behind."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from gst_signalling_sync import ConnectionLost, Listener, Producer, WaitTimeout, connect
from gst_signalling_sync.role_connection import RoleConnection
from gst_signalling_sync.threads.waiting import Deadline

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.mortal_server import MortalServer
from ..helpers.waiting import Heard, wait_until, wait_until_waiting
from .role_classes import QUICK, ROLES, RoleClass

SECONDS = 10.0


def test_close_before_there_is_a_connection_to_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = RoleConnection.drop
    closing: list[Future[None]] = []
    with signalling_server(lambda server: server.hold()) as uri, ThreadPoolExecutor() as pool:
        listener = Listener(uri, timeout=SECONDS)

        def close_first(connection: RoleConnection, deadline: Deadline) -> None:
            if not closing:
                closing.append(pool.submit(listener.close))
                wait_until_waiting(listener.close)
            drop(connection, deadline)

        monkeypatch.setattr(RoleConnection, "drop", close_first)
        began = time.monotonic()
        with pytest.raises(ConnectionLost):
            listener.start()
        closing[0].result(SECONDS)

        assert time.monotonic() - began < 5.0


# L1: close() runs together with a callback that is about to call start().


def test_close_is_final_for_a_callback_that_starts_again(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot", retry=None)
    inside, closing, outcome = threading.Event(), threading.Event(), Heard(producer.reconnected)
    outcomes: list[BaseException | None] = []

    @producer.connection_lost.connect
    def again(role: Producer, error: Exception) -> None:
        inside.set()
        closing.wait(SECONDS)
        wait_until(lambda: role.state == "closed" and role.peer_id is None, "close() has done its part")
        try:
            role.start()
        except ConnectionLost as refused:
            outcomes.append(refused)
        else:
            outcomes.append(None)

    producer.start()
    server.go()
    server.come()
    assert inside.wait(SECONDS)
    started = time.monotonic()
    threading.Timer(0.1, closing.set).start()
    producer.close()
    assert time.monotonic() - started < 3.0
    assert outcome.is_empty
    assert [str(error) for error in outcomes] == [
        f"starting the producer of {server.uri}: it was closed while this callback was running, and a callback does not start"
        " it again"
    ]
    assert producer.state == "closed"
    assert server.peer_ids == []


# L2: start() in a callback must not make a second callback thread.


def test_callbacks_keep_their_thread_and_their_order_over_a_start_in_one_of_them(server: MortalServer) -> None:
    threads: list[int] = []
    running = threading.Lock()
    listener = Listener(server.uri, retry=None)

    def note() -> None:
        assert running.acquire(blocking=False), "two callbacks at once"
        threads.append(threading.get_ident())
        running.release()

    @listener.connection_lost.connect
    def again(role: Listener, error: Exception) -> None:
        with running:
            threads.append(threading.get_ident())
            server.come()
            role.start()
            time.sleep(0.2)

    added = Heard(listener.producer_added)
    listener.producer_added.connect(lambda role, peer: note())
    with listener:
        server.go()
        wait_until(lambda: threads, "the loss was told")
        wait_until(lambda: listener.state == "registered", "it listens again")
        with Producer(server.uri, name="robot"):
            added.next()
    assert len(threads) == 2
    assert len(set(threads)) == 1


# L4: a close() that is forgotten, or that returns without having closed and without an error.


def test_close_in_a_callback_ends_a_role_that_another_thread_starts(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot")
    stop = producer.add_channel("stop")
    closed = threading.Event()
    begin = threading.Event()

    @stop.message.connect
    def on_stop(channel: object, session: object, data: str | bytes) -> None:
        begin.set()
        producer.close()
        closed.set()

    with producer, connect(server.uri, name="robot", retry=None) as session, ThreadPoolExecutor() as pool:
        session.channel("stop").send("now")
        assert begin.wait(SECONDS)
        with contextlib.suppress(ConnectionLost):
            pool.submit(producer.start).result(SECONDS)
        assert closed.wait(SECONDS)
        producer.close()
    assert producer.state == "closed"
    assert server.peer_ids == []


def test_a_second_close_with_little_time_finds_the_role_closed_or_says_so(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot")
    slow = producer.add_channel("slow")
    inside, release = threading.Event(), threading.Event()

    @slow.message.connect
    def on_message(channel: object, session: object, data: str | bytes) -> None:
        inside.set()
        release.wait(SECONDS)

    with producer, connect(server.uri, name="robot", retry=None) as session, ThreadPoolExecutor() as pool:
        session.channel("slow").send("x")
        assert inside.wait(SECONDS)
        first = pool.submit(producer.close, SECONDS)
        with contextlib.suppress(WaitTimeout):
            producer.close(timeout=0.2)
            assert producer.state == "closed"
        release.set()
        first.result(SECONDS)
    assert server.peer_ids == []


def test_ctrl_c_in_close_leaves_nothing_locked(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot").start()
    channel = producer.add_channel("data")
    with connect(server.uri, name="robot", retry=None) as session:
        wait_until(lambda: channel.channels, "connected")
        timer = threading.Timer(0.01, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        with contextlib.suppress(KeyboardInterrupt):
            producer.close()
            timer.join()
        timer.join()
        producer.close()
        assert producer.state == "closed"
        assert session.id


@pytest.mark.parametrize("waits_for", ["setPeerStatus", "welcome"])
def test_close_of_a_role_that_is_being_started_says_goodbye_to_its_server(waits_for: str) -> None:
    is_waiting = threading.Event()
    farewell: SimpleQueue[str] = SimpleQueue()

    def accept(server: Conversation) -> None:
        if waits_for == "setPeerStatus":
            server.welcome()
        server.expect("setPeerStatus" if waits_for == "setPeerStatus" else "setProtocolVersion")
        is_waiting.set()
        try:
            server.hold()
        except ConnectionError as error:
            farewell.put(str(error))
            raise

    with signalling_server(accept) as uri, ThreadPoolExecutor() as pool:
        producer = Producer(uri, name="robot")
        start = pool.submit(producer.start)
        assert is_waiting.wait(SECONDS)
        producer.close()

        # Without a goodbye the server would keep the peer, and list it, until its lease is over.
        assert farewell.get(timeout=SECONDS) == "the client has left"
        with pytest.raises(ConnectionLost):
            start.result(SECONDS)


def test_close_ends_a_role_that_is_suspended_and_it_does_not_come_back(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot", retry=QUICK).start()
    server.go()
    wait_until(lambda: producer.state == "suspended", "it is suspended")
    producer.close()
    server.come()
    assert producer.state == "closed"
    assert server.peer_ids == []


@pytest.mark.parametrize("role_class", ROLES)
def test_a_role_that_was_never_started_can_be_closed(role_class: RoleClass) -> None:
    role = role_class("ws://127.0.0.1:1")
    role.close()
    assert role.state == "closed"
