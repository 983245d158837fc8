"""A stream withstands lost packets, consumers that come, leave, crash or never read, and many connections in a row."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from gst_signalling_sync import Consumer, Producer, Session, SignallingServer, connect
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.track_receiver import track_of
from gst_signalling_sync.webrtc.media.receiving.video_receiver import VideoReceiver
from gst_signalling_sync.webrtc.sender_clock import ntp_time

from ..helpers.filming import Camera, filming, humming, milliseconds
from ..helpers.media import has_colour_bars, number_in, numbered_frame
from ..helpers.processes import start_script
from ..helpers.waiting import wait_until

PERIOD = 1 / 30

MAX_GAP = 2
"""Maximum number of frames that are missing in a row: three periods are 100 ms."""

TOLERANCE_SECONDS = 0.005
"""Tolerance of capture times, which are computed from sender reports and are accurate to some milliseconds."""

_UNIX_EPOCH_IN_NTP = 2_208_988_800

CONSUMER = """
    import sys
    from gst_signalling_sync import connect

    session = connect(sys.argv[1], name="robot")
    session.video.read()
    print("seen", flush=True)
    sys.stdin.read()
"""


# These tests wait for each other.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

no_other_programs = pytest.mark.usefixtures("_ahead_of_other_programs")


class Spectator:
    """A session whose first frame has come, and the capture times of its frames."""

    def __init__(self, session: Session, camera: Camera) -> None:
        self.session = session
        self._camera = camera
        self.timestamps: list[int] = []
        self._clock = track_of(session.video).feed.rtp.clock
        track_of(session.video).feed.rtp.add_tap(self._on_frame)
        wait_until(lambda: self.timestamps, "the first frame")

    @property
    def longest_gap(self) -> int:
        """Maximum number of written frames in a row that did not arrive. Frames that the camera missed do not count."""
        captured = [self._clock.seconds(timestamp) for timestamp in self.timestamps]
        # The producer's own wall clock, which is not changed when the system's is set.
        to_wall_clock = ntp_time(0.0) / 2**32 - _UNIX_EPOCH_IN_NTP
        written: list[float] = []
        for moment in self._camera.times:
            # Several frames at once are those that the thread had missed.
            if not written or moment + to_wall_clock - written[-1] > PERIOD / 2:
                written.append(moment + to_wall_clock)
        return max(
            sum(earlier + TOLERANCE_SECONDS < moment < later - TOLERANCE_SECONDS for moment in written)
            for earlier, later in pairwise(captured)
            if earlier is not None and later is not None
        )

    def begin(self) -> None:
        """Count only what follows, and not the effect of another process's start on this machine."""
        self.timestamps = self.timestamps[-1:]

    def watch(self, seconds: float) -> None:
        """Wait until the stream is longer by a number of seconds."""
        wanted = self.timestamps[-1] + seconds * 90000
        wait_until(lambda: self.timestamps[-1] >= wanted, "the stream goes on", seconds + 20)

    def _on_frame(self, frame: EncodedFrame) -> None:
        self.timestamps.append(frame.timestamp)


@contextmanager
def robot(server: SignallingServer) -> Iterator[tuple[Producer, Camera]]:
    """A producer with a camera."""
    with Producer(server.uri, name="robot") as producer, filming(producer.add_video()) as camera:
        yield producer, camera


@contextmanager
def robot_with_spectator(server: SignallingServer) -> Iterator[tuple[Producer, Spectator]]:
    """A producer with a camera, and a consumer that is not disturbed."""
    with robot(server) as (producer, camera), connect(server.uri, name="robot") as session:
        yield producer, Spectator(session, camera)


@no_other_programs
def test_a_frame_comes_within_a_second_of_each_of_100_connections(embedded_server: SignallingServer) -> None:
    with robot(embedded_server):
        for _ in range(100):
            with connect(embedded_server.uri, name="robot") as session:
                assert has_colour_bars(session.video.read(timeout=1.0))


@no_other_programs
def test_with_3_percent_loss_a_frame_comes_within_two_seconds_of_each_of_100_connections(
    embedded_server: SignallingServer,
) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.03)) as network,
        Producer(network.uri, name="robot") as producer,
        filming(producer.add_video()),
    ):
        for _ in range(100):
            with connect(network.uri, name="robot") as session:
                assert has_colour_bars(session.video.read(timeout=2.0))


@no_other_programs
def test_others_see_no_gap_when_consumers_join_and_leave(embedded_server: SignallingServer) -> None:
    with robot_with_spectator(embedded_server) as (_, watching):
        for _ in range(10):
            with connect(embedded_server.uri, name="robot") as session:
                session.video.read()
        assert watching.longest_gap <= MAX_GAP


@no_other_programs
def test_others_see_no_gap_when_a_consumer_is_killed(embedded_server: SignallingServer) -> None:
    with robot_with_spectator(embedded_server) as (producer, watching):
        with start_script(CONSUMER, embedded_server.uri) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "seen\n"
            assert len(producer.sessions) == 2
            watching.begin()
            process.send_signal(signal.SIGKILL)
        watching.watch(2.0)
        assert watching.longest_gap <= MAX_GAP


@no_other_programs
def test_others_see_no_gap_when_a_consumer_freezes(embedded_server: SignallingServer) -> None:
    with robot_with_spectator(embedded_server) as (_, watching):
        with start_script(CONSUMER, embedded_server.uri) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "seen\n"
            watching.begin()
            os.kill(process.pid, signal.SIGSTOP)
            watching.watch(2.0)
            process.kill()
        assert watching.longest_gap <= MAX_GAP


@no_other_programs
def test_others_see_no_gap_when_a_consumer_never_reads(embedded_server: SignallingServer) -> None:
    with robot_with_spectator(embedded_server) as (_, watching):
        with connect(embedded_server.uri, name="robot") as idle:
            watching.watch(3.0)
            assert idle.video.frames_dropped > 30
            # When it reads at last, it gets the newest frame.
            before = milliseconds()
            assert (number_in(idle.video.read()) or 0) >= before - 500
        assert watching.longest_gap <= MAX_GAP


@no_other_programs
def test_others_see_no_gap_when_a_consumer_loses_5_percent_of_its_packets(embedded_server: SignallingServer) -> None:
    with robot_with_spectator(embedded_server) as (_, watching):
        with (
            SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.05)) as network,
            connect(network.uri, name="robot") as behind_losses,
        ):
            watching.watch(5.0)
            assert has_colour_bars(behind_losses.video.read())
            assert track_of(behind_losses.video).feed.rtp.packets_repaired > 0
        assert watching.longest_gap <= MAX_GAP


@no_other_programs
def test_a_bad_link_takes_no_more_than_half_of_the_bitrate_from_the_others(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile()) as network,
        Producer(embedded_server.uri, name="robot") as producer,
    ):
        video = producer.add_video(bitrate=(50_000, 800_000))
        with filming(video) as camera, connect(embedded_server.uri, name="robot") as good:
            watching = Spectator(good, camera)
            with connect(network.uri, name="robot") as bad:
                bad.video.read()
                wait_until(lambda: (video.bitrate or 0) >= 0.85 * 800_000, "both links are known", 60)
                network.relay.profile = LinkProfile(loss=0.5)
                wait_until(lambda: (video.bitrate or 0) < 500_000, "the bitrate follows the bad link", 60)
                # Meanwhile the bad link alone would reduce the bitrate to the minimum.
                watching.watch(8.0)
                assert (video.bitrate or 0) >= 300_000
            # The last step may be too small to be worth a keyframe.
            wait_until(lambda: (video.bitrate or 0) >= 0.85 * 800_000, "the bad link has ended", 60)


def test_behind_5_percent_loss_most_frames_come(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.05)) as network,
        Producer(network.uri, name="robot") as producer,
    ):
        video = producer.add_video()
        with filming(video), connect(network.uri, name="robot") as session:
            session.video.read()
            before, sent = session.video.frames_received, video.frames_encoded
            wait_until(lambda: video.frames_encoded >= sent + 150, "five seconds of frames", 30)
            assert session.video.frames_received - before > 100


def test_sound_goes_on_behind_losses(embedded_server: SignallingServer) -> None:
    with (
        SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.05)) as network,
        Producer(network.uri, name="robot") as producer,
        humming(producer.add_audio()),
        connect(network.uri, name="robot") as session,
    ):
        begin = time.monotonic()
        session.audio.read(48000 * 3, timeout=20)
        # The stream has no gaps: lost sound is filled up, so that reading takes as long as the sound lasts.
        assert time.monotonic() - begin < 5


def test_streams_that_start_and_stop_leave_no_thread(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        video, audio = producer.add_video(), producer.add_audio()
        with filming(video), humming(audio):
            for _ in range(5):
                with connect(embedded_server.uri, name="robot") as session:
                    session.video.read()
                    session.audio.read(960)
            wait_until(lambda: not _media_threads(), "no thread is left when nobody watches")


def test_close_from_a_frame_callback(embedded_server: SignallingServer) -> None:
    with robot(embedded_server):
        session = connect(embedded_server.uri, name="robot")
        closed = threading.Event()

        def close(sender: object, frame: Any) -> None:
            session.close()
            closed.set()

        session.video.frame.connect(close)
        assert closed.wait(10)
        assert session.state == "closed"
        wait_until(lambda: not [name for name in _media_threads() if "decoder" in name], "the decoder's thread ends")


def test_close_while_another_thread_reads_and_a_third_writes(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, filming(producer.add_video()):
        for _ in range(10):
            with Consumer(embedded_server.uri) as consumer:
                session = consumer.start_session(name="robot")
                video = session.video
                numbers: list[int | None] = []
                reader = threading.Thread(target=_read_all, args=(video, numbers))
                reader.start()
                wait_until(partial(getattr, video, "frames_received"), "frames come")
            reader.join(10)
            assert not reader.is_alive()
            assert numbers


def test_a_process_that_streams_exits_at_once() -> None:
    script = """
        import numpy as np
        from gst_signalling_sync import Producer, SignallingServer, connect

        server = SignallingServer(port=0).start()
        producer = Producer(server.uri, name="robot").start()
        video, audio = producer.add_video(), producer.add_audio()
        session = connect(server.uri, name="robot")
        for _ in range(5):
            video.write(np.zeros((240, 320, 3), np.uint8))
            audio.write(np.zeros(960, np.int16))
            session.video.read()
        print("done", flush=True)
    """
    with start_script(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        process.wait(10)
        assert process.returncode == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_frames_written_while_nobody_watches_cost_no_encoding(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        video = producer.add_video()
        for number in range(100):
            video.write(numbered_frame(number))
        assert video.frames_encoded == 0
        with connect(embedded_server.uri, name="robot") as session:
            assert number_in(session.video.read()) == 99


def _read_all(video: VideoReceiver, numbers: list[int | None]) -> None:
    numbers.extend(map(number_in, video))


def _media_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("gss-video", "gss-audio"))]
