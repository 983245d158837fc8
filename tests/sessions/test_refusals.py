"""Requests for a session that are rejected, given up or interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import (
    Consumer,
    Producer,
    SessionClosed,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
)
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.processes import interruptible_environment, wait_until_blocked
from ..helpers.waiting import Heard, wait_until


def test_rejected_session_raises_at_once(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri) as producer, Consumer(embedded_server.uri) as consumer:
        producer.session_requested.connect(lambda _, session: session.reject("the robot is charging"))
        started = time.monotonic()
        with pytest.raises(SessionClosed, match="the robot is charging"):
            consumer.start_session(timeout=10)
        assert time.monotonic() - started < 5


def test_rejected_session_raises_on_a_server_that_tells_no_reason(producer: Producer, consumer: Consumer) -> None:
    producer.session_requested.connect(lambda _, session: session.reject("the robot is charging"))
    with pytest.raises(SessionClosed):
        consumer.start_session()
    assert producer.sessions == []


def test_rejected_with_a_reason_that_no_peer_could_read(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        producer.session_requested.connect(lambda _, session: session.reject("cannot open caf\udce9.mp4"))
        with pytest.raises(SessionClosed, match=r"cannot open caf\?\.mp4"):
            consumer.start_session(name="robot", timeout=5)
        assert producer.sessions == []


def test_consumer_gives_up_while_the_producer_still_thinks(producer: Producer, consumer: Consumer) -> None:
    release = threading.Event()
    ended = Heard(producer.session_ended)
    producer.session_requested.connect(lambda _, session: release.wait(10))
    try:
        with pytest.raises(WaitTimeout, match=r"not connected within 3 s"):
            consumer.start_session(producer.peer_id, timeout=3)
    finally:
        release.set()
    assert isinstance(ended.next()["error"], SessionClosed)
    assert producer.sessions == []


def test_session_that_comes_while_the_producer_is_being_closed_is_refused(embedded_server: SignallingServer) -> None:
    robot = Producer(embedded_server.uri, name="robot").start()
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile()) as network,
        Consumer(network.uri) as consumer,
        SignallingClient(embedded_server.uri) as late,
    ):
        consumer.start_session(name="robot").create_channel("data")
        ended = Heard(late.session_ended)
        robot_id = robot.peer_id or ""
        channel = robot.wait_for_session().channel("data")
        with ThreadPoolExecutor() as pool:
            # close() waits for what is not acknowledged.
            network.relay.profile = LinkProfile(loss=1.0)
            channel.send("is anybody there?")
            closing = pool.submit(robot.close, 20)
            wait_until(lambda: robot.state == "closing", "it is being closed")

            def is_refused() -> bool:
                late.start_session(robot_id)
                # A session that it has just accepted ends without an error.
                return "being closed" in (ended.next()["error"] or "")

            wait_until(is_refused, "another session is refused")
            assert not closing.done()
            network.relay.profile = LinkProfile()
            closing.result(20)
    assert robot.sessions == []


def test_interrupted_start_session_ends_the_session(embedded_server: SignallingServer) -> None:
    script = (
        "import sys\n"
        "from gst_signalling_sync import Consumer\n"
        "with Consumer(sys.argv[1]) as consumer:\n"
        "    print('waiting', flush=True)\n"
        "    consumer.start_session(timeout=60)\n"
    )
    hold = threading.Event()
    with Producer(embedded_server.uri) as producer:
        ended = Heard(producer.session_ended)
        requested = Heard(producer.session_requested)
        producer.session_requested.connect(lambda _, session: hold.wait(20))
        with subprocess.Popen(
            [sys.executable, "-c", script, embedded_server.uri],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=interruptible_environment(),
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            requested.next(60)
            wait_until_blocked(process)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(10) != 0
            assert process.stderr.read().strip().endswith("KeyboardInterrupt")
        hold.set()
        ended.next()
        assert not embedded_server.sessions
