"""A producer's channel in many sessions."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from gst_signalling_sync import (
    BroadcastChannel,
    ChannelClosed,
    Consumer,
    MessageTooLarge,
    Producer,
    Session,
    SessionClosed,
    SignallingServer,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.signalling import SignallingClient
from gst_signalling_sync.webrtc.channel import behind_channel

from ..helpers.waiting import Heard, wait_until


@pytest.fixture
def channel(producer: Producer) -> BroadcastChannel:
    return producer.add_channel("data")


@pytest.fixture
def sessions(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> Iterator[list[Session]]:
    """The sessions of three consumers."""
    with Consumer(embedded_server.uri) as consumer:
        sessions = [consumer.start_session() for _ in range(3)]
        wait_until(lambda: len(channel.channels) == 3, "the producer has all three")
        yield sessions


@contextmanager
def small_consumer(server: SignallingServer, producer: Producer) -> Iterator[Session]:
    """A session of a consumer whose answer allows messages of up to 10 bytes."""
    send_sdp = SignallingClient.send_sdp

    def send_small(client: SignallingClient, session_id: str, kind: SdpType | str, sdp: str) -> None:
        if kind == SdpType.ANSWER:
            sdp = re.sub(r"a=max-message-size:\d+", "a=max-message-size:10", sdp)
        send_sdp(client, session_id, kind, sdp)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SignallingClient, "send_sdp", send_small)
        with Consumer(server.uri) as consumer:
            yield consumer.start_session(producer.peer_id)


def test_every_session_gets_the_message(channel: BroadcastChannel, sessions: list[Session]) -> None:
    channel.send("hello")
    assert [session.channel("data").recv() for session in sessions] == ["hello"] * 3


def test_without_a_session_a_message_goes_nowhere(embedded_server: SignallingServer, channel: BroadcastChannel) -> None:
    channel.send("to nobody")
    assert channel.channels == []
    with connect(embedded_server.uri, name="robot") as session:
        wait_until(lambda: channel.channels, "the producer knows that it is connected")
        channel.send("hello")
        assert session.channel("data").recv() == "hello"


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
    channel.send("to all")
    assert [session.channel("data").recv() for session in sessions] == ["to all"] * 3


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


def test_too_large_for_all_is_sent_to_none(channel: BroadcastChannel, sessions: list[Session]) -> None:
    with pytest.raises(MessageTooLarge, match="3 of 3 sessions"):
        channel.send(bytes(300_000))
    channel.send("next")
    assert sessions[0].channel("data").recv() == "next"


def test_one_small_peer_is_named_and_the_others_get_the_message(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel, sessions: list[Session]
) -> None:
    with small_consumer(embedded_server, producer) as small:
        wait_until(lambda: len(channel.channels) == 4, "the producer has it")
        with pytest.raises(MessageTooLarge, match=f"too large for 1 of 4 sessions.* up to 10 bytes.*{small.id}"):
            channel.send("eleven bytes")
        channel.send("ten bytes.")
        assert small.channel("data").recv() == "ten bytes."
    assert [session.channel("data").recv() for session in sessions] == ["eleven bytes"] * 3


def test_session_without_room_is_named_and_the_others_get_it(
    channel: BroadcastChannel, sessions: list[Session]
) -> None:
    full = channel.channels[0]
    behind_channel(full).sending.outbox.size += 2**21
    with pytest.raises(WaitTimeout, match=f"1 of 3 sessions .*{full.session.id}"):
        channel.send("hello", timeout=0)
    behind_channel(full).sending.outbox.size -= 2**21
    others = [session for session in sessions if session.id != full.session.id]
    assert [session.channel("data").recv() for session in others] == ["hello", "hello"]


def test_of_several_threads_that_add_one_label_only_one_succeeds(producer: Producer) -> None:
    together = threading.Barrier(8)

    def add(_: int) -> bool:
        together.wait(10)
        try:
            producer.add_channel("taken")
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1


def test_same_label_twice_is_refused(producer: Producer, channel: BroadcastChannel) -> None:
    with pytest.raises(ValueError, match="label must be that of no other channel of this producer, not 'data'"):
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
    channel.send("to all")
    assert [session.channel("data").recv() for session in sessions] == ["to all"] * 3


# Sending to one session


def test_message_for_a_closed_session_raises(
    channel: BroadcastChannel, sessions: list[Session], producer: Producer
) -> None:
    ours = next(session for session in producer.sessions if session.id == sessions[0].id)
    sessions[0].close()
    wait_until(lambda: ours.state == "closed", "the producer knows")
    with pytest.raises(
        SessionClosed, match=f"cannot send on channel 'data' with peer {ours.peer_id}: session .* is closed"
    ):
        channel.send("hello?", session=ours)


def test_message_for_a_session_in_which_the_channel_was_closed_raises(
    channel: BroadcastChannel, sessions: list[Session], producer: Producer
) -> None:
    ours = next(session for session in producer.sessions if session.id == sessions[0].id)
    ours.channel("data").close()
    with pytest.raises(ChannelClosed, match="cannot send on channel 'data'"):
        channel.send("hello?", session=ours)


def test_message_for_a_requested_session_waits_until_it_is_open(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> None:
    @producer.session_requested.connect
    def greet(producer: Producer, session: Session) -> None:
        channel.send("welcome", session=session)

    with connect(embedded_server.uri, name="robot") as session:
        wait_until(lambda: producer.sessions, "the producer knows that it is connected")
        channel.send("to all")
        assert [session.channel("data").recv() for _ in range(2)] == ["welcome", "to all"]
        assert len(session.channels) == 1


def test_message_for_a_session_that_its_receiver_rejects_raises_from_then_on(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> None:
    requested = Heard(producer.session_requested)
    producer.session_requested.connect(lambda producer, session: session.reject("charging"))
    with pytest.raises(SessionClosed, match="charging"):
        connect(embedded_server.uri, name="robot")
    session = requested.next()["session"]
    wait_until(lambda: session.state == "closed", "it is rejected")
    with pytest.raises(SessionClosed, match="charging"):
        channel.send("hello?", session=session)


def test_message_for_somebody_elses_session_is_refused(channel: BroadcastChannel, sessions: list[Session]) -> None:
    with pytest.raises(ValueError, match="session must be one of this producer's, not session"):
        channel.send("hello?", session=sessions[0])


def test_message_queued_before_the_peers_limit_is_known_closes_the_channel(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> None:
    requested = Heard(producer.session_requested)
    producer.session_requested.connect(lambda producer, session: channel.send(bytes(100), session=session))
    with small_consumer(embedded_server, producer):
        ours = requested.next()["session"]
        wait_until(lambda: not ours.channels, "the channel is closed")
        with pytest.raises(ChannelClosed, match="100 bytes is too large"):
            channel.send("hello", session=ours)


# Channels with the same label


def test_channel_that_a_consumer_opened_with_the_label_is_not_taken_for_it(
    embedded_server: SignallingServer, producer: Producer
) -> None:
    with connect(embedded_server.uri, name="robot") as session:
        theirs = session.create_channel("state", ordered=False, max_retransmits=0)
        theirs.wait_open()
        wait_until(lambda: producer.sessions and producer.sessions[0].channels, "the producer has it")
        state = producer.add_channel("state")
        state.send("reliably")
        wait_until(lambda: len(session.channels) == 2, "the producer's own is open")
        ours = next(channel for channel in session.channels if channel is not theirs)
        assert (ours.ordered, ours.max_retransmits, ours.recv()) == (True, None, "reliably")
        with pytest.raises(WaitTimeout):
            theirs.recv(timeout=0.1)
        assert [each.max_retransmits for each in state.channels] == [None]


def test_messages_on_any_channel_of_the_label_are_heard(embedded_server: SignallingServer, producer: Producer) -> None:
    with connect(embedded_server.uri, name="robot") as session:
        theirs = session.create_channel("state")
        theirs.send("before")
        theirs.wait_open()
        wait_until(lambda: producer.sessions and producer.sessions[0].channels, "the producer has it")
        heard = Heard(producer.add_channel("state").message)
        theirs.send("after")
        assert [heard.next()["data"], heard.next()["data"]] == ["before", "after"]


def test_channel_added_now_is_sent_on_at_once(sessions: list[Session], producer: Producer) -> None:
    producer.add_channel("late").send("hello")
    assert [session.channel("late").recv() for session in sessions] == ["hello"] * 3


@pytest.mark.parametrize("who", ["consumer", "producer"])
def test_channel_that_was_closed_on_purpose_stays_closed(
    producer: Producer, channel: BroadcastChannel, sessions: list[Session], who: str
) -> None:
    ours = next(session for session in producer.sessions if session.id == sessions[0].id)
    (sessions[0] if who == "consumer" else ours).channel("data").close()
    wait_until(lambda: len(channel.channels) == 2, "the producer knows")
    producer.add_channel("another")
    sessions[0].channel("another")
    assert [each.label for each in sessions[0].channels] == ["another"]
    # The closed channel does not prevent that the others get messages.
    channel.send("to the others")
    assert sessions[1].channel("data").recv() == "to the others"


# Receivers


def test_messages_wait_for_recv_when_the_last_receiver_is_disconnected(
    producer: Producer, channel: BroadcastChannel, sessions: list[Session]
) -> None:
    heard = Heard(channel.message)
    sessions[0].channel("data").send("one")
    assert heard.next()["data"] == "one"
    channel.message.disconnect(heard.on_signal)
    sessions[0].channel("data").send("two")
    ours = next(session for session in producer.sessions if session.id == sessions[0].id)
    assert ours.channel("data").recv() == "two"


def test_busy_receiver_does_not_delay_that_of_another_thread(
    embedded_server: SignallingServer, producer: Producer, channel: BroadcastChannel
) -> None:
    stop = producer.add_channel("stop")
    is_moving, may_end = threading.Event(), threading.Event()

    @channel.message.connect
    def move(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        is_moving.set()
        assert may_end.wait(10)

    @stop.message.connect(thread="stop")
    def halt(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        channel.send("stopped", session=session)

    try:
        with connect(embedded_server.uri, name="robot") as first:
            first.channel("data").send("home")
            assert is_moving.wait(10)
            first.channel("stop").send("now")
            assert first.channel("stop").recv() == "stopped"
            # The second consumer finds the arm moving.
            with connect(embedded_server.uri, name="robot") as second:
                second.channel("stop").send("now")
                assert second.channel("stop").recv() == "stopped"
            may_end.set()
    finally:
        may_end.set()
