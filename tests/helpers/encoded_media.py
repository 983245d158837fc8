"""A robot without a network: encoded frames and sound with the timestamps, clocks and delays of a real sender."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from gst_signalling_sync.threads.callbacks import Callbacks
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.scheduling import without_real_time
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame, MediaKind
from gst_signalling_sync.webrtc.media.recording.recordable_track import RecordableTrack
from gst_signalling_sync.webrtc.media.recording.recorder import Recorder
from gst_signalling_sync.webrtc.media.recording.recorder_thread import RecorderThread

from .media import beeps, number_in, numbered_frame, onsets

__all__ = [
    "FPS",
    "LOOP_SECONDS",
    "SUFFIXES",
    "FakeTrack",
    "Played",
    "Robot",
    "assert_in_sync",
    "packet_times",
    "played",
    "recorder_of",
    "send_together",
]

FPS: Final = 25
LOOP_SECONDS: Final = 4
"""Seconds after which frames and sound repeat. A beep begins with each second; frames are numbered from the first of a loop."""

SUFFIXES: Final = ("mp4", "mkv", "webm")

RATE: Final = 48_000

_VIDEO_ENCODERS: Final = {
    "VP8": "libvpx",
    "H264": "libx264",
    "VP9": "libvpx-vp9",
    "H265": "libx265",
    "AV1": "libsvtav1",
}
_VIDEO_OPTIONS: Final = {
    "VP8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "H264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
    "VP9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "AV1": {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:lookahead=0:rtc=1:lp=1"},
    "H265": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": "log-level=none:repeat-headers=1:pools=none:frame-threads=1",
    },
}
_AUDIO: Final = {
    "opus": ("libopus", 48_000, 48_000),
    "PCMU": ("pcm_mulaw", 8_000, 8_000),
    "PCMA": ("pcm_alaw", 8_000, 8_000),
    "G722": ("g722", 16_000, 8_000),
}
"""Encoder, samples per second, and RTP ticks per second."""

_FIRST_TIMESTAMPS: Final[dict[MediaKind, int]] = {"video": 1_000_000, "audio": 5_000}


class FakeClock:
    """A `RemoteClock` that follows the ticks of its track.

    Args:
        clock_rate: RTP ticks per second.
    """

    def __init__(self, clock_rate: float) -> None:
        self.clock_rate = clock_rate
        self.zero = 0.0
        self.has_report = True

    def seconds(self, timestamp: int) -> float | None:
        """Capture time in seconds of the frame with a timestamp; None: there was no RTCP sender report."""
        return self.zero + timestamp / self.clock_rate if self.has_report else None


class FakeTrack:
    """The part of a `MediaReceiver` that a recorder uses."""

    def __init__(self, kind: MediaKind, clock_rate: float) -> None:
        self.kind = kind
        self.name = f"the {kind}"
        self.clock = FakeClock(clock_rate)
        self.taps: list[Callable[[EncodedFrame], None]] = []
        self.keyframe_requests = 0

    def add_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Add a tap, as `MediaReceiver.add_tap`."""
        self.taps.append(tap)

    def remove_tap(self, tap: Callable[[EncodedFrame], None]) -> None:
        """Remove a tap, as `MediaReceiver.remove_tap`."""
        if tap in self.taps:
            self.taps.remove(tap)

    def request_keyframe(self) -> None:
        """Count a request."""
        self.keyframe_requests += 1

    def deliver(self, frame: EncodedFrame) -> None:
        """Call the taps with a frame, as the loop does."""
        for tap in list(self.taps):
            tap(frame)


@dataclass
class Robot:
    """Sends an encoded loop of frames and beeps. Its time begins at 0 when it is made.

    Attributes:
        video: Codec of its video; empty: it sends no video.
        audio: Codec of its audio; empty: it sends no audio.
        size: Width and height of its frames.
        video_delay: Seconds from capture to arrival of a frame.
        audio_delay: Seconds from capture to arrival of sound.
        audio_drift: The fraction by which its sampling clock is fast.
        wall: Seconds on its wall clock at its time 0.
        ahead: Number of frames by which its loop of frames, and so its keyframes, are ahead.
    """

    video: str = "VP8"
    audio: str = "opus"
    size: tuple[int, int] = (128, 96)
    video_delay: float = 0.05
    audio_delay: float = 0.02
    audio_drift: float = 0.0
    wall: float = 1_700_000_000.0
    ahead: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.video_track = FakeTrack("video", 90_000)
        self.audio_track = FakeTrack("audio", _AUDIO[self.audio or "opus"][2] * (1 + self.audio_drift))
        # Encoded before its time begins, because the first robot of all takes a while to encode.
        if self.video:
            encoded_frames(self.video, self.size)
        if self.audio:
            encoded_audio(self.audio)
        self.began = time.monotonic()

    @property
    def tracks(self) -> list[FakeTrack]:
        """The tracks that it sends."""
        return [self.video_track] * bool(self.video) + [self.audio_track] * bool(self.audio)

    def send(self, begin: float, end: float, leave_out: Callable[[MediaKind, float], bool] | None = None) -> None:
        """Deliver all that is captured between two of its times, in the order of arrival, without waiting.

        Args:
            begin: Begin in seconds.
            end: End in seconds.
            leave_out: Whether a frame is lost, by kind and capture time. Defaults to none lost.
        """
        for track, captured, frame in sorted(self.frames(begin, end), key=lambda each: each[2].time):
            if leave_out is None or not leave_out(track.kind, captured):
                track.deliver(frame)

    def frames(self, begin: float, end: float) -> list[tuple[FakeTrack, float, EncodedFrame]]:
        """All that is captured between two of its times: the track, the capture time and the frame of each."""
        for track in (self.video_track, self.audio_track):
            track.clock.zero = self.wall - _FIRST_TIMESTAMPS[track.kind] / track.clock.clock_rate
        frames = [(self.video_track, *each) for each in self._frames(begin, end)]
        return frames + [(self.audio_track, *each) for each in self._audio(begin, end)]

    def _frames(self, begin: float, end: float) -> Iterator[tuple[float, EncodedFrame]]:
        if not self.video:
            return
        loop = encoded_frames(self.video, self.size)
        for number in range(round(begin * FPS), round(end * FPS)):
            data, keyframe = loop[(number + self.ahead) % len(loop)]
            captured = number / FPS
            arrived = self.began + captured + self.video_delay
            yield captured, EncodedFrame(self.video, data, self._timestamp("video", captured), keyframe, arrived)

    def _audio(self, begin: float, end: float) -> Iterator[tuple[float, EncodedFrame]]:
        if not self.audio:
            return
        loop = encoded_audio(self.audio)
        for number in range(round(begin * 50), round(end * 50)):
            captured = number / 50
            arrived = self.began + captured + self.audio_delay
            timestamp = self._timestamp("audio", captured)
            yield captured, EncodedFrame(self.audio, loop[number % len(loop)], timestamp, True, arrived)

    def _timestamp(self, kind: MediaKind, captured: float) -> int:
        rate = (self.video_track if kind == "video" else self.audio_track).clock.clock_rate
        return _FIRST_TIMESTAMPS[kind] + round(captured * rate)


def send_together(
    robots: list[Robot], begin: float, end: float, leave_out: Callable[[Robot, float], bool] | None = None
) -> None:
    """Deliver what several robots captured, as `Robot.send` does, in the order of arrival at one recorder.

    Args:
        robots: The robots. Their times begin together.
        begin: Begin in seconds.
        end: End in seconds.
        leave_out: Whether a frame is lost, by robot and capture time. Defaults to none lost.
    """
    frames = [(robot, *each) for robot in robots for each in robot.frames(begin, end)]
    for robot, track, captured, frame in sorted(frames, key=lambda each: each[3].time):
        if leave_out is None or not leave_out(robot, captured):
            track.deliver(frame)


def recorder_of(
    robot: Robot, path: Path, callbacks: Callbacks | None = None, segment_seconds: float | None = None
) -> Recorder:
    """A recorder of a robot's tracks."""
    return recording(path, robot.tracks, callbacks, segment_seconds=segment_seconds)[1]


def recording(
    path: Path,
    tracks: Sequence[RecordableTrack],
    callbacks: Callbacks | None = None,
    *,
    loop: LoopThread | None = None,
    segment_seconds: float | None = None,
) -> tuple[RecorderThread, Recorder]:
    """What a session works with of a recorder, and the recorder, made as by `Session.record`."""
    thread = RecorderThread(path, tracks, "session s with peer p", loop, segment_seconds)
    return thread, Recorder(thread, 10.0, callbacks)


@functools.cache
def encoded_frames(codec: str, size: tuple[int, int]) -> list[tuple[bytes, bool]]:
    """A loop of numbered frames with a keyframe every second: access units, and whether each is a keyframe."""
    # Without this SVT-AV1 writes to standard error.
    os.environ.setdefault("SVT_LOG", "0")
    encoder = av.CodecContext.create(_VIDEO_ENCODERS[codec], "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.framerate = Fraction(FPS)
    encoder.gop_size = FPS
    encoder.bit_rate = 400_000
    encoder.thread_count = 1
    encoder.options = _VIDEO_OPTIONS[codec]
    with without_real_time():
        encoder.open()
    units = []
    for number in range(LOOP_SECONDS * FPS):
        frame = av.VideoFrame.from_ndarray(numbered_frame(number, *size), format="bgr24").reformat(format="yuv420p")
        frame.pts = number
        frame.pict_type = 1 if number % FPS == 0 else 0
        units += [(bytes(packet), bool(packet.is_keyframe)) for packet in encoder.encode(frame)]
    assert len(units) == LOOP_SECONDS * FPS
    return units


@functools.cache
def encoded_audio(codec: str) -> list[bytes]:
    """A loop of beeps in packets of 20 ms."""
    name, rate, _ = _AUDIO[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate = rate
    encoder.layout = "stereo" if codec == "opus" else "mono"
    encoder.format = "s16"
    encoder.time_base = Fraction(1, rate)
    # Two loops are encoded and the second is taken, because encoders begin softly.
    samples = beeps(2 * LOOP_SECONDS, rate)
    if codec == "opus":
        samples = np.repeat(samples, 2, axis=1)
    length = rate // 50
    packets = []
    for begin in range(0, len(samples), length):
        block = np.ascontiguousarray(samples[begin : begin + length].reshape(1, -1))
        audio_frame = av.AudioFrame.from_ndarray(block, format="s16", layout=encoder.layout.name)
        audio_frame.sample_rate = rate
        audio_frame.pts = begin
        packets += [bytes(packet) for packet in encoder.encode(audio_frame)]
    assert len(packets) == 2 * LOOP_SECONDS * 50
    return packets[LOOP_SECONDS * 50 :]


@dataclass
class Played:
    """The content of a file as a player sees it.

    Attributes:
        codecs: Codecs of its streams.
        frames: The time in seconds, the number and the size of each frame.
        samples: The audio from time 0, mono, with silence in gaps.
        duration: Duration in seconds; None: the file does not have it.
        first_audio: Time of the first sample, in seconds.
    """

    codecs: set[str]
    frames: list[tuple[float, int | None, tuple[int, int]]]
    samples: NDArray[np.float64]
    duration: float | None
    first_audio: float | None

    @property
    def frame_times(self) -> list[float]:
        """The times of the frames."""
        return [shown for shown, _, _ in self.frames]

    @property
    def beep_times(self) -> list[float]:
        """The times at which beeps begin, without one at the very beginning."""
        return onsets(self.samples)

    @property
    def frame_offset(self) -> float:
        """Mean of the seconds by which frames are later than in a loop that begins at time 0."""
        return _mean([_folded(shown - number / FPS) for shown, number, _ in self.frames if number is not None])

    @property
    def beep_offset(self) -> float:
        """Mean of the seconds by which beeps are later than full seconds, between -0.5 and 0.5."""
        return _mean([_folded(heard, 1.0) for heard in self.beep_times])

    @property
    def audio_lag(self) -> float:
        """Seconds by which the sound is later than the frame of the same moment."""
        return _folded(self.beep_offset - self.frame_offset, 1.0)


def assert_in_sync(file: Played, seconds: float = 0.04) -> None:
    """Fail if sound and video are further apart than some seconds."""
    assert abs(file.audio_lag) <= seconds


def played(path: Path) -> Played:
    """Decode a complete file."""
    frames: list[tuple[float, int | None, tuple[int, int]]] = []
    blocks: list[tuple[float, NDArray[np.float64]]] = []
    with av.open(str(path)) as container:
        codecs = {stream.codec_context.name for stream in container.streams}
        duration = None if container.duration is None else container.duration / 1e6
        for frame in (frame for packet in container.demux() for frame in _decoded(packet)):
            assert frame.time is not None
            if isinstance(frame, av.VideoFrame):
                frames.append((frame.time, number_in(frame.to_ndarray(format="bgr24")), (frame.width, frame.height)))
            elif isinstance(frame, av.AudioFrame):
                blocks.append((frame.time, frame.to_ndarray()[0].astype(np.float64) * 32767))
    samples = np.zeros(round(max((at + len(block) / RATE for at, block in blocks), default=0.0) * RATE) + 1)
    for at, block in blocks:
        samples[round(at * RATE) :][: len(block)] = block
    return Played(codecs, frames, samples, duration, blocks[0][0] if blocks else None)


def packet_times(path: Path) -> dict[str, list[float]]:
    """The times of all packets of a file, in seconds, by the kind of their stream."""
    times: dict[str, list[float]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is not None:
                times.setdefault(packet.stream.type, []).append(packet.pts * float(packet.time_base))
    return times


def _decoded(packet: av.Packet[Any]) -> list[Any]:
    try:
        return packet.decode()
    except av.FFmpegError:
        # A player skips what is damaged.
        return []


def _folded(seconds: float, period: float = LOOP_SECONDS) -> float:
    return (seconds + period / 2) % period - period / 2


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
