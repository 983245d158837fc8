"""One producer's channel in many sessions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gst_signalling_sync import (
    BroadcastChannel,
    Consumer,
    MessageTooLarge,
    Producer,
    Session,
    SignallingServer,
    WaitTimeout,
)

from .waiting import Heard, wait_until


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with Producer(embedded_server.uri, name="robot") as producer:
        yield producer


@pytest.fixture
def channel(producer: Producer) -> BroadcastChannel:
    return producer.add_channel("data")


@pytest.fixture
def sessions(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> Iterator[list[Session]]:
    """Three consumers' sessions."""
    with Consumer(embedded_server.uri) as consumer:
        sessions = [consumer.start_session() for _ in range(3)]
        wait_until(lambda: len(channel.channels) == 3, "the producer has all three")
        yield sessions


def test_every_session_gets_the_message(channel: BroadcastChannel, sessions: list[Session]) -> None:
    channel.send("hello")
    assert [session.channel("data").recv() for session in sessions] == ["hello"] * 3


def test_without_a_session_a_message_goes_nowhere(channel: BroadcastChannel) -> None:
    channel.send("hello")
    assert channel.channels == []


def test_messages_tell_their_session(producer: Producer, channel: BroadcastChannel, sessions: list[Session]) -> None:
    heard = Heard(channel.message)
    for number, session in enumerate(sessions):
        session.channel("data").send(str(number))
    told = [heard.next() for _ in sessions]
    ids = {each["data"]: each["session"].id for each in told}
    assert ids == {str(number): session.id for number, session in enumerate(sessions)}


def test_answer_to_one_session_alone(channel: BroadcastChannel, sessions: list[Session]) -> None:
    channel.message.connect(lambda _, session, data: session.channel("data").send(data))
    sessions[1].channel("data").send("only me")
    assert sessions[1].channel("data").recv() == "only me"
    with pytest.raises(WaitTimeout):
        sessions[0].channel("data").recv(timeout=0.2)


def test_without_a_receiver_messages_wait_for_the_sessions_recv(
    producer: Producer, channel: BroadcastChannel, sessions: list[Session]
) -> None:
    sessions[0].channel("data").send("hello")
    ours = next(session for session in producer.sessions if session.id == sessions[0].id)
    assert ours.channel("data").recv() == "hello"


def test_session_that_ends_is_left_out(channel: BroadcastChannel, sessions: list[Session]) -> None:
    sessions[0].close()
    channel.send("to the others")
    assert sessions[1].channel("data").recv() == "to the others"
    wait_until(lambda: len(channel.channels) == 2, "the producer forgot it")


def test_too_large_for_one_is_sent_to_none(channel: BroadcastChannel, sessions: list[Session]) -> None:
    with pytest.raises(MessageTooLarge):
        channel.send(bytes(300_000))
    channel.send("next")
    assert sessions[0].channel("data").recv() == "next"


def test_session_without_room_is_named_and_the_others_get_it(
    channel: BroadcastChannel, sessions: list[Session]
) -> None:
    full = channel.channels[0]
    full._outgoing_bytes += 2**21
    with pytest.raises(WaitTimeout, match=f"1 of 3 sessions .*{full.session.id}"):
        channel.send("hello", timeout=0)
    full._outgoing_bytes -= 2**21
    others = [session for session in sessions if session.id != full.session.id]
    assert [session.channel("data").recv() for session in others] == ["hello", "hello"]


def test_same_label_twice_is_refused(producer: Producer, channel: BroadcastChannel) -> None:
    with pytest.raises(ValueError, match="there is a channel 'data' already"):
        producer.add_channel("data")


def test_consumers_that_come_and_go_while_messages_flow(
    embedded_server: SignallingServer, channel: BroadcastChannel
) -> None:
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.002):
            channel.send("tick")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with Consumer(embedded_server.uri) as consumer:
            for _ in range(10):
                with consumer.start_session() as session:
                    assert session.channel("data").recv() == "tick"
    finally:
        stop.set()
        sender.join()


def test_message_for_one_session(channel: BroadcastChannel, sessions: list[Session]) -> None:
    channel.message.connect(lambda channel, session, data: channel.send(data, session=session))
    sessions[2].channel("data").send("only me")
    assert sessions[2].channel("data").recv() == "only me"
    with pytest.raises(WaitTimeout):
        sessions[0].channel("data").recv(timeout=0.1)
