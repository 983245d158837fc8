"""Delivery of what was sent: sessions that are closed at once, lossy networks, many consumers for a long time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, DataChannel, Producer, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..helpers.waiting import Heard, wait_until

pytestmark = pytest.mark.slow

MESSAGES = 10_000
CONSUMERS = 50
MESSAGES_PER_SECOND = 20
SECONDS = 30


@pytest.fixture(params=[0.0, 0.02], ids=["loopback", "2 % loss"])
def network_uri(request: pytest.FixtureRequest, embedded_server: SignallingServer) -> Iterator[str]:
    """A signalling server whose peers' packets are lost at the given rate."""
    if not request.param:
        yield embedded_server.uri
        return
    with SimulatedNetwork(embedded_server.uri, LinkProfile(loss=request.param)) as network:
        yield network.uri
        wait_until(lambda: network.relay.traffic.dropped, "packets were lost at all")


def numbered(number: int) -> str:
    """A message of a length at which ten thousand take a thousand packets, so that some packets are lost."""
    return f"{number:0100}"


def test_everything_sent_before_the_session_is_closed_arrives(network_uri: str) -> None:
    with Producer(network_uri, name="robot") as producer:
        producer.add_channel("data")
        started = Heard(producer.session_started)
        received: list[str | bytes] = []
        done = threading.Event()

        def receive(channel: DataChannel) -> None:
            received.extend(channel)
            done.set()

        with Consumer(network_uri) as consumer:
            session = consumer.start_session()
            theirs = started.next()["session"].channel("data")
            threading.Thread(target=receive, args=(theirs,)).start()
            channel = session.channel("data")
            for number in range(MESSAGES):
                channel.send(numbered(number))
            session.close(timeout=60)
        assert done.wait(10)
    assert received == [numbered(number) for number in range(MESSAGES)]


def test_everything_sent_before_the_channel_is_closed_arrives(network_uri: str) -> None:
    with Producer(network_uri, name="robot") as producer, Consumer(network_uri) as consumer:
        producer.add_channel("other")
        session = consumer.start_session()
        wait_until(lambda: producer.sessions, "the producer is connected")
        sender = session.create_channel("data")
        receiver = producer.sessions[0].channel("data")
        for number in range(MESSAGES):
            sender.send(numbered(number))
        sender.close(timeout=60)
        assert list(receiver) == [numbered(number) for number in range(MESSAGES)]


def test_everything_sent_before_the_producer_is_closed_arrives(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot").start()
    channel = producer.add_channel("data")
    with connect(embedded_server.uri) as session:
        receiver = session.channel("data")
        wait_until(lambda: channel.channels, "the producer is connected")
        for number in range(1000):
            channel.send(str(number))
        producer.close()
        assert list(receiver) == [str(number) for number in range(1000)]


def test_everything_sent_before_the_interpreter_exits_arrives(embedded_server: SignallingServer) -> None:
    script = (
        "import sys\n"
        "from gst_signalling_sync import connect\n"
        "channel = connect(sys.argv[1]).channel('data')\n"
        "for number in range(1000):\n"
        "    channel.send(str(number))\n"
    )
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_channel("data")
        started = Heard(producer.session_started)
        process = subprocess.Popen([sys.executable, "-c", script, embedded_server.uri])
        received = list(started.next(60)["session"].channel("data"))
        assert process.wait(60) == 0
    assert received == [str(number) for number in range(1000)]


def test_bulk_over_a_network_that_loses_packets(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.02)) as network,
        Producer(network.uri, name="robot") as producer,
        connect(network.uri) as session,
    ):
        wait_until(lambda: producer.sessions, "the producer is connected")
        sender = producer.sessions[0].create_channel("data")
        receiver = session.channel("data")
        message = bytes(range(256)) * 64
        for _ in range(100):
            sender.send(message, timeout=30)
        for _ in range(100):
            assert receiver.recv(timeout=30) == message


def test_unreliable_messages_are_given_up_and_the_rest_arrives(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.1)) as network,
        Producer(network.uri, name="robot", timeout=30) as producer,
        connect(network.uri, timeout=30) as session,
    ):
        wait_until(lambda: producer.sessions, "the producer is connected", timeout=30)
        sender = producer.sessions[0].create_channel("data", max_retransmits=0)
        receiver = session.channel("data", timeout=30)
        for number in range(300):
            sender.send(str(number))
            # The message gets a packet of its own, so that it can be lost alone.
            wait_until(lambda: sender.buffered_amount == 0, "it is sent", timeout=30)
        sender.close(timeout=30)
        received = [int(message) for message in receiver]
        assert received == sorted(set(received))
        assert 150 < len(received) <= 300


CONSUMERS_SCRIPT = f"""
import json, sys, threading
from gst_signalling_sync import Consumer

consumers = [Consumer(sys.argv[1], timeout=60).start() for _ in range({CONSUMERS})]
channels = [consumer.start_session(name="robot").channel("data") for consumer in consumers]
print("connected", flush=True)
results = [[int(channel.recv(timeout=60)) for _ in range({MESSAGES_PER_SECOND * SECONDS})] for channel in channels]
print(json.dumps(results), flush=True)
for consumer in consumers:
    consumer.close()
"""


@pytest.mark.timeout(240)
def test_fifty_consumers_get_every_message_in_order(embedded_server: SignallingServer) -> None:
    with (
        Producer(embedded_server.uri, name="robot", max_sessions=CONSUMERS) as producer,
        subprocess.Popen(
            [sys.executable, "-c", CONSUMERS_SCRIPT, embedded_server.uri], stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        channel = producer.add_channel("data")
        threads_without_sessions = threading.active_count()
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        wait_until(lambda: len(channel.channels) == CONSUMERS, "all are connected")
        assert threading.active_count() == threads_without_sessions
        for number in range(MESSAGES_PER_SECOND * SECONDS):
            channel.send(str(number))
            time.sleep(1 / MESSAGES_PER_SECOND)
        results = json.loads(process.stdout.readline())
        assert process.wait(60) == 0
    assert results == [list(range(MESSAGES_PER_SECOND * SECONDS))] * CONSUMERS
