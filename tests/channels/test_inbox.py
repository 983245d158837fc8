"""`Inbox`: messages go to the receivers of every thread, or to `recv`; none is lost, and all are in order."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gst_signalling_sync.signals import Signal
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.webrtc.inbox import Inbox

SECONDS = 10.0


@pytest.fixture
def inbox(callbacks: Callbacks) -> Inbox:
    return Inbox("channel", callbacks)


class Receiver:
    """Keeps what it receives, and can be blocked."""

    def __init__(self) -> None:
        self.told: SimpleQueue[object] = SimpleQueue()
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        self.may_go_on.set()

    def __call__(self, sender: object, data: object, **named: object) -> None:
        self.has_begun.set()
        assert self.may_go_on.wait(SECONDS)
        self.told.put(data)

    def next(self, count: int) -> list[object]:
        return [self.told.get(timeout=SECONDS) for _ in range(count)]


def received(inbox: Inbox, count: int) -> list[object]:
    return [inbox.take(SECONDS) for _ in range(count)]


def assert_empty(inbox: Inbox) -> None:
    with pytest.raises(Empty):
        inbox.take(0)
    assert (inbox.waiting, inbox.waiting_size) == (0, 0)


def test_without_a_receiver_messages_wait_in_order(inbox: Inbox) -> None:
    for message in ("one", b"two", "three"):
        inbox.put(message)

    assert inbox.waiting == 3
    assert received(inbox, 3) == ["one", b"two", "three"]
    assert_empty(inbox)


@pytest.mark.parametrize("thread", [None, "motion"])
def test_what_waits_goes_to_the_first_receiver_before_what_comes(inbox: Inbox, thread: str | None) -> None:
    receiver = Receiver()
    inbox.put("early")
    inbox.message.connect(receiver, thread=thread)
    inbox.put("late")

    assert receiver.next(2) == ["early", "late"]
    assert_empty(inbox)


def test_receivers_of_every_thread_get_every_message(inbox: Inbox) -> None:
    receivers = {thread: Receiver() for thread in (None, "motion", "stop")}
    for thread, receiver in receivers.items():
        inbox.message.connect(receiver, thread=thread)
    for number in range(20):
        inbox.put(str(number))

    for receiver in receivers.values():
        assert receiver.next(20) == [str(number) for number in range(20)]
    assert_empty(inbox)


def test_busy_thread_delays_its_own_receivers_alone(inbox: Inbox) -> None:
    slow, stop = Receiver(), Receiver()
    slow.may_go_on.clear()
    inbox.message.connect(slow)
    inbox.message.connect(stop, thread="stop")
    inbox.put("one")
    assert slow.has_begun.wait(SECONDS)
    inbox.put("two")

    assert stop.next(2) == ["one", "two"]
    # The inbox still has what the slow receiver has not got.
    assert inbox.waiting == 0
    assert inbox.waiting_size > 0
    slow.may_go_on.set()
    assert slow.next(2) == ["one", "two"]
    assert_empty(inbox)


@pytest.mark.parametrize("thread", [None, "motion"])
def test_receiver_that_is_disconnected_leaves_what_it_has_not_got(inbox: Inbox, thread: str | None) -> None:
    receiver = Receiver()
    receiver.may_go_on.clear()
    inbox.message.connect(receiver, thread=thread)
    for message in ("one", "two", "three"):
        inbox.put(message)
    assert receiver.has_begun.wait(SECONDS)
    inbox.message.disconnect(receiver)

    # The messages are there at once, although the receiver is still busy with the first.
    assert received(inbox, 2) == ["two", "three"]
    inbox.put("four")
    assert received(inbox, 1) == ["four"]
    receiver.may_go_on.set()
    assert receiver.next(1) == ["one"]
    assert_empty(inbox)


def test_message_that_one_of_two_threads_has_got_is_not_left_to_recv(inbox: Inbox) -> None:
    slow, quick = Receiver(), Receiver()
    slow.may_go_on.clear()
    inbox.message.connect(slow)
    inbox.message.connect(quick, thread="quick")
    inbox.put("one")
    inbox.put("two")
    assert quick.next(2) == ["one", "two"]
    inbox.message.disconnect(slow)
    inbox.message.disconnect(quick)
    slow.may_go_on.set()
    inbox.put("three")

    assert received(inbox, 1) == ["three"]
    assert_empty(inbox)


def test_receiver_of_another_sender_takes_nothing(inbox: Inbox) -> None:
    inbox.message.connect(Receiver(), sender="another channel")
    inbox.put("hello")

    assert received(inbox, 1) == ["hello"]


def test_receiver_of_this_sender_is_disconnected_by_it(inbox: Inbox) -> None:
    receiver = Receiver()
    inbox.message.connect(receiver, sender="channel")
    inbox.put("one")
    assert receiver.next(1) == ["one"]
    inbox.message.disconnect(receiver, sender="channel")
    inbox.put("two")

    assert received(inbox, 1) == ["two"]


def test_another_signal_tells_too_and_leaves_messages_when_nobody_listens(inbox: Inbox) -> None:
    broadcast = Signal("``(channel, session, data)``", inbox.refresh, inbox.refresh)
    receiver = Receiver()
    inbox.forward_to(broadcast, "broadcast", session="session")
    inbox.put("early")
    broadcast.connect(receiver, thread="motion")
    assert receiver.next(1) == ["early"]
    broadcast.disconnect(receiver)
    inbox.put("late")

    assert received(inbox, 1) == ["late"]
    assert_empty(inbox)


@pytest.mark.parametrize("thread", [None, "motion"])
def test_end_comes_behind_the_last_message(inbox: Inbox, callbacks: Callbacks, thread: str | None) -> None:
    receiver = Receiver()
    receiver.may_go_on.clear()
    inbox.message.connect(receiver, thread=thread)
    for message in ("one", "two"):
        inbox.put(message)
    inbox.end()
    assert receiver.has_begun.wait(SECONDS)
    with pytest.raises(Empty):
        inbox.take(0)
    inbox.message.disconnect(receiver)

    assert received(inbox, 3) == ["two", None, None]
    receiver.may_go_on.set()


def test_receiver_connected_after_the_end_gets_what_waits(inbox: Inbox) -> None:
    receiver = Receiver()
    inbox.put("one")
    inbox.end()
    inbox.message.connect(receiver)

    assert receiver.next(1) == ["one"]
    assert inbox.take(SECONDS) is None


def test_receivers_get_nothing_where_no_callback_is_called_any_more(inbox: Inbox, callbacks: Callbacks) -> None:
    inbox.put("one")
    callbacks.close(SECONDS)
    inbox.message.connect(Receiver())

    assert received(inbox, 1) == ["one"]


def test_weak_receiver_that_is_gone_takes_nothing(inbox: Inbox) -> None:
    receiver = Receiver()
    inbox.message.connect(receiver, weak=True)
    inbox.put("one")
    assert receiver.next(1) == ["one"]
    del receiver
    inbox.put("two")

    assert received(inbox, 1) == ["two"]


class Ways(RuleBasedStateMachine):
    """Any sequence of messages, `recv`, and receivers that come and go: no message is lost, doubled or out of order."""

    threads = st.sampled_from([None, "motion", "stop"])

    def __init__(self) -> None:
        super().__init__()
        self.callbacks = Callbacks("test")
        self.callbacks.open()
        self.inbox = Inbox("channel", self.callbacks)
        self.receivers: dict[str | None, Receiver] = {}
        self.told: dict[str | None, list[int]] = {None: [], "motion": [], "stop": []}
        self.taken: list[int] = []
        self.number = 0

    @rule(count=st.integers(1, 5))
    def put(self, count: int) -> None:
        for _ in range(count):
            self.inbox.put(str(self.number))
            self.number += 1

    @rule(thread=threads)
    def connect(self, thread: str | None) -> None:
        if thread not in self.receivers:
            self.receivers[thread] = Receiver()
            self.inbox.message.connect(self.receivers[thread], thread=thread)

    @rule(thread=threads)
    def disconnect(self, thread: str | None) -> None:
        if thread in self.receivers:
            receiver = self.receivers[thread]
            self.inbox.message.disconnect(receiver)
            self.settle()
            del self.receivers[thread]

    @rule()
    def take(self) -> None:
        with suppress(Empty):
            self.taken.append(int(str(self.inbox.take(0))))

    @rule()
    def settle(self) -> None:
        """Wait until no thread has anything left to do."""
        for thread in (None, "motion", "stop"):
            done = threading.Event()
            self.callbacks.post_to(thread, done.set)
            assert done.wait(SECONDS)
        for thread, receiver in self.receivers.items():
            while not receiver.told.empty():
                self.told[thread].append(int(str(receiver.told.get())))

    @invariant()
    def in_order_and_once(self) -> None:
        for numbers in (self.taken, *self.told.values()):
            assert numbers == sorted(set(numbers))
        assert not set(self.taken) & {number for numbers in self.told.values() for number in numbers}

    def teardown(self) -> None:
        self.settle()
        for receiver in self.receivers.values():
            self.inbox.message.disconnect(receiver)
        with suppress(Empty):
            while True:
                self.taken.append(int(str(self.inbox.take(0))))
        got = set(self.taken).union(*self.told.values())
        assert got == set(range(self.number))
        assert (self.inbox.waiting, self.inbox.waiting_size) == (0, 0)
        assert self.callbacks.close(SECONDS)


TestWays = Ways.TestCase
TestWays.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
