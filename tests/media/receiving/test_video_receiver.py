"""`VideoReceiver`: frames are read once, only the newest, by readers that wait, and the track has a defined end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from gst_signalling_sync.errors import SessionClosed, WaitTimeout
from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.frame_conversion import to_frame
from gst_signalling_sync.webrtc.media.receiving.received_track import ReceivedTrack
from gst_signalling_sync.webrtc.media.receiving.video_decoder import VideoDecoder
from gst_signalling_sync.webrtc.media.receiving.video_receiver import VideoReceiver
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder

from ...helpers.media import has_colour_bars, number_in, numbered_frame
from ...helpers.processes import in_child
from ...helpers.receiving import Received
from ...helpers.rtp_streams import Packet, Stream
from ...helpers.send_forms import send_form
from ...helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 10.0
FORMATS = ("bgr24", "rgb24", "gray8", "yuv420p")


class Camera:
    """Sends numbered frames to a receiver, encoded and in RTP packets."""

    def __init__(self, loop: LoopThread, callbacks: Callbacks, codec: str = "VP8") -> None:
        self.received = Received(loop, "video", ["VP8", "H264"])
        self.track = ReceivedTrack("session s1 with peer p1", self.received.receiver, loop, callbacks, SECONDS)
        self.video = VideoReceiver(self.track)
        self.stream = Stream(codec)
        self._encoder = VideoEncoder(send_form(codec))
        self._number = 0

    def packets(self, width: int = 320, height: int = 240, keyframe: bool = False) -> list[Packet]:
        """The packets of the next frame; the first frame has number 0."""
        frame = to_frame(numbered_frame(self._number, width, height)).reformat(format="yuv420p")
        (encoded,) = self._encoder.encode(frame, self._number * 3000, 0.0, 500_000, 30, keyframe)
        self._number += 1
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = encoded.timestamp, Fraction(1, 90000)
        packer = Vp8Encoder() if encoded.codec == "VP8" else H264Encoder()
        return self.stream.packets(packer.pack(packet)[0])

    def send(self, frames: int = 1) -> None:
        """Have frames arrive, and wait until they are decoded."""
        before = self.video.frames_received
        for _ in range(frames):
            self.received.give(*self.packets())
        wait_until(lambda: self.video.frames_received == before + frames, "the frames are decoded")

    def end(self, error: Exception | None = None) -> None:
        """End the track, as its session does, and wait for its thread to end."""

        async def end() -> None:
            self.track.end(error)
            await self.track.wait_ended(SECONDS)

        self.received.loop.run(end(), Deadline(SECONDS), "ending")


@pytest.fixture
def make_camera(loop: LoopThread, callbacks: Callbacks) -> Iterator[Callable[[str], Camera]]:
    cameras: list[Camera] = []

    def make(codec: str) -> Camera:
        cameras.append(Camera(loop, callbacks, codec))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.end()
        camera.received.stop()


@pytest.fixture
def camera(make_camera: Callable[[str], Camera]) -> Camera:
    return make_camera("VP8")


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_frame_is_read_with_its_last_packet(make_camera: Callable[[str], Camera], codec: str) -> None:
    camera = make_camera(codec)

    camera.received.give(*camera.packets())
    frame = camera.video.read()

    assert frame.shape == (240, 320, 3)
    assert frame.dtype == np.uint8
    assert number_in(frame) == 0
    assert has_colour_bars(frame)
    assert (camera.video.codec, camera.video.size) == (codec, (320, 240))


def test_formats_have_their_shapes(camera: Camera) -> None:
    shapes = {}
    for name in FORMATS:
        camera.send()
        frame = camera.video.read(name)
        shapes[name] = frame.shape
        if name == "rgb24":
            assert has_colour_bars(frame, "rgb24")
        assert frame.dtype == np.uint8
    gray = camera.video.latest("gray8")

    assert shapes == {"bgr24": (240, 320, 3), "rgb24": (240, 320, 3), "gray8": (240, 320), "yuv420p": (360, 320)}
    assert gray is not None
    assert number_in(gray) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_frames_are_the_callers_own(camera: Camera, name: str) -> None:
    camera.send()
    first = camera.video.latest(name)
    assert first is not None
    first[:] = 7
    second = camera.video.latest(name)
    assert second is not None

    assert (second != 7).any()


def test_unknown_format_is_refused_at_once(camera: Camera) -> None:
    with pytest.raises(ValueError, match=r"format must be one of 'bgr24', .* not 'bgr'"):
        camera.video.read("bgr", timeout=60)
    with pytest.raises(ValueError, match="format must be"):
        camera.video.latest("bgr")


def test_newest_frame_is_read_once(camera: Camera) -> None:
    camera.send(5)

    assert number_in(camera.video.read()) == 4
    with pytest.raises(WaitTimeout):
        camera.video.read(timeout=0.01)
    camera.send()
    assert number_in(camera.video.read()) == 5


def test_latest_does_not_wait_and_does_not_consume(camera: Camera) -> None:
    assert camera.video.latest() is None
    camera.send()

    for _ in range(2):
        latest = camera.video.latest()
        assert latest is not None
        assert number_in(latest) == 0
    assert number_in(camera.video.read()) == 0


def test_reader_that_waits_gets_the_next_frame(camera: Camera, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(camera.video.read)
    wait_until_waiting(camera.video.read)
    camera.send()

    assert number_in(waiting.result(SECONDS)) == 0


def test_each_frame_goes_to_one_of_several_readers(camera: Camera, pool: ThreadPoolExecutor) -> None:
    waiting = [pool.submit(camera.video.read) for _ in range(4)]
    wait_until_waiting(camera.video.read, threads=4)
    for read in range(1, 5):
        camera.send()
        wait_until(lambda read=read: sum(each.done() for each in waiting) == read, "one of them has it")  # type: ignore[misc]

    assert sorted(number_in(each.result(SECONDS)) or 0 for each in waiting) == [0, 1, 2, 3]


def test_several_threads_may_convert_one_frame(camera: Camera, pool: ThreadPoolExecutor) -> None:
    camera.send()

    frames = list(pool.map(lambda number: camera.video.latest(FORMATS[number % 2]), range(400)))

    assert {number_in(frame) for frame in frames if frame is not None} == {0}


def test_iteration_ends_with_the_session(camera: Camera, pool: ThreadPoolExecutor) -> None:
    numbers: list[int | None] = []
    iterating = pool.submit(lambda: numbers.extend(number_in(frame) for frame in camera.video))
    camera.send()
    wait_until(lambda: numbers == [0], "it is read")
    camera.send()
    camera.end()

    iterating.result(SECONDS)
    assert numbers == [0, 1]


def test_timeout_tells_what_has_come(camera: Camera) -> None:
    with pytest.raises(WaitTimeout, match=r"session s1 with peer p1.*nothing within 0.01 s.*0 packets.*0 decoded"):
        camera.video.read(timeout=0.01)

    camera.received.give(*Stream("VP8").frame(keyframe=True))
    wait_until(lambda: camera.video.frames_failed == 1, "it cannot be decoded")
    with pytest.raises(WaitTimeout, match=r"so far 3 packets \(0 lost\), 1 whole frames, 0 decoded, 1 not decodable"):
        camera.video.read(timeout=0.01)


def test_read_on_the_loop_is_refused(camera: Camera) -> None:
    async def read() -> None:
        camera.video.read()

    with pytest.raises(RuntimeError, match="event loop thread"):
        camera.received.loop.run(read(), Deadline(SECONDS), "reading")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_read_in_a_forked_child_is_refused(camera: Camera) -> None:
    camera.send()

    def refused() -> bool:
        for call in (camera.video.read, camera.video.latest):
            with pytest.raises(RuntimeError, match=f"inherited by fork.*{os.getpid()}"):
                call()
        return True

    assert in_child(refused)


# The end of the track


def test_frame_that_was_not_read_is_read_after_the_end(camera: Camera) -> None:
    camera.send()
    camera.end(SessionClosed("the robot left"))

    assert number_in(camera.video.read()) == 0
    with pytest.raises(SessionClosed, match=r"waiting for a frame of session s1.*: the robot left"):
        camera.video.read()
    latest = camera.video.latest()
    assert latest is not None
    assert number_in(latest) == 0


def test_end_wakes_readers(camera: Camera, pool: ThreadPoolExecutor) -> None:
    waiting = [pool.submit(camera.video.read) for _ in range(3)]
    wait_until_waiting(camera.video.read, threads=3)
    camera.end()

    for each in waiting:
        with pytest.raises(SessionClosed, match="the session is closed"):
            each.result(SECONDS)


def test_after_the_end_there_is_no_thread(camera: Camera) -> None:
    camera.send()
    camera.end()
    camera.end(SessionClosed("a second time"))
    camera.received.give(*camera.packets(keyframe=True))

    wait_until(lambda: "gss-video-decoder" not in [each.name for each in threading.enumerate()], "the thread is gone")
    assert camera.video.frames_received == 1
    camera.video.read()
    with pytest.raises(SessionClosed, match="the session is closed"):
        camera.video.read()


# Signals


def test_signal_gives_frames_with_their_time_stamps(camera: Camera) -> None:
    heard = Heard(camera.video.frame)
    camera.send()
    first = heard.next()["frame"]
    camera.send()
    second = heard.next()["frame"]

    assert isinstance(first, av.VideoFrame)
    assert (first.width, first.height) == (320, 240)
    assert first.time_base == Fraction(1, 90000)
    assert second.pts - first.pts == 3000
    assert camera.video.frames_dropped == 0
    assert number_in(camera.video.read()) == 1


def test_slow_callback_gets_fewer_frames_and_always_the_newest(camera: Camera) -> None:
    has_begun, may_end = threading.Event(), threading.Event()
    told: list[int | None] = []

    @camera.video.frame.connect
    def slow(receiver: VideoReceiver, frame: av.VideoFrame) -> None:
        told.append(number_in(frame.to_ndarray(format="bgr24")))
        has_begun.set()
        assert may_end.wait(SECONDS)

    camera.send()
    assert has_begun.wait(SECONDS)
    camera.send(5)
    may_end.set()
    wait_until(lambda: len(told) == 2, "the newest is told")
    camera.send()
    wait_until(lambda: len(told) == 3, "the next is told")

    assert told == [0, 5, 6]
    assert camera.video.frames_dropped == 4


# Counters


def test_dropped_are_frames_that_nobody_got(camera: Camera) -> None:
    camera.send(3)
    assert (camera.video.frames_received, camera.video.frames_dropped) == (3, 2)
    camera.video.latest()
    camera.send()
    camera.video.read()
    camera.send()

    assert (camera.video.frames_received, camera.video.frames_dropped) == (5, 2)


def test_rate_is_that_of_the_last_second_and_falls_to_nothing(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    assert camera.video.fps == 0.0
    camera.send(10)
    arrived = time.monotonic()
    # However close together they came.
    assert 0.0 < camera.video.fps <= 10.0
    monkeypatch.setattr(time, "monotonic", lambda: arrived + 10.0)
    assert camera.video.fps == 0.0


# Losses and errors


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_size_may_change_in_mid_stream(make_camera: Callable[[str], Camera], codec: str) -> None:
    camera = make_camera(codec)
    sizes = [(320, 240), (640, 480), (322, 182), (320, 240)]
    for number, size in enumerate(sizes):
        camera.received.give(*camera.packets(*size))
        frame = camera.video.read()
        assert frame.shape == (size[1], size[0], 3)
        assert number_in(frame) == number
        assert camera.video.size == size


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_keyframe_is_asked_for_where_decoding_breaks(make_camera: Callable[[str], Camera], codec: str) -> None:
    camera = make_camera(codec)
    camera.send()
    garbage = b"\x10\x11garbage" if codec == "VP8" else b"\x65\xffgarbage"

    camera.received.give(*camera.stream.packets([garbage * 20]))
    wait_until(lambda: camera.received.transport.of(RtcpPsfbPacket, RTCP_PSFB_PLI), "a keyframe is asked for")
    camera.received.give(*camera.packets(), *camera.packets(keyframe=True))
    wait_until(lambda: camera.video.frames_received == 2, "it goes on")

    assert number_in(camera.video.read()) == 2


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_frames_are_seen_in_spite_of_losses(make_camera: Callable[[str], Camera], codec: str) -> None:
    camera = make_camera(codec)
    camera.send()
    camera.video.read()
    for number in range(1, 31):
        packets = camera.packets(640, 480, keyframe=number % 10 == 0)
        lost = packets[number % len(packets) - 1]
        # Sent without a pause, because a gap is given up after half a second.
        others = [packet for packet in packets if packet is not lost]
        camera.received.give(*others, lost.as_rtp(ssrc=50, rtx_sequence_number=number))
        assert number_in(camera.video.read()) == number


def test_enormous_frame_is_refused(camera: Camera) -> None:
    camera.send()
    data = bytearray(camera.stream.data_of(camera.packets(keyframe=True)))
    assert data[3:6] == b"\x9d\x01\x2a"
    data[6:10] = (16383).to_bytes(2, "little") * 2

    with pytest.raises(av.FFmpegError):
        VideoDecoder().decode(EncodedFrame("VP8", bytes(data), 0, True, 0.0))


def test_decoders_hold_no_frame_back(camera: Camera) -> None:
    for codec in ("VP8", "H264"):
        encoder, decoder = VideoEncoder(send_form(codec)), VideoDecoder()
        for number in range(10):
            frame = to_frame(numbered_frame(number)).reformat(format="yuv420p")
            (encoded,) = encoder.encode(frame, number * 3000, 0.0, 500_000, 30, False)
            (decoded,) = decoder.decode(encoded)
            assert decoded.pts == number * 3000
