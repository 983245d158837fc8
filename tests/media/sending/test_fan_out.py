"""`FanOut`: a frame is packed once for all sinks of its stream, and no sink takes the frames from the others."""

from __future__ import annotations

import logging

import pytest

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.fan_out import FanOut, FrameStream

from ...helpers.send_forms import send_form
from ...helpers.stepped_loop import SteppedLoop

VP8 = FrameStream(send_form("VP8"))
VP9 = FrameStream(send_form("VP9"))
SLOW = VP8._replace(is_slow=True)


class Viewer:
    """A sink that keeps what it gets."""

    def __init__(self, error: Exception | None = None) -> None:
        self.frames: list[int] = []
        self.payloads: list[list[bytes]] = []
        self._error = error

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        if self._error is not None:
            raise self._error
        self.frames.append(frame.timestamp)
        self.payloads.append(payloads)


@pytest.fixture
def loop() -> SteppedLoop:
    return SteppedLoop()


@pytest.fixture
def fan_out() -> FanOut:
    return FanOut()


def add(fan_out: FanOut, viewer: Viewer, stream: FrameStream, loop: SteppedLoop) -> Viewer:
    fan_out.add(viewer, stream.form, loop.thread)
    return viewer


def frame(number: int, codec: str = "VP8", size: int = 3000, keyframe: bool = True) -> EncodedFrame:
    return EncodedFrame(codec, bytes(size), number, keyframe, 0.0)


def test_all_sinks_of_a_stream_get_the_same_payloads(fan_out: FanOut, loop: SteppedLoop) -> None:
    first, second = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))

    fan_out.post(VP8, frame(1))
    loop.run()

    assert first.frames == second.frames == [1]
    assert first.payloads[0] is second.payloads[0], "packed once"
    assert len(first.payloads[0]) > 1, "in several packets"


def test_a_sink_gets_the_frames_of_its_stream_alone(fan_out: FanOut, loop: SteppedLoop) -> None:
    vp8, vp9 = add(fan_out, Viewer(), VP8, loop), add(fan_out, Viewer(), VP9, loop)
    assert set(fan_out.streams) == {VP8, VP9}

    fan_out.post(VP8, frame(1))
    fan_out.post(VP9, frame(2, "VP9"))
    loop.run()

    assert (vp8.frames, vp9.frames) == ([1], [2])


def test_a_removed_sink_gets_nothing_that_the_loop_has_not_delivered(fan_out: FanOut, loop: SteppedLoop) -> None:
    gone, stays = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))

    fan_out.post(VP8, frame(1))
    fan_out.remove(gone)
    loop.run()

    assert (gone.frames, stays.frames) == ([], [1])
    fan_out.remove(stays)
    assert fan_out.streams == ()


def test_frames_wait_while_the_loop_delivers_none(fan_out: FanOut, loop: SteppedLoop) -> None:
    add(fan_out, Viewer(), VP8, loop)

    posted = 0
    while not fan_out.is_congested:
        fan_out.post(VP8, frame(posted))
        posted += 1

    assert posted == 4
    loop.run()
    assert not fan_out.is_congested


def test_two_streams_may_have_twice_as_many_frames_on_the_way(fan_out: FanOut, loop: SteppedLoop) -> None:
    viewer, _ = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))
    fan_out.switch(viewer, SLOW, 0)

    posted = 0
    while not fan_out.is_congested:
        for stream in (VP8, SLOW):
            fan_out.post(stream, frame(posted))
        posted += 1

    assert posted == 4


def test_frames_of_a_loop_that_has_ended_hold_nothing_up(fan_out: FanOut, loop: SteppedLoop) -> None:
    viewer = add(fan_out, Viewer(), VP8, loop)
    for number in range(4):
        fan_out.post(VP8, frame(number))
    assert fan_out.is_congested
    fan_out.remove(viewer)

    another = SteppedLoop()
    add(fan_out, viewer, VP8, another)

    assert not fan_out.is_congested
    fan_out.post(VP8, frame(4))
    another.run()
    assert viewer.frames == [4]


def test_a_closed_loop_holds_nothing_up(fan_out: FanOut, loop: SteppedLoop) -> None:
    add(fan_out, Viewer(), VP8, loop)
    loop.is_closed = True

    for number in range(10):
        fan_out.post(VP8, frame(number))

    assert not fan_out.is_congested


def test_a_source_without_a_loop_posts_nothing(fan_out: FanOut) -> None:
    fan_out.post(VP8, frame(1))

    assert not fan_out.is_congested


def test_a_sink_that_fails_is_dropped_and_the_others_get_their_frame(
    fan_out: FanOut, loop: SteppedLoop, caplog: pytest.LogCaptureFixture
) -> None:
    add(fan_out, Viewer(ValueError("no room")), VP8, loop)
    other = add(fan_out, Viewer(), VP8, loop)

    for number in range(2):
        fan_out.post(VP8, frame(number))
    loop.run()

    assert other.frames == [0, 1]
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert "gets no more frames" in record.getMessage()


def test_sink_that_changes_its_stream_begins_with_a_keyframe_that_is_not_old(
    fan_out: FanOut, loop: SteppedLoop
) -> None:
    viewer, stays = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))

    fan_out.post(VP8, frame(1))
    fan_out.call(fan_out.switch, viewer, SLOW, 3)
    for number, keyframe in [(2, True), (3, False), (4, True), (5, False)]:
        fan_out.post(SLOW, frame(number, keyframe=keyframe))
        fan_out.post(VP8, frame(number, keyframe=False))
    loop.run()

    assert viewer.frames == [1, 4, 5]
    assert stays.frames == [1, 2, 3, 4, 5]


def test_sink_that_changes_back_begins_with_a_keyframe_again(fan_out: FanOut, loop: SteppedLoop) -> None:
    viewer = add(fan_out, Viewer(), VP8, loop)

    fan_out.call(fan_out.switch, viewer, SLOW, 1)
    fan_out.call(fan_out.switch, viewer, VP8, 2)
    for number, keyframe in [(1, True), (2, False), (3, True)]:
        fan_out.post(VP8, frame(number, keyframe=keyframe))
    loop.run()

    assert viewer.frames == [3]


def test_sink_that_was_removed_changes_to_nothing(fan_out: FanOut, loop: SteppedLoop) -> None:
    viewer = add(fan_out, Viewer(), VP8, loop)

    fan_out.call(fan_out.switch, viewer, SLOW, 1)
    fan_out.remove(viewer)
    fan_out.post(SLOW, frame(1))
    loop.run()

    assert viewer.frames == []
    assert fan_out.streams == ()


def test_sink_that_comes_back_begins_with_any_frame(fan_out: FanOut, loop: SteppedLoop) -> None:
    viewer = add(fan_out, Viewer(), VP8, loop)
    fan_out.switch(viewer, SLOW, 1000)
    fan_out.remove(viewer)
    add(fan_out, viewer, VP8, loop)

    fan_out.post(VP8, frame(1))
    loop.run()

    assert viewer.frames == [1]
