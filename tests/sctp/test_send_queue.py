"""The queue in which streams take turns (RFC 8831 section 6.4)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp import Message
from gst_signalling_sync.webrtc.sctp.send_queue import TURN_BYTES, SendQueue


def queue_of(*messages: Message) -> SendQueue:
    queue = SendQueue()
    for message in messages:
        queue.put(message)
    return queue


def message(stream: int, size: int = 1) -> Message:
    return Message(stream, 51, bytes(size))


def send_head(queue: SendQueue) -> Message:
    """Send the head in one piece."""
    head = queue.head()
    queue.mark_sent(head, len(head.data), True)
    return head


def send_all(queue: SendQueue) -> list[Message]:
    """Send everything, in the order of the queue."""
    sent = []
    while queue.size:
        sent.append(send_head(queue))
    return sent


def test_messages_of_a_stream_keep_their_order() -> None:
    messages = [message(1, size) for size in (3, 1, 2)]

    assert send_all(queue_of(*messages)) == messages


def test_size_is_that_of_what_is_not_sent() -> None:
    queue = queue_of(message(1, 300), message(2, 50))

    queue.mark_sent(queue.head(), 100, False)

    assert queue.size == 250


def test_stream_with_much_to_send_lets_another_send_after_its_turn() -> None:
    file = [message(1, TURN_BYTES // 2) for _ in range(6)]
    command = message(2)

    sent = send_all(queue_of(*file, command))

    assert sent.index(command) == 2
    assert [each for each in sent if each.stream == 1] == file


def test_message_that_is_under_way_is_not_interrupted() -> None:
    large, command = message(1, 10 * TURN_BYTES), message(2)
    queue = queue_of(large, command)

    for _ in range(9):
        queue.mark_sent(large, TURN_BYTES, False)
        assert queue.head() is large
    queue.mark_sent(large, TURN_BYTES, True)

    assert queue.head() is command


def test_messages_of_which_nothing_was_sent_are_dropped() -> None:
    begun, waiting, other = message(1, 10), message(1), message(2)
    queue = queue_of(begun, waiting, other)
    queue.mark_sent(begun, 4, False)
    begun.offset = 4

    assert queue.drop(lambda each: True) == [waiting, other]

    assert list(queue) == [begun]
    assert queue.size == 6


def test_only_the_messages_of_one_stream_are_dropped() -> None:
    ours, other = message(1), message(2)
    queue = queue_of(ours, other)

    assert queue.drop(lambda each: True, 1) == [ours]

    assert list(queue) == [other]


def test_held_messages_follow_those_before_the_reset() -> None:
    before, after = message(1), message(1)
    queue = queue_of(before)
    queue.hold(1)
    queue.put(after)

    assert queue.waits(1)
    assert send_all(queue) == [before]
    assert not queue.waits(1)

    queue.release(1)
    assert send_all(queue) == [after]


def test_rest_of_the_head_is_dropped() -> None:
    abandoned, following = message(1, 100), message(1, 7)
    queue = queue_of(abandoned, following)
    queue.mark_sent(abandoned, 60, False)
    abandoned.offset = 60

    queue.drop_head(abandoned)

    assert queue.head() is following
    assert queue.size == 7


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 2 * TURN_BYTES)), max_size=40))
def test_every_message_is_sent_once_and_in_the_order_of_its_stream(sizes: list[tuple[int, int]]) -> None:
    messages = [message(stream, size) for stream, size in sizes]

    sent = send_all(queue_of(*messages))

    for stream in range(5):
        assert [each for each in sent if each.stream == stream] == [each for each in messages if each.stream == stream]
    assert len(sent) == len(messages)
