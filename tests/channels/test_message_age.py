"""Messages older than their maximum age are not delivered: what waits at either end, and a peer that freezes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import ChannelClosed, DataChannel, Producer, SignallingServer, WaitTimeout, connect
from gst_signalling_sync.threads import clock
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.inbox import Inbox
from gst_signalling_sync.webrtc.message_age import MessageAges

from ..engine.pairs import connected_pair
from ..helpers.processes import exit_of, start_script
from ..helpers.waiting import Heard, wait_until
from .statistics import count_of

MAX_AGE = 0.3
FROZEN_SECONDS = 6.0


# Age


@given(st.floats(-1e6, 1e6), st.lists(st.floats(0, 10), min_size=1))
def test_age_is_what_a_message_took_longer_than_the_quickest(offset: float, delays: list[float]) -> None:
    ages, now = MessageAges(), 1e6
    for number, delay in enumerate(delays):
        sent = now + number * 1e-3
        age = ages.age(sent + offset, sent + delay)
        assert age == pytest.approx(delay - min(delays[: number + 1]), abs=0.01)


def test_message_that_was_held_up_for_minutes_is_that_old() -> None:
    ages = MessageAges()
    ages.age(sent=1000.0, now=50.0)

    assert ages.age(sent=1001.0, now=351.0) == pytest.approx(300.0, abs=0.1)


def test_clocks_that_drift_apart_make_no_message_old() -> None:
    ages = MessageAges()

    assert max(ages.age(sent=second, now=second * (1 + 100e-6)) for second in range(100_000)) < 0.01


# Options of the channel


@pytest.mark.parametrize("other", [{"max_retransmits": 0}, {"max_packet_life_time": 100}])
def test_age_excludes_the_other_limits(other: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"max_\w+ must not be given together with max_age"):
        Producer().add_channel("state", max_age=MAX_AGE, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("age", [0, -1.0, 65.536, "0.3"])
def test_age_out_of_range_is_refused(age: float) -> None:
    with pytest.raises(ValueError, match=r"more than 0 and at most 65\.535 seconds"):
        Producer().add_channel("state", max_age=age)


# Messages that wait to be received


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    callbacks = Callbacks("test")
    callbacks.open()
    yield Inbox("channel", callbacks)
    callbacks.close(10)


def test_message_that_waited_too_long_for_recv_is_dropped_and_counted(inbox: Inbox) -> None:
    inbox.put_noted("old", until=clock.now() - 1)
    inbox.put_noted("new", until=clock.now() + 60)

    assert inbox.take(1) == "new"
    assert (inbox.expired, inbox.waiting, inbox.waiting_size) == (1, 0, 0)


@pytest.mark.parametrize("thread", [None, "motion"])
def test_message_that_waited_too_long_for_a_receiver_is_dropped_and_counted(inbox: Inbox, thread: str | None) -> None:
    inbox.put_noted("old", until=clock.now() - 1)
    inbox.put_noted("new", until=clock.now() + 60)
    inbox.message.connect(lambda sender, data: told.append(data), thread=thread)
    told: list[object] = []
    wait_until(lambda: told, "it is told")

    assert (told, inbox.expired, inbox.waiting_size) == (["new"], 1, 0)


# On the wire


def test_messages_given_up_for_their_age_are_counted_and_what_follows_arrives() -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("state", max_age=MAX_AGE)) as pair:
            now = clock.now()
            pair.sending.wire.transmit(["old", "new"], [now - 1, now])

            assert await pair.receiving.next() == "new"
            assert pair.sending.wire.expired == 1

    asyncio.run(main())


def test_dated_messages_keep_their_type_and_tell_the_age_to_the_other_end() -> None:
    def read_dates(*ends: PeerConnection) -> None:
        for end in ends:
            # The data section exists from the first channel on.
            end.create_control_channel()
            assert end.data is not None
            end.data.peer_reads_dates = True

    async def main() -> None:
        async with connected_pair(ChannelOptions("state", max_age=MAX_AGE), read_dates) as pair:
            assert pair.receiving.wire.max_age is None
            pair.sending.wire.transmit(["text", b"bytes", "", b""])

            assert [await pair.receiving.next() for _ in range(4)] == ["text", b"bytes", "", b""]
            assert pair.receiving.wire.max_age == MAX_AGE
            assert pair.receiving.wire.max_packet_life_time is None

    asyncio.run(main())


# Both ends


@contextmanager
def session_of(server: SignallingServer, **options: float) -> Iterator[tuple[DataChannel, DataChannel, Heard]]:
    producer = Producer(server.uri, name="robot")
    state = producer.add_channel("state", **options)  # type: ignore[arg-type]
    heard = Heard(state.message)
    with producer, connect(server.uri, name="robot") as session:
        theirs = session.channel("state")
        wait_until(lambda: state.channels, "the producer has it")
        yield state.channels[0], theirs, heard


def test_age_is_known_at_both_ends(embedded_server: SignallingServer) -> None:
    with session_of(embedded_server, max_age=MAX_AGE) as (ours, theirs, heard):
        ours.send("hello")
        assert theirs.recv() == "hello"
        theirs.send("hello yourself")
        assert heard.next()["data"] == "hello yourself"
        for channel in (ours, theirs):
            assert (channel.max_age, channel.max_packet_life_time, channel.expired) == (MAX_AGE, None, 0)


def test_lifetime_of_the_w3c_lets_what_has_arrived_wait(embedded_server: SignallingServer) -> None:
    with session_of(embedded_server, max_packet_life_time=500) as (ours, theirs, _):
        ours.send("hello")
        wait_until(lambda: count_of(theirs, "messagesReceived"), "it has arrived")
        threading.Event().wait(0.6)
        assert theirs.recv() == "hello"
        assert (theirs.max_age, theirs.expired) == (None, 0)


def test_message_that_recv_is_late_for_is_dropped(embedded_server: SignallingServer) -> None:
    with session_of(embedded_server, max_age=0.5) as (ours, theirs, _):
        ours.send("hello")
        wait_until(lambda: count_of(theirs, "messagesReceived"), "it has arrived")
        threading.Event().wait(0.6)
        with pytest.raises(WaitTimeout):
            theirs.recv(timeout=0)
        assert theirs.expired == 1


CONSUMER = """
    import sys, time
    from gst_signalling_sync import connect
    with connect(sys.argv[1], name="robot") as session:
        channel = session.channel("state")
        channel.message.connect(lambda channel, data: print(f"{time.monotonic()} {data}\\n", end="", flush=True))
        print("it listens", flush=True)
        sys.stdin.readline()
        print(f"expired {channel.expired}\\n", end="", flush=True)
"""

PRODUCER = """
    import sys, time
    from gst_signalling_sync import Producer
    robot = Producer(sys.argv[1], name="robot")
    state = robot.add_channel("state", max_age=0.3)
    state.message.connect(lambda channel, session, data: print(f"{time.monotonic()} {data}\\n", end="", flush=True))
    with robot:
        robot.wait_for_session(60)
        channel = state.channels[0]
        print("it listens", flush=True)
        sys.stdin.readline()
        print(f"expired {channel.expired}\\n", end="", flush=True)
"""


class Frozen:
    """A process that prints when it received which message, and that can be frozen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ages: list[tuple[float, float]] = []
        """When it received a message, and the message's age in seconds."""
        self.expired = 0
        self.listens = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def freeze(self) -> None:
        """Freeze it, and wait until each of its threads has stopped."""
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        wait_until(lambda: all(_state(each) == "T" for each in threads.iterdir()), "it stands still")

    def wake(self) -> None:
        """Let it continue."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Let it exit, and report what it has dropped."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._reader.join(30)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            first, second = line.split()
            if first == "it":
                self.listens.set()
                continue
            if first == "expired":
                self.expired = int(second)
                return
            self.ages.append((float(first), float(first) - float(second)))


def _state(thread: Path) -> str:
    """State of a thread in ``/proc``, such as ``"T"`` for stopped. The name before it may contain spaces and brackets."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def send_states(channel: DataChannel, seconds: float) -> None:
    """Send the time, 100 times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(WaitTimeout):
            channel.send(str(time.monotonic()), timeout=0)
        time.sleep(0.01)


@pytest.mark.parametrize("who", ["consumer", "producer"])
def test_peer_that_was_frozen_is_given_nothing_older(embedded_server: SignallingServer, who: str) -> None:
    uri = embedded_server.uri
    with start_script(CONSUMER if who == "consumer" else PRODUCER, uri) as process:
        peer = Frozen(process)
        try:
            if who == "consumer":
                producer = Producer(uri, name="robot", timeout=60)
                state = producer.add_channel("state", max_age=MAX_AGE)
                with producer:
                    producer.wait_for_session()
                    replay(peer, state.channels[0])
            else:
                with connect(uri, name="robot", timeout=60) as session, suppress(ChannelClosed):
                    replay(peer, session.channel("state"))
        finally:
            peer.wake()
            process.kill()
            exit_of(process)

    assert peer.expired > 0


def send_until_told(peer: Frozen, channel: DataChannel) -> bool:
    """Send one state, and tell whether the peer has told it before it was too old."""
    sent = time.monotonic()
    channel.send(str(sent))
    while time.monotonic() < sent + 2 * MAX_AGE:
        if any(abs(at - age - sent) < 1e-6 for at, age in peer.ages[-3:]):
            return True
        time.sleep(0.01)
    return False


def replay(peer: Frozen, channel: DataChannel) -> None:
    assert peer.listens.wait(60)
    send_states(channel, 1.0)
    # A freeze between the check of a message's age and the receiver's first line is like one in the receiver itself.
    wait_until(lambda: send_until_told(peer, channel), "nothing is on its way", 30)
    peer.freeze()
    send_states(channel, FROZEN_SECONDS)
    woken = time.monotonic()
    peer.wake()
    send_states(channel, 3.0)
    peer.end()

    told = [age for at, age in peer.ages if at >= woken]
    assert told, "live messages arrive again"
    # The machine may delay the receiver between the check of a message's age and the measurement.
    assert max(told) < MAX_AGE + 0.15
    assert channel.expired > 0


def test_unreliable_channel_drops_what_an_interrupted_link_has_queued(embedded_server: SignallingServer) -> None:
    producer = Producer(embedded_server.uri, name="robot", timeout=60)
    state = producer.add_channel("state", ordered=False, max_retransmits=0)
    with producer, start_script(CONSUMER, embedded_server.uri) as process:
        try:
            session = producer.wait_for_session()
            states = Heard(session.state_changed)
            process.send_signal(signal.SIGSTOP)
            for _ in range(100):
                state.send(bytes(5000))
            assert state.channels[0].buffered_amount > 0

            while states.next()["state"] != "interrupted":
                continue

            assert state.channels[0].buffered_amount == 0
            assert state.channels[0].expired > 0
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            exit_of(process)
