"""A stream continues whatever its hardware encoder does, and a line of the log names the fault."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.filming import filming
from ...helpers.media import number_in
from ...helpers.watcher import Watcher
from .stand_in import StandIn

NAME = "h264_standin"
FREEZE_SECONDS = 2.0
"""The 0.8 s after which a driver is given up, with a margin for a busy machine."""

Hardware = Callable[..., StandIn]


@contextmanager
def watched(source: VideoSource, loop: LoopThread) -> Iterator[Watcher]:
    watcher = Watcher(source, loop, "H264")
    try:
        yield watcher
    finally:
        watcher.leave()
        feed_of(source).join(Deadline(5))


@contextmanager
def filmed(hardware: Hardware, loop: LoopThread) -> Iterator[tuple[StandIn, VideoSource, Watcher]]:
    """A hardware encoder whose frames are watched."""
    kind = hardware()
    source = VideoSource(encoder=NAME)
    with filming(source), watched(source, loop) as watcher:
        yield kind, source, watcher


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def next_keyframe(watcher: Watcher) -> EncodedFrame:
    while not (frame := watcher.next()).keyframe:
        pass
    return frame


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_encoder_that_works_is_used(hardware: Hardware, loop: LoopThread, delay: int) -> None:
    kind = hardware(delay=delay)
    source = VideoSource(encoder="auto")
    with filming(source), watched(source, loop) as watcher:
        frames = [watcher.next_decoded() for _ in range(30)]
        watcher.ask_for_keyframe()
        assert next_keyframe(watcher)

        assert source.encoders == {"H264": NAME}
        assert source.encoder_failure is None
    assert all(number_in(array) is not None for _, array in frames)
    assert frames[0][0].keyframe
    times = [frame.time for frame, _ in frames]
    assert times == sorted(times)
    assert kind.open_now == 0


@pytest.mark.alone
@pytest.mark.parametrize("delay", [1, 3])
def test_frame_that_is_held_back_comes_though_no_other_follows(
    hardware: Hardware, loop: LoopThread, delay: int
) -> None:
    hardware(delay=delay)
    source = VideoSource(encoder=NAME)
    with filming(source) as camera, watched(source, loop) as watcher:
        watcher.next()
    with watched(source, loop) as watcher:
        newest = camera.times[-1]
        began = time.monotonic()
        while watcher.next().time < newest - 0.1:
            pass
        assert time.monotonic() - began < FREEZE_SECONDS
        assert source.encoders == {"H264": NAME}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("absent", "Invalid argument"),
        ("dies", "Input/output error"),
        ("mute", "returned nothing for 8 frames"),
        ("headers never", "missing parameter sets"),
        ("high profile", "profile 64"),
        ("green", "does not show what it was given"),
    ],
)
def test_encoder_that_does_not_work_is_not_used(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture, fault: str, reason: str
) -> None:
    kind = hardware(fault)
    source = VideoSource(encoder=NAME)
    with filming(source), watched(source, loop) as watcher:
        _, frame = watcher.next_decoded()
        assert number_in(frame) is not None
        assert source.encoders == {"H264": "libx264"}

    assert reason in str(source.encoder_failure)
    (line,) = warnings(caplog)
    assert NAME in line
    assert reason in line
    assert kind.needs in line
    assert kind.open_now == 0


def test_parameter_sets_that_come_once_are_repeated(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    hardware("headers once")
    source = VideoSource(encoder=NAME)
    with filming(source), watched(source, loop) as first:
        first.next()
        with watched(source, loop) as second:
            _, frame = second.next_decoded()
            assert number_in(frame) is not None
        assert source.encoders == {"H264": NAME}
    assert not warnings(caplog)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("dies", "Input/output error"),
        ("mute", "returned nothing for 6 frames"),
        ("hangs", "did not return within 0.8 s"),
    ],
)
def test_encoder_that_breaks_down_freezes_nothing(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture, fault: str, reason: str
) -> None:
    with filmed(hardware, loop) as (kind, source, watcher):
        before = [watcher.next_decoded() for _ in range(10)][-1][0]
        kind.fault = fault
        at = time.monotonic()
        frame, array = watcher.next_decoded()
        while source.encoders != {"H264": "libx264"} or frame.time < at:
            assert frame.time - before.time < FREEZE_SECONDS
            before = frame
            frame, array = watcher.next_decoded()
        for _ in range(10):
            frame, array = watcher.next_decoded()
            assert number_in(array) is not None
        kind.goes_on.set()

    assert reason in str(source.encoder_failure)
    (line,) = warnings(caplog)
    assert reason in line
    assert source.frames_failed == 0
    assert kind.open_now == 0


@pytest.mark.alone
def test_encoder_that_is_late_more_and_more_is_opened_again(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    with filmed(hardware, loop) as (kind, source, watcher):
        watcher.next_decoded()
        opened = kind.opened
        kind.fault = "clogs"
        while kind.opened == opened:
            watcher.next_decoded()
        kind.fault = ""
        for _ in range(20):
            frame, array = watcher.next_decoded()
            assert number_in(array) is not None
        assert source.encoders == {"H264": NAME}
        assert time.monotonic() - frame.time < FREEZE_SECONDS
    assert not warnings(caplog)


def test_encoder_that_is_late_again_at_once_is_left(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    with filmed(hardware, loop) as (kind, source, watcher):
        watcher.next()
        kind.fault = "clogs"
        while source.encoders == {"H264": NAME}:
            watcher.next()
    (line,) = warnings(caplog)
    assert "too slow" in line


@pytest.mark.alone
def test_encoder_that_makes_no_keyframe_when_one_is_asked_for_is_left(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    with filmed(hardware, loop) as (kind, source, watcher):
        watcher.next()
        kind.fault = "ignores keyframes"
        while source.encoders == {"H264": NAME}:
            # There may be a keyframe by chance: on a busy machine the frame rate falls, and the encoder is opened again.
            watcher.ask_for_keyframe()
            asked = time.monotonic()
            assert next_keyframe(watcher).time - asked < FREEZE_SECONDS
    (line,) = warnings(caplog)
    assert "no keyframe" in line


def test_encoder_that_keeps_to_its_own_bitrate_is_left(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    hardware("ignores the bitrate")
    source = VideoSource(encoder=NAME, bitrate=(100_000, 4_000_000))
    with filming(source, noisy=True), watched(source, loop) as watcher:
        for _ in range(40):
            watcher.next()
        feed_of(source).report_estimate(watcher, 600_000)
        deadline = time.monotonic() + 10
        while source.encoders == {"H264": NAME}:
            assert time.monotonic() < deadline
            watcher.next()
    (line,) = warnings(caplog)
    assert "bitrate" in line


def test_driver_that_does_not_return_is_not_called_again(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    kind = hardware("hangs")
    source = VideoSource(encoder=NAME)
    assert kind.has_hung.is_set()
    opened = kind.opened
    other = VideoSource(encoder="auto")
    for each in (source, other):
        with filming(each), watched(each, loop) as watcher:
            watcher.next()
            assert each.encoders == {"H264": "libx264"}
    assert kind.opened == opened
    assert len(warnings(caplog)) == 2


def test_closing_does_not_wait_for_a_driver(
    hardware: Hardware, loop: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    kind = hardware()
    source = VideoSource(encoder=NAME)
    with filming(source):
        watcher = Watcher(source, loop, "H264")
        watcher.next()
        kind.fault = "hangs"
        assert kind.has_hung.wait(10)
        watcher.leave()
        began = time.monotonic()
        feed_of(source).join(Deadline(1.5))
        assert time.monotonic() - began < 5
    assert any("has not returned" in line for line in warnings(caplog))


def test_device_with_one_session_is_enough_for_who_comes_back(hardware: Hardware, loop: LoopThread) -> None:
    hardware(sessions=1)
    source = VideoSource(encoder=NAME)
    with filming(source):
        for _ in range(5):
            watcher = Watcher(source, loop, "H264")
            watcher.next()
            assert source.encoders == {"H264": NAME}
            watcher.leave()
    feed_of(source).join(Deadline(5))


def test_second_source_of_a_device_with_one_session_is_encoded_by_software(
    hardware: Hardware, loop: LoopThread
) -> None:
    hardware(sessions=1)
    first, second = VideoSource(encoder=NAME), VideoSource(encoder=NAME)
    with filming(first), filming(second), watched(first, loop) as watcher:
        watcher.next()
        with watched(second, loop) as other:
            other.next()
            assert (first.encoders, second.encoders) == ({"H264": NAME}, {"H264": "libx264"})
            assert "Cannot allocate memory" in str(second.encoder_failure)
    # A watcher that comes when the device is free gets it.
    with filming(second), watched(second, loop) as other:
        other.next()
        assert second.encoders == {"H264": NAME}
        assert second.encoder_failure is None
