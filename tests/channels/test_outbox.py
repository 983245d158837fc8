"""`Outbox`: what was put is taken in order or counted as expired, and the bytes add up. No threads and no clock."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gst_signalling_sync.webrtc.engine.data import SentMessage
from gst_signalling_sync.webrtc.outbox import MAX_BYTES, MAX_MESSAGES, Outbox


def put(outbox: Outbox, *messages: bytes, now: float = 0.0) -> None:
    for message in messages:
        outbox.put(message, len(message), now)


def test_messages_are_taken_in_order_until_there_is_no_room() -> None:
    outbox = Outbox()
    put(outbox, b"one", b"two", b"three")

    assert outbox.take(room=4) == ([b"one", b"two"], [0.0, 0.0])
    assert outbox.take(room=100) == ([b"three"], [0.0])
    assert outbox.take(room=100) == ([], [])


def test_message_larger_than_the_room_is_taken_alone() -> None:
    outbox = Outbox()
    put(outbox, bytes(1000), b"next")

    assert outbox.take(room=1)[0] == [bytes(1000)]


def test_empty_messages_take_room_too() -> None:
    outbox = Outbox()
    put(outbox, b"", b"", b"")

    assert outbox.take(room=2)[0] == [b"", b""]


@pytest.mark.parametrize(
    ("bytes_in_outbox", "buffered", "is_full", "is_half_empty"),
    [
        (0, 0, False, True),
        (MAX_BYTES // 2, 0, False, True),
        (MAX_BYTES // 2 + 1, 0, False, False),
        (MAX_BYTES, 0, False, False),
        (MAX_BYTES + 1, 0, True, False),
        (0, MAX_BYTES + 1, True, False),
        (MAX_BYTES // 2, MAX_BYTES // 2 + 1, True, False),
    ],
)
def test_bytes_in_the_outbox_and_with_sctp_count(
    bytes_in_outbox: int, buffered: int, is_full: bool, is_half_empty: bool
) -> None:
    outbox = Outbox()
    put(outbox, bytes(bytes_in_outbox))

    assert outbox.is_full(buffered) == is_full
    assert outbox.is_half_empty(buffered) == is_half_empty


def test_number_of_messages_counts() -> None:
    outbox = Outbox()
    put(outbox, *[b""] * MAX_MESSAGES)
    assert not outbox.is_full(0)

    put(outbox, b"")

    assert outbox.is_full(0)


def test_message_that_has_waited_for_longer_than_its_lifetime_is_dropped() -> None:
    outbox = Outbox(life_time=1.0)
    put(outbox, b"old", now=10.0)
    put(outbox, b"young", now=10.5)

    outbox.drop_expired(now=11.2)

    assert (outbox.expired, outbox.size) == (1, 5)
    assert outbox.take(100) == ([b"young"], [10.5])


def test_message_without_a_lifetime_waits_forever() -> None:
    outbox = Outbox()
    put(outbox, b"patient")

    outbox.drop_expired(now=1e9)

    assert (outbox.expired, len(outbox)) == (0, 1)


def test_lifetime_may_be_that_of_another_wire() -> None:
    outbox = Outbox()
    put(outbox, b"message", now=0.0)

    outbox.keep_dates(life_time=1.0, keeps_dates=False)
    outbox.drop_expired(now=2.0)

    assert outbox.keeps_dates
    assert outbox.expired == 1


def test_messages_that_are_put_again_are_counted_once() -> None:
    outbox = Outbox()
    put(outbox, b"one", "zwölf".encode())
    waiting = outbox.clear()

    outbox.put_again([SentMessage("früher", None), *waiting])

    assert outbox.take(100)[0] == ["früher", b"one", "zwölf".encode()]
    assert (outbox.messages_put, outbox.bytes_put) == (2, 9)


class Queue(RuleBasedStateMachine):
    """An outbox beside a list of what it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(life_time=5.0)
        self.expected: list[tuple[bytes, float]] = []
        self.now = 100.0
        self.expired = 0

    @rule(message=st.binary(max_size=10))
    def put(self, message: bytes) -> None:
        self.outbox.put(message, len(message), self.now)
        self.expected.append((message, self.now))

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.outbox.drop_expired(self.now)
        alive = [each for each in self.expected if each[1] >= self.now - 5.0]
        self.expired += len(self.expected) - len(alive)
        self.expected = alive

    @precondition(lambda self: self.expected)
    @rule(room=st.integers(1, 30))
    def take(self, room: int) -> None:
        messages, dates = self.outbox.take(room)
        assert messages
        assert list(zip(messages, dates, strict=True)) == self.expected[: len(messages)]
        self.expected = self.expected[len(messages) :]
        assert not self.expected or sum(len(each) or 1 for each in messages) >= room

    @rule()
    def drop_all(self) -> None:
        self.outbox.drop_all()
        self.expired += len(self.expected)
        self.expected = []

    @invariant()
    def bytes_add_up(self) -> None:
        assert self.outbox.size == sum(len(message) for message, _ in self.expected)
        assert len(self.outbox) == len(self.expected)
        assert self.outbox.expired == self.expired


TestQueue = Queue.TestCase
