"""`AudioSource`: written sound is encoded once, in real time, for all sinks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of

from ...helpers.media import frequency_of, tone
from ...helpers.send_forms import send_form
from ...helpers.waiting import wait_until


class Listener:
    """A sink that keeps what it receives."""

    def __init__(self, source: AudioSource, loop: LoopThread) -> None:
        self._feed = feed_of(source)
        self._loop = loop
        self._frames: queue.SimpleQueue[EncodedFrame] = queue.SimpleQueue()
        self._call(lambda: self._feed.attach(self, send_form("opus"), loop))

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        assert payloads == [frame.data]
        self._frames.put(frame)

    def next(self, timeout: float = 10.0) -> EncodedFrame:
        return self._frames.get(timeout=timeout)

    def packets(self, count: int) -> list[EncodedFrame]:
        return [self.next() for _ in range(count)]

    @property
    def waiting(self) -> int:
        return self._frames.qsize()

    def leave(self) -> None:
        self._call(lambda: self._feed.detach(self))

    def _call(self, function: Callable[[], None]) -> None:
        async def run() -> None:
            function()

        self._loop.run(run(), Deadline(5), "calling the source")


def _decode(packets: list[EncodedFrame]) -> np.ndarray[Any, np.dtype[np.int16]]:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.layout = "stereo"
    decoder.sample_rate = 48000
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames]).astype(np.int16)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (48000, 2), (16000, 1), (44100, 2), (8000, 1)])
def test_a_tone_keeps_its_frequency_at_any_rate(loop: LoopThread, rate: int, channels: int) -> None:
    source = AudioSource(rate, channels)
    listener = Listener(source, loop)
    source.write(tone(440, rate, rate, channels))
    samples = _decode(listener.packets(45))
    listener.leave()
    feed_of(source).join(Deadline(5))
    assert abs(frequency_of(samples[4800:]) - 440) < 5


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_samples_of_each_type_sound_the_same(loop: LoopThread, dtype: type[Any]) -> None:
    source = AudioSource()
    listener = Listener(source, loop)
    audio = tone(440, 24000)[:, 0]
    source.write(audio if dtype is np.int16 else (audio / 32768).astype(dtype))
    samples = _decode(listener.packets(20))
    listener.leave()
    feed_of(source).join(Deadline(5))
    assert abs(frequency_of(samples[4800:]) - 440) < 5
    assert 10_000 < np.abs(samples[4800:]).max() < 14_000


def test_packets_of_any_writes_follow_on_one_another(loop: LoopThread) -> None:
    source = AudioSource()
    listener = Listener(source, loop)
    for length in (1, 100, 959, 960, 961, 5000, 3):
        source.write(np.zeros(length, np.int16))
    timestamps = [packet.timestamp for packet in listener.packets(7)]
    listener.leave()
    feed_of(source).join(Deadline(5))
    assert set(np.diff(timestamps)) == {960}


def test_what_is_written_ahead_comes_in_real_time(loop: LoopThread) -> None:
    source = AudioSource()
    listener = Listener(source, loop)
    begin = time.monotonic()
    source.write(np.zeros(960, np.int16))
    listener.next()
    source.write(np.zeros(48000 // 2, np.int16))
    listener.packets(20)
    assert time.monotonic() - begin > 0.3
    listener.leave()
    feed_of(source).join(Deadline(5))


def test_after_a_pause_the_time_stamps_go_on_with_the_clock(loop: LoopThread) -> None:
    source = AudioSource()
    listener = Listener(source, loop)
    begin = time.monotonic()
    source.write(np.zeros(960 * 2, np.int16))
    first = listener.next()
    wait_until(lambda: time.monotonic() - begin > 2.5, "a pause")
    before = listener.waiting
    source.write(np.zeros(960 * 2, np.int16))
    later = listener.packets(before + 1)[-1]
    seconds = (later.timestamp - first.timestamp) / 48000
    assert 2 < seconds <= time.monotonic() - begin + 0.05
    listener.leave()
    feed_of(source).join(Deadline(5))


def test_packets_tell_when_their_sound_was_captured(loop: LoopThread) -> None:
    source = AudioSource()
    listener = Listener(source, loop)
    begin = time.monotonic() - 1.5
    for piece in range(3):
        source.write(np.zeros(960, np.int16), captured=begin + piece * 0.5)
        packet = listener.next()
        # The Opus encoder delays sound by 6.5 ms.
        assert packet.timestamp / 48000 == pytest.approx(begin + piece * 0.5, abs=0.01)
    listener.leave()
    feed_of(source).join(Deadline(5))


@pytest.mark.parametrize("captured", [1.8e9, -1.8e9, float("inf"), float("nan")])
def test_a_moment_of_another_clock_is_refused(captured: float) -> None:
    source = AudioSource()
    with pytest.raises(ValueError, match=r"time\.monotonic"):
        source.write(np.zeros(960, np.int16), captured=captured)
    assert source.samples_written == 0


def test_the_thread_lives_while_somebody_listens(loop: LoopThread) -> None:
    source = AudioSource()
    source.write(np.zeros(9600, np.int16))
    for _ in range(3):
        listener = Listener(source, loop)
        source.write(np.zeros(9600, np.int16))
        listener.next()
        listener.leave()
        feed_of(source).join(Deadline(5))
        assert not [thread for thread in threading.enumerate() if thread.name == "gss-audio-source"]


@pytest.mark.parametrize(
    ("audio", "error", "words"),
    [
        ([0, 0], TypeError, "list"),
        (np.zeros(10, np.int32), TypeError, "int32"),
        (np.zeros((10, 2), np.int16), ValueError, r"\(samples, 1\)"),
        (np.zeros((1, 10, 1), np.int16), ValueError, r"\(samples,\)"),
        (np.full(10, np.nan, np.float32), ValueError, "finite"),
    ],
)
def test_what_is_no_sound_is_refused(audio: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        AudioSource().write(audio)


@pytest.mark.parametrize("arguments", [{"rate": 0}, {"rate": 1_000_000}, {"channels": 0}, {"channels": 3}])
def test_bad_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        AudioSource(**arguments)


def test_an_empty_array_is_nothing() -> None:
    source = AudioSource()
    source.write(np.zeros(0, np.int16))
    assert source.queued == 0
