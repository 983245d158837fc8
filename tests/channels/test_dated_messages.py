"""Messages with the time at which they were sent: the form on the wire, both ends, other peers, and states beside frames."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import (
    BroadcastChannel,
    DataChannel,
    Producer,
    ReceivedMessage,
    SignallingServer,
    VideoReceiver,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.threads import clock
from gst_signalling_sync.webrtc.channel_options import ChannelOptions
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.message_dates import IDENTIFIERS, DatedPayload, dated, undated

from ..engine.pairs import connected_pair
from ..figures import Figures
from ..helpers.media import number_in, numbered_frame
from ..helpers.waiting import Heard, wait_until
from .statistics import count_of

seconds = st.floats(0, 4e9)


# On the wire


@given(st.builds(DatedPayload, st.binary(max_size=100), st.booleans(), seconds, st.none() | seconds))
def test_what_is_dated_is_read_as_it_was(message: DatedPayload) -> None:
    read = undated(*dated(message))

    assert read is not None
    assert (read.data, read.is_text) == (message.data, message.is_text)
    assert read.sent == pytest.approx(message.sent, abs=1e-6)
    assert read.sent_at == (None if message.sent_at is None else pytest.approx(message.sent_at, abs=1e-6))


@given(st.sampled_from(sorted(IDENTIFIERS)), st.binary(max_size=40))
def test_whatever_a_peer_sends_is_read_or_refused(identifier: int, payload: bytes) -> None:
    read = undated(identifier, payload)

    assert read is None or payload.endswith(read.data)


@pytest.mark.parametrize(("identifier", "size"), list(product(sorted(IDENTIFIERS), (0, 7))))
def test_payload_without_room_for_its_dates_is_none(identifier: int, size: int) -> None:
    assert undated(identifier, bytes(size)) is None


def test_clock_before_1970_is_told_as_1970() -> None:
    read = undated(*dated(DatedPayload(b"", True, 1.0, -5.0)))

    assert read is not None
    assert read.sent_at == 0.0


def read_dates(*ends: PeerConnection) -> None:
    for end in ends:
        # The data section exists from the first channel on.
        end.create_control_channel()
        assert end.data is not None
        end.data.peer_reads_dates = True


@pytest.mark.parametrize("max_age", [None, 30.0])
def test_messages_keep_their_type_and_tell_the_time(max_age: float | None) -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("state", max_age=max_age, dated=True), read_dates) as pair:
            now = clock.now()
            pair.sending.wire.transmit(["text", b"bytes", "", b""], [now - 3, now - 2, now - 1, 0.0])

            assert [await pair.receiving.next() for _ in range(4)] == ["text", b"bytes", "", b""]
            expected = [time.time() - seconds for seconds in (3, 2, 1, 0)]
            # The clock that gives these times is set once, when the process begins.
            assert pair.receiving.sent_at == pytest.approx(expected, abs=0.5)
            assert pair.receiving.wire.max_age == max_age

    asyncio.run(main())


def test_other_end_does_the_same_once_it_has_heard_one() -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("state", dated=True), read_dates) as pair:
            pair.receiving.wire.transmit(["before"])
            await pair.sending.next()
            pair.sending.wire.transmit(["there"])
            await pair.receiving.next()
            pair.receiving.wire.transmit(["back"])
            await pair.sending.next()

            before, back = pair.sending.sent_at
            assert before is None
            assert back == pytest.approx(time.time(), abs=0.5)

    asyncio.run(main())


def test_peer_that_reads_no_dates_gets_none() -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("state", dated=True)) as pair:
            pair.sending.wire.transmit(["text", b"", ""])

            assert [await pair.receiving.next() for _ in range(3)] == ["text", b"", ""]
            assert pair.receiving.sent_at == [None, None, None]

    asyncio.run(main())


def test_what_is_unacknowledged_keeps_its_date() -> None:
    async def main() -> None:
        async with connected_pair(ChannelOptions("state", dated=True), read_dates) as pair:
            pair.sending.wire.transmit(["here", "there"], [5.0, 6.0])

            assert pair.sending.wire.unacknowledged == [("here", 5.0), ("there", 6.0)]

    asyncio.run(main())


# Both ends


@contextmanager
def session_of(uri: str, **options: float) -> Iterator[tuple[BroadcastChannel, DataChannel]]:
    producer = Producer(uri, name="robot")
    state = producer.add_channel("state", **options)  # type: ignore[arg-type]
    with producer, connect(uri, name="robot") as session:
        theirs = session.channel("state")
        wait_until(lambda: state.channels, "the producer has it")
        yield state, theirs


@pytest.mark.parametrize("options", [{}, {"max_age": 30.0}], ids=["", "max_age"])
def test_message_tells_when_it_was_sent(signalling_uri: str, options: dict[str, float]) -> None:
    with session_of(signalling_uri, dated=True, **options) as (state, theirs):
        assert state.channels[0].dated
        assert not theirs.dated
        for data in ("text", b"bytes"):
            before = time.time()
            state.send(data)
            message = theirs.recv_message()

            assert message.data == data
            assert message.sent_at == pytest.approx(before, abs=0.5)
        assert theirs.dated


def test_time_is_that_of_send_and_not_of_the_way(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(delay=0.3)) as network,
        session_of(network.uri, dated=True) as (state, theirs),
    ):
        told, sent = [], []
        for _ in range(2):
            sent.append(time.monotonic())
            state.send("text")
            told.append(theirs.recv_message().sent_at)
        state.send("text")
        threading.Event().wait(1.0)
        late = theirs.recv_message().sent_at

    first, second = told
    assert first is not None
    assert second is not None
    assert late is not None
    assert second - first == pytest.approx(sent[1] - sent[0], abs=0.1)
    assert late - first < time.monotonic() - sent[0] - 0.9


def test_channel_that_is_not_dated_tells_no_time(signalling_uri: str) -> None:
    with session_of(signalling_uri) as (state, theirs):
        state.send("text")

        assert theirs.recv_message() == ReceivedMessage("text", None)
        assert not theirs.dated


def test_receivers_are_told(signalling_uri: str) -> None:
    with session_of(signalling_uri, dated=True) as (state, theirs):
        plain, timed = Heard(theirs.message), Heard(theirs.received)
        state.send("text")

        assert plain.next()["data"] == "text"
        message = timed.next()["message"]
        assert (message.data, count_of(theirs, "messagesReceived")) == ("text", 1)
        assert message.sent_at == pytest.approx(time.time(), abs=0.5)
        with pytest.raises(WaitTimeout):
            theirs.recv(timeout=0)


def test_receiver_of_times_takes_messages_from_recv_until_it_is_disconnected(signalling_uri: str) -> None:
    with session_of(signalling_uri, dated=True) as (state, theirs):
        state.send("before")
        wait_until(lambda: count_of(theirs, "messagesReceived"), "it has arrived")
        heard = Heard(theirs.received)
        assert heard.next()["message"].data == "before"
        theirs.received.disconnect(heard.on_signal)
        state.send("after")

        assert theirs.recv() == "after"


class Robot:
    """Two cameras and 100 states a second; records when it wrote each frame and sent each state.

    Args:
        uri: The server's.
    """

    def __init__(self, uri: str) -> None:
        self.producer = Producer(uri, name="robot")
        self.state = self.producer.add_channel("state", ordered=False, max_retransmits=0, dated=True)
        self.cameras = {name: self.producer.add_video(name=name) for name in ("left", "right")}
        self.times: dict[str, dict[int, float]] = {name: {} for name in (*self.cameras, "state")}
        """The time of writing or sending, by the camera or channel and the number of the frame or state."""
        self._stop = threading.Event()
        steps = [partial(self._film, name) for name in self.cameras]
        self._threads = [
            *(threading.Thread(target=self._repeat, args=(1 / 30, step)) for step in steps),
            threading.Thread(target=self._repeat, args=(1 / 100, self._send_state)),
        ]

    def __enter__(self) -> Robot:
        self.producer.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.producer.close()

    def _repeat(self, interval: float, step: Callable[[int], None]) -> None:
        for number in count():
            if self._stop.wait(interval):
                return
            step(number)

    def _film(self, name: str, number: int) -> None:
        frame = numbered_frame(number)
        self.times[name][number] = time.monotonic()
        self.cameras[name].write(frame)

    def _send_state(self, number: int) -> None:
        self.times["state"][number] = time.monotonic()
        self.state.send(str(number))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_states_and_frames_of_two_cameras_meet_by_their_times(
    embedded_server: SignallingServer, figures: Figures
) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(delay=0.05, jitter=0.02)) as network,
        Robot(network.uri) as robot,
        connect(embedded_server.uri, name="robot") as session,
    ):
        state = session.channel("state")
        states = [state.recv_message()]
        errors = sorted(
            error for name in robot.cameras for error in misplaced(robot, name, session.videos[name], state, states)
        )

    figures.add(f"{len(errors)} frames are misplaced at p99 by", errors[int(len(errors) * 0.99)], limit=0.005)


def misplaced(
    robot: Robot, name: str, video: VideoReceiver, channel: DataChannel, states: list[ReceivedMessage]
) -> Iterator[float]:
    """Errors of the intervals between each of 100 frames and the state that was sent nearest to it, in seconds."""
    for _ in range(100):
        frame = video.read_frame()
        captured_at, number = frame.captured_at, number_in(frame.array)
        assert captured_at is not None
        assert number is not None
        while (states[-1].sent_at or 0.0) < captured_at:
            states.append(channel.recv_message())
        sent_at, sent = min(
            ((each.sent_at, int(each.data)) for each in states if each.sent_at is not None),
            key=lambda each: abs(each[0] - captured_at),
        )
        truth = robot.times[name][number] - robot.times["state"][sent]
        yield abs(captured_at - sent_at - truth)
