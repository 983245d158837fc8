"""Data channels between a producer's session and a consumer's, both of this library."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import (
    ChannelClosed,
    Consumer,
    DataChannel,
    MessageTooLarge,
    Producer,
    Session,
    SessionClosed,
    SessionLimits,
    SignallingServer,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.outbox import MAX_BYTES
from gst_signalling_sync.webrtc.session import behind_session

from ..helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 20.0
AIORTC_MAX_MESSAGE_SIZE = 262144

Ends = tuple[Session, Session]
Channels = tuple[DataChannel, DataChannel]


@pytest.fixture
def ends(embedded_server: SignallingServer, producer: Producer) -> Iterator[Ends]:
    """Both ends of one session: the producer's and the consumer's."""
    with Consumer(embedded_server.uri) as consumer:
        theirs = consumer.start_session()
        wait_until(lambda: producer.sessions, "the producer is connected")
        yield producer.sessions[0], theirs


@pytest.fixture
def channels(ends: Ends) -> Channels:
    ours, theirs = ends
    sender = ours.create_channel("data")
    return sender, theirs.channel("data")


def test_channel_is_not_mute_after_ctrl_c_between_queueing_and_sending(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, receiver = channels
    sender.send("first")
    assert receiver.recv() == "first"
    call = LoopThread.call

    def interrupted(loop: LoopThread, *what: object) -> bool:
        monkeypatch.setattr(LoopThread, "call", call)
        raise KeyboardInterrupt

    monkeypatch.setattr(LoopThread, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sender.send("second")
    sender.send("third")

    assert [receiver.recv(timeout=SECONDS) for _ in range(2)] == ["second", "third"]


@pytest.mark.parametrize("message", ["text", "", "ünïcödé ☃ 🤖", b"bytes", b"", bytes(range(256))], ids=repr)
def test_messages_keep_their_value_and_type(channels: Channels, message: str | bytes) -> None:
    sender, receiver = channels
    sender.send(message)
    received = receiver.recv()
    assert received == message
    assert type(received) is type(message)


@pytest.mark.parametrize("message", [bytearray(b"data"), memoryview(b"data"), memoryview(b"d.a.t.a.")[::2]])
def test_what_holds_bytes_is_sent_as_bytes(channels: Channels, message: bytearray | memoryview) -> None:
    sender, receiver = channels
    sender.send(message)
    assert receiver.recv() == b"data"


def test_other_types_are_refused(channels: Channels) -> None:
    with pytest.raises(TypeError, match="must be str, bytes"):
        channels[0].send(7)  # type: ignore[arg-type]


def test_both_ends_send(channels: Channels) -> None:
    one, other = channels
    one.send("ping")
    assert other.recv() == "ping"
    other.send("pong")
    assert one.recv() == "pong"


def test_either_end_creates_channels(ends: Ends) -> None:
    ours, theirs = ends
    ours.create_channel("from the producer")
    theirs.create_channel("from the consumer")
    assert theirs.channel("from the producer").state == "open"
    assert ours.channel("from the consumer").state == "open"


@pytest.mark.parametrize("label", ["data", "", "ünïcödé", "管制", "🤖" * 100, "x" * 1024], ids=lambda label: label[:8])
def test_labels_arrive_as_they_are(ends: Ends, label: str) -> None:
    ours, theirs = ends
    ours.create_channel(label, protocol="π")
    channel = theirs.channel(label)
    assert (channel.label, channel.protocol) == (label, "π")


def test_label_too_long_for_the_wire(ends: Ends) -> None:
    with pytest.raises(ValueError, match="65535 bytes"):
        ends[0].create_channel("é" * 40000)


@pytest.mark.parametrize(
    ("ordered", "max_retransmits", "max_packet_life_time"),
    [(True, None, None), (False, None, None), (True, 0, None), (False, 3, None), (True, None, 50), (False, None, 500)],
)
def test_options_reach_the_other_end(
    ends: Ends, ordered: bool, max_retransmits: int | None, max_packet_life_time: int | None
) -> None:
    ours, theirs = ends
    sender = ours.create_channel("data", ordered, max_retransmits, max_packet_life_time)
    receiver = theirs.channel("data")
    assert receiver.ordered == ordered
    assert receiver.max_retransmits == max_retransmits
    assert receiver.max_packet_life_time == max_packet_life_time
    sender.send("hello")
    assert receiver.recv() == "hello"


def test_both_reliability_limits_at_once_are_refused(ends: Ends) -> None:
    with pytest.raises(ValueError, match="must not be given together"):
        ends[0].create_channel("data", max_retransmits=1, max_packet_life_time=1)


@pytest.mark.parametrize("value", [-1, 65536, 1.5])
def test_reliability_limit_out_of_range(ends: Ends, value: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 65535, not"):
        ends[0].create_channel("data", max_retransmits=value)


def test_many_channels_in_one_session(ends: Ends) -> None:
    ours, theirs = ends
    for number in range(20):
        ours.create_channel(f"ours {number}").send(f"{number}")
        theirs.create_channel(f"theirs {number}").send(f"{number}")
    for number in range(20):
        assert theirs.channel(f"ours {number}").recv() == f"{number}"
        assert ours.channel(f"theirs {number}").recv() == f"{number}"


def test_largest_message(channels: Channels) -> None:
    sender, receiver = channels
    message = bytes(AIORTC_MAX_MESSAGE_SIZE)
    sender.send(message)
    assert receiver.recv() == message


def test_larger_than_the_other_end_accepts(channels: Channels) -> None:
    sender, receiver = channels
    with pytest.raises(MessageTooLarge, match=r"262145 bytes .* accepts up to 262144"):
        sender.send(bytes(AIORTC_MAX_MESSAGE_SIZE + 1))
    sender.send("next")
    assert receiver.recv() == "next"


def test_size_is_counted_in_utf_8(channels: Channels) -> None:
    with pytest.raises(MessageTooLarge):
        channels[0].send("é" * (AIORTC_MAX_MESSAGE_SIZE // 2 + 1))


def test_text_that_is_not_unicode(channels: Channels) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        channels[0].send("\ud800")


def test_messages_arrive_in_order(channels: Channels) -> None:
    sender, receiver = channels
    for number in range(5000):
        sender.send(str(number))
    assert [receiver.recv() for _ in range(5000)] == [str(number) for number in range(5000)]


def test_messages_of_several_threads_all_arrive(channels: Channels) -> None:
    sender, receiver = channels

    def send(name: int) -> None:
        for number in range(500):
            sender.send(f"{name} {number}")

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    received = [receiver.recv() for _ in range(2000)]
    for thread in threads:
        thread.join()
    for name in range(4):
        assert [each for each in received if str(each).startswith(f"{name} ")] == [f"{name} {n}" for n in range(500)]


def test_recv_without_a_message(channels: Channels) -> None:
    started = time.monotonic()
    with pytest.raises(WaitTimeout, match=r"'data' with peer .*none within 0\.2 s"):
        channels[0].recv(timeout=0.2)
    assert 0.19 < time.monotonic() - started < 5


def test_messages_wait_in_order_for_recv(channels: Channels) -> None:
    sender, receiver = channels
    for number in range(10):
        sender.send(str(number))
    wait_until(lambda: receiver.session.stats()["data-channel-0"]["messagesReceived"] == 10, "all have arrived")
    assert [receiver.recv(timeout=0) for _ in range(10)] == [str(number) for number in range(10)]


def test_receiver_connected_late_gets_what_waits(channels: Channels) -> None:
    sender, receiver = channels
    sender.send("early")
    wait_until(lambda: receiver.session.stats()["data-channel-0"]["messagesReceived"] == 1, "it has arrived")
    heard = Heard(receiver.message)
    sender.send("late")
    assert [heard.next()["data"], heard.next()["data"]] == ["early", "late"]


def test_disconnected_receiver_leaves_messages_to_recv(channels: Channels) -> None:
    sender, receiver = channels

    def on_message(channel: DataChannel, data: str | bytes) -> None:
        receiver.message.disconnect(on_message)

    receiver.message.connect(on_message)
    sender.send("one")
    sender.send("two")
    assert receiver.recv() == "two"


def test_blocking_calls_work_in_a_callback(channels: Channels) -> None:
    sender, receiver = channels

    @receiver.message.connect
    def on_message(channel: DataChannel, data: str | bytes) -> None:
        answers = channel.session.create_channel("answers")
        answers.send(f"got {data!r}")
        answers.close()

    sender.send("hello")
    assert sender.session.channel("answers").recv() == "got 'hello'"


def test_messages_on_a_channel_that_was_closed_before_anybody_asked_for_it_wait(channels: Channels) -> None:
    sender, receiver = channels
    answers = receiver.session.create_channel("answers")
    answers.send("early")
    answers.close()
    wait_until(lambda: answers.state == "closed", "the channel is closed at both ends")
    wait_until(lambda: all(each.label != "answers" for each in sender.session.channels), "the other end knows")

    channel = sender.session.channel("answers")
    assert channel.recv() == "early"
    with pytest.raises(ChannelClosed):
        channel.recv()
    with pytest.raises(WaitTimeout):
        sender.session.channel("answers", timeout=0.05)


def test_callback_that_raises_stops_nobody_else(channels: Channels, caplog: pytest.LogCaptureFixture) -> None:
    sender, receiver = channels

    @receiver.message.connect
    def broken(channel: DataChannel, data: str | bytes) -> None:
        raise KeyError("broken callback")

    heard = Heard(receiver.message)
    sender.send("one")
    sender.send("two")
    assert [heard.next()["data"], heard.next()["data"]] == ["one", "two"]
    assert "broken callback" in caplog.text


def test_iterating_ends_with_the_channel(channels: Channels) -> None:
    sender, receiver = channels
    for number in range(3):
        sender.send(str(number))
    threading.Thread(target=sender.close).start()
    assert list(receiver) == ["0", "1", "2"]


def test_closed_channel_gives_out_what_had_arrived(channels: Channels) -> None:
    sender, receiver = channels
    sender.send("last")
    sender.close()
    wait_until(lambda: receiver.state == "closed", "the other end is closed")
    assert receiver.recv() == "last"
    with pytest.raises(ChannelClosed, match="no more messages"):
        receiver.recv()


def test_closed_channel_takes_no_message(channels: Channels) -> None:
    sender, _ = channels
    sender.close()
    assert sender.state == "closed"
    with pytest.raises(ChannelClosed, match="cannot send on channel 'data'"):
        sender.send("too late")


def test_close_is_told_at_both_ends_once(ends: Ends, channels: Channels) -> None:
    sender, receiver = channels
    heard = [Heard(sender.closed), Heard(receiver.closed)]
    last = [Heard(end.closed) for end in ends]
    sender.close()
    receiver.close()
    sender.close()
    for each in heard:
        each.next()

    ends[0].close()
    for each in last:
        each.next()
    assert [each.is_empty for each in heard] == [True, True]


def test_closed_channel_leaves_the_session_usable(channels: Channels) -> None:
    sender, receiver = channels
    sender.close()
    wait_until(lambda: not receiver.session.channels, "the other end forgot it")
    again = sender.session.create_channel("data")
    again.send("again")
    assert receiver.session.channel("data").recv() == "again"


def test_every_waiting_thread_sees_the_end(channels: Channels) -> None:
    sender, receiver = channels
    ended = threading.Barrier(5, timeout=10)

    def wait() -> None:
        with pytest.raises(ChannelClosed):
            receiver.recv()
        ended.wait()

    for _ in range(4):
        threading.Thread(target=wait).start()
    sender.close()
    ended.wait()


def test_waiting_for_a_channel_that_never_opens(ends: Ends) -> None:
    ends[0].create_channel("other")
    ends[1].channel("other")
    with pytest.raises(WaitTimeout, match=r"'missing'.*within 0\.2 s; channels: 'other' \(open\)"):
        ends[1].channel("missing", timeout=0.2)


def test_waiting_for_a_channel_ends_with_the_session(ends: Ends) -> None:
    ours, theirs = ends
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(theirs.channel, "missing")
        wait_until_waiting(theirs.channel)
        ours.close()

        with pytest.raises(SessionClosed, match="is closed"):
            waiting.result(SECONDS)


def test_no_channel_on_a_closed_session(ends: Ends) -> None:
    ours, _ = ends
    ours.close()
    with pytest.raises(SessionClosed):
        ours.create_channel("late")


def test_send_blocks_at_the_limit_and_loses_nothing(channels: Channels) -> None:
    sender, receiver = channels
    stalled = threading.Event()
    released = threading.Event()

    def stall() -> None:
        stalled.set()
        released.wait(20)

    # Both ends share the loop. While it is blocked, nothing is taken from the queue.
    behind_session(sender.session).link.call(stall)
    assert stalled.wait(10)
    message = bytes(65536)
    sent = 0
    try:
        while sender.buffered_amount <= MAX_BYTES:
            sender.send(message, timeout=0.2)
            sent += 1
        with pytest.raises(WaitTimeout, match="was not sent"):
            sender.send(message, timeout=0.2)
    finally:
        released.set()
    assert sent == MAX_BYTES // len(message) + 1
    for _ in range(sent):
        assert receiver.recv() == message
    with pytest.raises(WaitTimeout):
        receiver.recv(timeout=0.2)


def test_blocked_send_goes_on_when_there_is_room(channels: Channels) -> None:
    sender, receiver = channels
    for _ in range(100):
        sender.send(bytes(65536))
    for _ in range(100):
        assert receiver.recv() == bytes(65536)
    assert sender.buffered_amount == 0


def test_blocked_send_ends_with_the_session(ends: Ends) -> None:
    ours, theirs = ends
    sender = ours.create_channel("data")
    theirs.channel("data")

    def send_forever() -> None:
        while True:
            sender.send(bytes(65536), timeout=SECONDS)

    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send_forever)
        wait_until_waiting(sender.send)
        theirs.close()

        with pytest.raises(ChannelClosed, match="cannot send"):
            sending.result(SECONDS)


def test_blocking_call_on_the_event_loop_raises(channels: Channels) -> None:
    sender, _ = channels

    async def misuse() -> None:
        sender.recv(timeout=1)

    with pytest.raises(RuntimeError, match="wait for itself"):
        behind_session(sender.session).run(misuse(), Deadline(10), "misusing")


def test_message_queued_before_the_channel_is_open(ends: Ends) -> None:
    ours, theirs = ends
    channel = ours.create_channel("data")
    channel.send("at once")
    assert theirs.channel("data").recv() == "at once"
    channel.wait_open()
    assert channel.state == "open"


def test_last_words_can_be_read_after_the_session_has_ended(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    words = producer.add_channel("words")
    with producer, Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot")
        closed = Heard(session.closed)
        wait_until(lambda: words.channels, "the producer is connected")
        words.send("farewell")
        producer.sessions[0].close()
        closed.next()

        assert session.channel("words").recv() == "farewell"
        with pytest.raises(SessionClosed):
            session.channel("words")


def test_messages_without_content_take_room_too(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        sender = producer.add_channel("data")
        limits = SessionLimits(unread_bytes=100_000)
        with connect(embedded_server.uri, name="robot", limits=limits) as session:
            receiver = session.channel("data")
            # The sender may learn of the end before its last message.
            with contextlib.suppress(ChannelClosed):
                for _ in range(1000):
                    sender.send(b"")

            wait_until(lambda: receiver.state == "closed", "it is closed because nobody reads it")
