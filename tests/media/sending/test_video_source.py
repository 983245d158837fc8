"""`VideoSource`: written frames are encoded once for all sinks, and never late."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.codecs.codec import SendForm
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending import encodings
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.fan_out import Sink
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.media import number_in, numbered_frame
from ...helpers.waiting import wait_until
from ...helpers.watcher import Watcher


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoSource]:
    """A source that repeats its frame only for a new sink, however long a test is delayed."""
    monkeypatch.setattr(encodings, "REPEAT_SECONDS", 60.0)
    made = VideoSource()
    feed, sinks = feed_of(made), list[Sink]()
    attach = feed.attach

    def attach_and_keep(sink: Sink, form: SendForm, loop: LoopThread) -> None:
        sinks.append(sink)
        attach(sink, form, loop)

    monkeypatch.setattr(feed, "attach", attach_and_keep)
    yield made
    for sink in sinks:
        feed.detach(sink)
    feed.join(Deadline(5))


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
@pytest.mark.parametrize("size", [(320, 240), (321, 241), (64, 48)])
def test_a_written_frame_can_be_recognised(
    source: VideoSource, loop: LoopThread, codec: str, size: tuple[int, int]
) -> None:
    watcher = Watcher(source, loop, codec)
    source.write(numbered_frame(1234, *size))
    frame, array = watcher.next_decoded()

    assert frame.keyframe
    assert number_in(array) == 1234
    if codec in ("VP8", "VP9"):
        assert array.shape == (size[1], size[0], 3)


def test_many_watchers_get_the_same_frames_from_one_encoder(source: VideoSource, loop: LoopThread) -> None:
    watchers = [Watcher(source, loop) for _ in range(8)]
    for number in range(5):
        source.write(numbered_frame(number))
        frames = [watcher.next() for watcher in watchers]
        assert all(frame is frames[0] for frame in frames)
    assert source.frames_encoded == 5


def test_each_codec_in_use_is_encoded_once(source: VideoSource, loop: LoopThread) -> None:
    watchers = [Watcher(source, loop, codec) for codec in ("VP8", "H264", "VP8", "H264")]
    source.write(numbered_frame(7))
    frames = [watcher.next() for watcher in watchers]
    assert [frame.codec for frame in frames] == ["VP8", "H264", "VP8", "H264"]
    assert frames[0].timestamp == frames[1].timestamp
    assert source.frames_encoded == 2


def test_who_joins_a_source_that_pauses_gets_its_last_frame(source: VideoSource, loop: LoopThread) -> None:
    source.write(numbered_frame(42))
    early = Watcher(source, loop)
    assert early.next().keyframe

    late = Watcher(source, loop)
    frame, array = late.next_decoded()
    assert frame.keyframe
    assert number_in(array) == 42


def test_a_source_that_pauses_repeats_its_last_frame(
    source: VideoSource, loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "REPEAT_SECONDS", 1.0)
    watcher = Watcher(source, loop)
    source.write(numbered_frame(42))
    first, _ = watcher.next_decoded()
    second, frame = watcher.next_decoded()

    assert number_in(frame) == 42
    assert second.timestamp > first.timestamp
    assert not second.keyframe


def test_a_request_brings_a_keyframe(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    source.write(numbered_frame(1))
    assert watcher.next().keyframe
    source.write(numbered_frame(2))
    assert not watcher.next().keyframe

    watcher.ask_for_keyframe()
    for number in range(60):
        source.write(numbered_frame(number))
        if watcher.next().keyframe:
            return
    pytest.fail("no keyframe came")


def test_the_size_may_change_at_any_time(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    for number, size in enumerate([(320, 240), (641, 479), (64, 48), (320, 240)]):
        source.write(numbered_frame(number, *size))
        frame, array = watcher.next_decoded()
        assert frame.keyframe
        assert array.shape == (size[1], size[0], 3)
        assert number_in(array) == number


def test_a_fast_writer_is_sent_with_its_newest_frames_at_its_frame_rate(loop: LoopThread) -> None:
    source = VideoSource(fps=20)
    watcher = Watcher(source, loop)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            source.write(numbered_frame(number))
            number += 1
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        frames = [watcher.next_decoded() for _ in range(20)]
    finally:
        stop.set()
        writer.join()
    watcher.leave()
    feed_of(source).join(Deadline(5))

    seconds = (frames[-1][0].timestamp - frames[0][0].timestamp) / 90000
    # On a busy machine it is slower; it is faster by at most the three that may come early, and the clock's tolerance.
    assert seconds > 14 / 20
    numbers = [number_in(frame) for _, frame in frames]
    assert all(later is not None and earlier is not None and later > earlier for earlier, later in pairwise(numbers))


def test_timestamps_tell_when_a_frame_was_written(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    for number in range(5):
        before = time.monotonic()
        source.write(numbered_frame(number))
        after = time.monotonic()
        assert before - 0.001 <= watcher.next().timestamp / 90000 <= after


def test_timestamps_tell_when_a_frame_was_captured(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    begin = time.monotonic() - 2
    for number in range(5):
        source.write(numbered_frame(number), captured=begin + number / 3)
        frame = watcher.next()
        assert frame.time == begin + number / 3
        assert frame.timestamp / 90000 == pytest.approx(frame.time, abs=0.001)


@pytest.mark.parametrize("captured", [1.8e9, -1.8e9, float("inf"), float("nan")])
def test_a_moment_of_another_clock_is_refused(source: VideoSource, captured: float) -> None:
    with pytest.raises(ValueError, match=r"time\.monotonic"):
        source.write(numbered_frame(0), captured=captured)
    assert source.frames_written == 0


def test_the_thread_lives_while_somebody_watches(source: VideoSource, loop: LoopThread) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "gss-video-source"]

    source.write(numbered_frame(1))
    assert not threads()
    for _ in range(3):
        first, second = Watcher(source, loop), Watcher(source, loop)
        assert first.next().keyframe
        assert len(threads()) == 1
        first.leave()
        assert len(threads()) == 1
        second.leave()
        feed_of(source).join(Deadline(5))
        assert not threads()


def test_who_leaves_and_comes_back_at_once_is_served(source: VideoSource, loop: LoopThread) -> None:
    for number in range(20):
        watcher = Watcher(source, loop)
        source.write(numbered_frame(number))
        frame, array = watcher.next_decoded()
        assert frame.keyframe
        assert number_in(array) in (number, number - 1)
        watcher.leave()


def test_what_is_still_encoded_for_who_left_comes_before_the_keyframe_of_who_came(
    source: VideoSource, loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher(source, loop)
    source.write(numbered_frame(0))
    watcher.next()
    encoding, go_on = threading.Event(), threading.Event()
    encode = VideoEncoder.encode

    def encode_slowly(encoder: VideoEncoder, *arguments: Any) -> list[EncodedFrame]:
        if not encoding.is_set():
            encoding.set()
            assert go_on.wait(10)
        return encode(encoder, *arguments)

    monkeypatch.setattr(VideoEncoder, "encode", encode_slowly)
    source.write(numbered_frame(1))
    assert encoding.wait(10)
    watcher.leave()
    follower = Watcher(source, loop)
    # If there were a second thread, it would have time to be faster than the first.
    with pytest.raises(queue.Empty):
        follower.next(timeout=0.5)
    go_on.set()
    for number in range(2, 12):
        source.write(numbered_frame(number))
        _, frame = follower.next_decoded()
        assert number_in(frame) in (number, number - 1)


def test_a_loop_that_stalls_loses_no_more_than_frames(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    source.write(numbered_frame(0))
    watcher.next_decoded()
    stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        stalled.set()
        go_on.wait(10)

    loop.call(stall)
    assert stalled.wait(10)
    for number in range(1, 60):
        source.write(numbered_frame(number))
        time.sleep(0.01)
    assert source.frames_encoded < 10
    go_on.set()

    last: int | None = 0
    while last != 59:
        _, frame = watcher.next_decoded()
        last = number_in(frame)


def test_a_frame_that_cannot_be_converted_is_left_out(
    source: VideoSource, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher(source, loop)
    source.write(av.VideoFrame(64, 48, "gray32le"))
    wait_until(lambda: "gray32le" in caplog.text, "the log tells of it")
    source.write(numbered_frame(3))
    assert number_in(watcher.next_decoded()[1]) == 3


def test_a_sink_that_fails_takes_the_frame_from_nobody_else(
    source: VideoSource, loop: LoopThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(frame: EncodedFrame, payloads: list[bytes]) -> None:
        raise KeyError("broken sink")

    broken, watcher = Watcher(source, loop), Watcher(source, loop)
    monkeypatch.setattr(broken, "deliver", fail)
    for number in range(3):
        source.write(numbered_frame(number))
        assert number_in(watcher.next_decoded()[1]) == number
    assert caplog.text.count("gets no more frames") == 1


def test_a_bitrate_is_kept_to(loop: LoopThread) -> None:
    source = VideoSource(bitrate=(50_000, 200_000))
    watcher = Watcher(source, loop)
    noise = np.random.default_rng(1)
    size = 0
    for _ in range(30):
        source.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
        size += len(watcher.next().data)
    assert source.bitrate == 200_000
    feed_of(source).report_estimate(watcher, 80_000)
    assert source.bitrate == 80_000
    watcher.leave()
    feed_of(source).join(Deadline(5))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"codecs": ("VP7",)}, "'VP8', 'H264', 'VP9', 'AV1'"),
        ({"codecs": ()}, "'VP8', 'H264', 'VP9', 'AV1'"),
        ({"fps": 0}, "fps must be more than 0"),
        ({"fps": float("nan")}, "fps must be more than 0"),
        ({"fps": 1000}, "240"),
        ({"bitrate": 1000}, "bit/s"),
        ({"bitrate": (500_000, 100_000)}, "bit/s"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        VideoSource(**arguments)


def test_a_bad_frame_is_refused_and_the_stream_goes_on(source: VideoSource, loop: LoopThread) -> None:
    watcher = Watcher(source, loop)
    for bad in (np.zeros((48, 64)), np.zeros((0, 0, 3), np.uint8), "no array", None):
        with pytest.raises((TypeError, ValueError)):
            source.write(bad)
    source.write(numbered_frame(9))
    assert number_in(watcher.next_decoded()[1]) == 9
