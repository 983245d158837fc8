"""`AudioReceiver`: a stream of samples without gaps, whatever was lost, and a defined end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from gst_signalling_sync.errors import SessionClosed, WaitTimeout
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.receiving.audio_receiver import AudioReceiver
from gst_signalling_sync.webrtc.media.receiving.received_track import ReceivedTrack

from ...helpers.media import frequency_of, loudness, tone
from ...helpers.processes import in_child
from ...helpers.receiving import Received
from ...helpers.rtp_streams import Packet, Stream
from ...helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 10.0
RATE = 48_000
PACKET = 960
RATES = {"opus": 48_000, "PCMU": 8_000, "PCMA": 8_000, "G722": 16_000}
CLOCK_RATES = {"opus": 48_000, "PCMU": 8_000, "PCMA": 8_000, "G722": 8_000}


class Robot:
    """Sends a tone in packets of 20 ms."""

    def __init__(self, loop: LoopThread, callbacks: Callbacks, codec: str = "opus") -> None:
        self.received = Received(loop, "audio", RATES)
        self._track = ReceivedTrack("session s1 with peer p1", self.received.receiver, loop, callbacks, SECONDS)
        self.audio = AudioReceiver(self._track)
        self.stream = Stream(codec, timestamp=(1 << 32) - 5 * PACKET, ticks=CLOCK_RATES[codec] // 50)
        self._encoder = get_encoder(RTCRtpCodecParameters(f"audio/{codec}", CLOCK_RATES[codec], payloadType=0))
        self._rate = RATES[codec]
        self._samples = 0

    def packets(self, count: int = 1) -> list[Packet]:
        """The next packets of a tone of 440 Hz."""
        packets: list[Packet] = []
        while len(packets) < count:
            samples = tone(440, self._rate // 50, self._rate, start=self._samples)
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
            frame.sample_rate = self._rate
            frame.pts, frame.time_base = self._samples, Fraction(1, self._rate)
            self._samples += len(samples)
            payloads, _ = self._encoder.encode(frame)
            packets += [self.stream.audio(payload) for payload in payloads]
        return packets

    def send(self, packets: int) -> None:
        """Have packets arrive, and wait until they are decoded."""
        self.give(self.packets(packets))

    def give(self, packets: list[Packet]) -> None:
        """Have these packets arrive, and wait until they are decoded."""
        for packet in packets:
            before = self.audio.frames_received
            self.received.give(packet)
            wait_until(lambda before=before: self.audio.frames_received > before, "the sound is decoded")  # type: ignore[misc]

    def end(self, error: Exception | None = None) -> None:
        """End the track, as its session does, and wait for its thread to end."""

        async def end() -> None:
            self._track.end(error)
            await self._track.wait_ended(SECONDS)

        self.received.loop.run(end(), Deadline(SECONDS), "ending")


@pytest.fixture
def make_robot(loop: LoopThread, callbacks: Callbacks) -> Iterator[Callable[[str], Robot]]:
    robots: list[Robot] = []

    def make(codec: str) -> Robot:
        robots.append(Robot(loop, callbacks, codec))
        return robots[-1]

    yield make
    for robot in robots:
        robot.end()
        robot.received.stop()


@pytest.fixture
def robot(make_robot: Callable[[str], Robot]) -> Robot:
    return make_robot("opus")


@pytest.mark.parametrize("codec", RATES)
def test_tone_is_heard_in_two_channels_at_48_khz(make_robot: Callable[[str], Robot], codec: str) -> None:
    robot = make_robot(codec)
    robot.send(40)

    heard = robot.audio.read(RATE // 2)

    assert heard.shape == (RATE // 2, 2)
    assert heard.dtype == np.int16
    assert (robot.audio.rate, robot.audio.channels, robot.audio.codec) == (RATE, 2, codec)
    assert frequency_of(heard[:, 0]) == pytest.approx(440, abs=3)
    assert np.array_equal(heard[:, 0], heard[:, 1]) or codec == "opus"
    assert loudness(heard) > 1000


def test_reads_of_any_length_follow_one_another(robot: Robot) -> None:
    robot.send(50)
    parts = [robot.audio.read(count) for count in (1, 0, 959, 960, 12_345, RATE - 14_265)]

    heard = np.concatenate(parts)
    assert len(heard) == RATE
    # A sine wave of that frequency and loudness has no larger step.
    assert np.abs(np.diff(heard[PACKET:, 0].astype(int))).max() < 1000


def test_lost_packets_become_silence_of_their_length(robot: Robot) -> None:
    packets = robot.packets(40)
    robot.give([*packets[:20], *packets[25:]])

    heard = robot.audio.read(40 * PACKET)

    assert robot.audio.packets_lost == 5
    assert loudness(heard[10 * PACKET : 20 * PACKET]) > 1000
    assert not heard[20 * PACKET : 25 * PACKET].any()
    assert loudness(heard[25 * PACKET :]) > 1000
    assert robot.audio.waiting == 0


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_up_to_three_lost_packets_of_opus_are_made_up(robot: Robot, lost: int) -> None:
    packets = robot.packets(40)
    robot.give([*packets[:20], *packets[20 + lost :]])

    heard = robot.audio.read(40 * PACKET)

    assert robot.audio.packets_lost == lost
    assert loudness(heard[20 * PACKET : 21 * PACKET]) > 1000
    # There is no jump where the concealment begins: a tone of this loudness has no such step.
    steps = np.abs(np.diff(heard[19 * PACKET : 21 * PACKET, 0].astype(int)))
    usual = np.abs(np.diff(heard[10 * PACKET : 19 * PACKET, 0].astype(int)))
    assert steps.max() < 1.5 * usual.max()
    assert robot.audio.waiting == 0


def test_what_is_made_up_is_no_frame_that_arrived(robot: Robot) -> None:
    packets = robot.packets(10)
    robot.give([*packets[:5], *packets[6:]])

    assert robot.audio.frames_received == 9


def test_pause_of_more_than_a_second_is_not_filled(robot: Robot) -> None:
    robot.send(10)
    robot.stream.timestamp += 3 * RATE
    robot.send(10)

    assert robot.audio.waiting == 20 * PACKET


def test_packet_that_cannot_be_decoded_becomes_silence(robot: Robot) -> None:
    robot.send(10)
    robot.received.give(robot.stream.audio(b"\xff" * 10))
    robot.send(10)

    assert robot.audio.waiting == 21 * PACKET
    assert not robot.audio.read(11 * PACKET)[10 * PACKET :].any()


# Reading


def test_reader_waits_for_its_samples(robot: Robot, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(robot.audio.read, 5 * PACKET)
    wait_until_waiting(robot.audio.read)
    robot.send(4)
    wait_until_waiting(robot.audio.read)
    assert not waiting.done()
    robot.send(1)

    assert waiting.result(SECONDS).shape == (5 * PACKET, 2)


def test_timeout_loses_nothing_and_tells_what_has_come(robot: Robot) -> None:
    robot.send(3)

    with pytest.raises(WaitTimeout, match=r"4000 samples of session s1.*within 0.01 s.*3 packets.*2880 samples wait"):
        robot.audio.read(4000, timeout=0.01)
    assert len(robot.audio.read(2880)) == 2880


def test_what_a_reader_did_not_wait_long_enough_for_is_kept_for_its_next_call(robot: Robot) -> None:
    with pytest.raises(WaitTimeout):
        robot.audio.read(200 * PACKET, timeout=0.01)
    robot.send(200)
    wait_until(lambda: robot.audio.waiting == 200 * PACKET, "all of it is decoded")

    assert robot.audio.samples_dropped == 0
    assert robot.audio.read(200 * PACKET).shape == (200 * PACKET, 2)
    robot.send(100)
    wait_until(lambda: robot.audio.samples_dropped, "from then on a second is kept, as before")


def test_one_second_is_kept_for_nobody(robot: Robot) -> None:
    robot.send(70)

    assert robot.audio.waiting == RATE
    assert robot.audio.samples_dropped == 20 * PACKET


def test_more_than_a_second_can_be_read_at_once(robot: Robot, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(robot.audio.read, 2 * RATE)
    wait_until_waiting(robot.audio.read)
    robot.send(100)

    assert len(waiting.result(SECONDS)) == 2 * RATE
    assert robot.audio.samples_dropped == 0


def test_iteration_gives_blocks_of_20_ms_until_the_session_ends(robot: Robot, pool: ThreadPoolExecutor) -> None:
    iterating = pool.submit(lambda: [len(block) for block in robot.audio])
    robot.send(5)
    wait_until(lambda: robot.audio.waiting == 0, "they are read")
    robot.end()

    assert iterating.result(SECONDS) == [PACKET] * 5


def test_negative_number_of_samples_is_refused(robot: Robot) -> None:
    with pytest.raises(ValueError, match="samples must be 0 or more, not -1"):
        robot.audio.read(-1)


def test_read_on_the_loop_is_refused(robot: Robot) -> None:
    async def read() -> None:
        robot.audio.read(1)

    with pytest.raises(RuntimeError, match="event loop thread"):
        robot.received.loop.run(read(), Deadline(SECONDS), "reading")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_read_in_a_forked_child_is_refused(robot: Robot) -> None:
    def refused() -> bool:
        with pytest.raises(RuntimeError, match="inherited by fork"):
            robot.audio.read(1)
        return True

    assert in_child(refused)


def test_what_was_not_read_can_be_read_after_the_end(robot: Robot) -> None:
    robot.send(2)
    robot.end(SessionClosed("the robot is silent", reason="lost"))

    with pytest.raises(SessionClosed, match=r"3000 samples of session s1.*: the robot is silent") as raised:
        robot.audio.read(3000)
    assert raised.value.reason == "lost"
    assert len(robot.audio.read(2 * PACKET)) == 2 * PACKET
    with pytest.raises(SessionClosed):
        robot.audio.read(1)


def test_end_wakes_readers_and_ends_the_thread(robot: Robot, pool: ThreadPoolExecutor) -> None:
    robot.send(1)
    waiting = pool.submit(robot.audio.read, RATE)
    wait_until_waiting(robot.audio.read)
    robot.end()

    with pytest.raises(SessionClosed, match="the session is closed"):
        waiting.result(SECONDS)
    wait_until(lambda: "gss-audio-decoder" not in [each.name for each in threading.enumerate()], "the thread is gone")


# Signals


def test_signal_gives_every_frame_in_order(robot: Robot) -> None:
    heard = Heard(robot.audio.frame)
    robot.send(20)

    frames = [heard.next()["frame"] for _ in range(20)]
    assert [frame.pts - frames[0].pts for frame in frames] == list(range(0, 20 * PACKET, PACKET))
    assert (frames[0].format.name, frames[0].layout.name, frames[0].sample_rate) == ("s16", "stereo", RATE)
    assert robot.audio.frames_dropped == 0
    assert robot.audio.waiting == 20 * PACKET


def test_signal_leaves_out_the_oldest_where_callbacks_are_a_second_behind(robot: Robot) -> None:
    has_begun, may_end = threading.Event(), threading.Event()
    told: list[int | None] = []

    @robot.audio.frame.connect
    def slow(receiver: AudioReceiver, frame: av.AudioFrame) -> None:
        told.append(frame.pts)
        has_begun.set()
        assert may_end.wait(SECONDS)

    robot.send(1)
    assert has_begun.wait(SECONDS)
    robot.send(70)
    may_end.set()
    wait_until(lambda: len(told) == 51, "the last second is told")

    assert robot.audio.frames_dropped == 20
    positions = [(pts or 0) - (told[0] or 0) for pts in told]
    assert positions == [0, *range(21 * PACKET, 71 * PACKET, PACKET)]
