"""Starting and closing roles: often, while messages flow, from callbacks, on several threads, after fork.

A fixture in conftest.py asserts after every test that no thread, socket or event loop is left.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from gst_signalling_sync import (
    ChannelClosed,
    ConnectionLost,
    Consumer,
    DataChannel,
    Listener,
    Producer,
    Session,
    SessionClosed,
    SignallingError,
    SignallingServer,
    connect,
)
from gst_signalling_sync.protocol.messages import Role

from ..helpers.own_process import resident_bytes
from ..helpers.processes import interruptible_environment, wait_until_blocked
from ..helpers.proofs import short_and_long
from ..helpers.waiting import Heard, wait_until
from .role_classes import ROLES, RoleClass

ROUNDS = 200
WARM_UP_ROUNDS = 50
FLAT_BYTES = 2**20
COLLECTED_EVERY = 10

sessions_again_and_again = short_and_long("rounds", 40, ROUNDS)


@pytest.fixture
def uri(embedded_server: SignallingServer) -> str:
    return embedded_server.uri


@pytest.fixture
def chatter(uri: str) -> Iterator[str]:
    """A producer that floods every session, and echoes."""
    stop = threading.Event()
    with Producer(uri, name="chatter") as producer:
        channel = producer.add_channel("data")

        @channel.message.connect
        def echo(_: object, session: Session, data: str | bytes) -> None:
            # The consumer may have left by now.
            with contextlib.suppress(SessionClosed, ChannelClosed):
                session.channel("data").send(data)

        def flood() -> None:
            while not stop.wait(0.001):
                channel.send("tick" * 16)

        sender = threading.Thread(target=flood)
        sender.start()
        yield uri
        stop.set()
        sender.join()


def _repeat(step: Callable[[], None], rounds: int) -> None:
    """Repeat a step, and collect garbage often, so that the memory is what is held and not what was not collected yet."""
    for number in range(rounds):
        step()
        if number % COLLECTED_EVERY == COLLECTED_EVERY - 1:
            gc.collect()


def _repeat_with_flat_memory(step: Callable[[], None], rounds: int = ROUNDS) -> None:
    _repeat(step, WARM_UP_ROUNDS)
    before = resident_bytes()
    _repeat(step, rounds)
    assert resident_bytes() - before < FLAT_BYTES, "memory grows"


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_start_and_close_again_and_again(uri: str, role: RoleClass) -> None:
    def start_and_close() -> None:
        role(uri).start().close()

    _repeat_with_flat_memory(start_and_close)


@pytest.mark.parametrize("role", ROLES)
def test_one_object_starts_and_closes_again_and_again(uri: str, role: RoleClass) -> None:
    role_object = role(uri)
    ids = set()
    for _ in range(ROUNDS):
        with role_object:
            ids.add(role_object.peer_id)
        assert role_object.peer_id is None
    assert len(ids) == ROUNDS


@pytest.mark.slow
@sessions_again_and_again
def test_sessions_while_messages_flow_again_and_again(chatter: str, rounds: int) -> None:
    def session() -> None:
        with connect(chatter) as session:
            channel = session.channel("data")
            channel.send("hello")
            assert channel.recv()

    _repeat_with_flat_memory(session, rounds)


@sessions_again_and_again
def test_producers_that_come_and_go_while_messages_flow(uri: str, rounds: int) -> None:
    with Consumer(uri) as consumer:
        for _ in range(rounds):
            with Producer(uri) as producer:
                channel = producer.add_channel("data")
                session = consumer.start_session(producer.peer_id)
                wait_until(lambda channel=channel: channel.channels, "connected")  # type: ignore[misc]
                for _ in range(20):
                    channel.send("tick")
                assert session.channel("data").recv() == "tick"
        wait_until(lambda: not consumer.sessions, "the last session is closed at this end too")


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_close_from_several_threads_at_once(uri: str, role: RoleClass) -> None:
    for _ in range(ROUNDS):
        role_object = role(uri).start()
        barrier = threading.Barrier(4)

        def close(
            role_object: Producer | Consumer | Listener = role_object, barrier: threading.Barrier = barrier
        ) -> None:
            barrier.wait(10)
            role_object.close()
            assert role_object.peer_id is None

        _run_all([close] * 4)


@sessions_again_and_again
def test_sessions_close_from_several_threads_at_once_while_messages_flow(chatter: str, rounds: int) -> None:
    for _ in range(rounds):
        with Consumer(chatter) as consumer:
            session = consumer.start_session()
            _run_all([session.close, session.close, consumer.close, session.close])
            assert session.state == "closed"


def test_start_and_close_from_several_threads_at_once(uri: str) -> None:
    producer = Producer(uri)

    def start() -> None:
        # close() on the other thread ends it.
        with contextlib.suppress(ConnectionLost):
            producer.start()

    for _ in range(ROUNDS):
        _run_all([start, producer.close, start, producer.close])
    producer.close()
    assert producer.peer_id is None


@sessions_again_and_again
def test_close_from_callbacks(chatter: str, rounds: int) -> None:
    for _ in range(rounds):
        consumer = Consumer(chatter).start()
        session = consumer.start_session()
        closed = Heard(session.closed)
        session.channel("data").message.connect(lambda channel, data, consumer=consumer: consumer.close())
        closed.next()
        wait_until(lambda consumer=consumer: consumer.peer_id is None, "closed")  # type: ignore[misc]


@sessions_again_and_again
def test_session_closed_from_its_own_callback(chatter: str, rounds: int) -> None:
    with Consumer(chatter) as consumer:
        for _ in range(rounds):
            session = consumer.start_session()
            closed = Heard(session.closed)
            session.channel("data").message.connect(lambda channel, data: channel.session.close())
            closed.next()


def test_producer_closed_while_it_starts_from_its_own_callback(uri: str) -> None:
    with Listener(uri) as listener:
        listener.producer_added.connect(lambda _, peer: listener.close())
        with Producer(uri):
            wait_until(lambda: listener.peer_id is None, "the listener closed itself")


def test_close_does_not_wait_for_a_callback_that_blocks(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    entered = threading.Event()

    def block(listener: Listener, **_: object) -> None:
        entered.set()
        release.wait(60)

    listener = Listener(uri).start()
    listener.peer_status_changed.connect(block)
    with Producer(uri):
        assert entered.wait(10)
        started = time.monotonic()
        listener.close(timeout=0.5)
        assert time.monotonic() - started < 5
    release.set()
    assert "a callback still runs" in caplog.text


def test_blocked_calls_end_when_the_object_is_closed(embedded_server: SignallingServer) -> None:
    consumer = Consumer(embedded_server.uri, passive=True).start()
    failures: list[BaseException] = []

    def wait(call: Callable[[], object]) -> None:
        try:
            call()
        except SignallingError as error:
            failures.append(error)

    calls: list[Callable[[], object]] = [
        partial(consumer.start_session, name="nobody", timeout=60),
        partial(consumer.wait_for_session, timeout=60),
    ]
    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    # The consumer now listens for the producer. The second thread may also find it closed before its wait, with the same error.
    wait_until(lambda: Role.LISTENER in embedded_server.peers[consumer.peer_id or ""].roles, "the first waits")
    consumer.close()
    for thread in threads:
        thread.join(10)
    assert [type(failure) for failure in failures] == [ConnectionLost] * 2


def test_closed_objects_say_so(uri: str) -> None:
    with Producer(uri) as producer:
        producer.add_channel("data")
        with Consumer(uri) as consumer:
            session = consumer.start_session()
            channel = session.channel("data")
    with pytest.raises(ConnectionLost, match="not started"):
        consumer.start_session()
    with pytest.raises(SessionClosed):
        session.create_channel("late")
    with pytest.raises(ChannelClosed):
        channel.send("late")
    with pytest.raises(ChannelClosed):
        channel.recv()
    session.close()
    channel.close()


def test_child_of_fork_gets_clear_errors_and_starts_clean(uri: str) -> None:
    with Producer(uri, name="robot") as producer:
        producer.add_channel("data").message.connect(lambda _, session, data: session.channel("data").send(data))
        with connect(uri) as session:
            channel = session.channel("data")
            child = os.fork()
            if child == 0:
                os._exit(_use_inherited_objects(producer, session, channel, uri))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            channel.send("the parent goes on")
            assert channel.recv() == "the parent goes on"


def _use_inherited_objects(producer: Producer, session: Session, channel: DataChannel, uri: str) -> int:
    try:
        calls: list[Callable[[], object]] = [
            producer.start,
            producer.close,
            session.channel,
            session.close,
            lambda: channel.send("hello"),
            channel.recv,
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="inherited by fork"):
                call()
        assert (session.state, session.channels, producer.sessions) == ("closed", [], [])
        with connect(uri, name="robot") as own:
            own.channel("data").send("from the child")
            return 0 if own.channel("data").recv() == "from the child" else 2
    except BaseException as error:  # noqa: BLE001 - the child must not go on with pytest
        print(repr(error), file=sys.stderr, flush=True)
        return 1


BLOCKING_CALLS = {
    "serve_forever": "Producer(uri).start().serve_forever()",
    "wait_for_producer": "Listener(uri).start().wait_for_producer('nobody', timeout=60)",
    "wait_for_session": "Consumer(uri, passive=True).start().wait_for_session(timeout=60)",
    "start_session": "Consumer(uri).start().start_session(name='nobody', timeout=60)",
    "recv": "connect(uri).channel('data').recv(timeout=60)",
    "iteration": "list(connect(uri).channel('data'))",
    "channel": "connect(uri).channel('missing', timeout=60)",
    "send": "channel = connect(uri).channel('data')\nwhile True: channel.send(bytes(65536), timeout=60)",
}


@pytest.mark.slow
@pytest.mark.parametrize("call", BLOCKING_CALLS.values(), ids=BLOCKING_CALLS)
def test_ctrl_c_interrupts_every_blocking_call(uri: str, call: str) -> None:
    script = (
        "import sys, threading, time\n"
        "from gst_signalling_sync import *\n"
        "uri = sys.argv[1]\n"
        "threading.Timer(0.5, lambda: print('blocked', flush=True)).start()\n"
    )
    with (
        Producer(uri, name="robot") as producer,
        subprocess.Popen(
            [sys.executable, "-c", script + call, uri],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=interruptible_environment(),
        ) as process,
    ):
        producer.add_channel("data")
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "blocked\n"
        if "while True" not in call:
            wait_until_blocked(process)
        os.kill(process.pid, signal.SIGINT)
        interrupted = time.monotonic()
        assert process.wait(10) != 0
        assert time.monotonic() - interrupted < 8
        # Lines about what could not be delivered at exit follow it.
        assert "\nKeyboardInterrupt" in process.stderr.read()


def _run_all(calls: list[Callable[[], object]]) -> None:
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - whatever a thread raised fails the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a call hangs"
    assert failures == []
