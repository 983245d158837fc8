"""`FanOut`: a frame is packed once for all sinks of its form, and no sink takes the frames from the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.webrtc.media.codecs.codec import SendForm
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.fan_out import FanOut

from ...helpers.send_forms import send_form

VP8 = send_form("VP8")
VP9 = send_form("VP9")


class Loop:
    """A loop that calls functions when it is told to."""

    def __init__(self) -> None:
        self.is_closed = False
        self._calls: list[Callable[[], object]] = []

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        if not self.is_closed:
            self._calls.append(lambda: function(*arguments))
        return not self.is_closed

    def run(self) -> None:
        calls, self._calls = self._calls, []
        for each in calls:
            each()


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
def loop() -> Loop:
    return Loop()


@pytest.fixture
def fan_out() -> FanOut:
    return FanOut()


def add(fan_out: FanOut, viewer: Viewer, form: SendForm, loop: Loop) -> Viewer:
    fan_out.add(viewer, form, cast(LoopThread, loop))
    return viewer


def frame(number: int, codec: str = "VP8", size: int = 3000) -> EncodedFrame:
    return EncodedFrame(codec, bytes(size), number, True, 0.0)


def test_all_sinks_of_a_form_get_the_same_payloads(fan_out: FanOut, loop: Loop) -> None:
    first, second = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))

    fan_out.post(VP8, frame(1))
    loop.run()

    assert first.frames == second.frames == [1]
    assert first.payloads[0] is second.payloads[0], "packed once"
    assert len(first.payloads[0]) > 1, "in several packets"


def test_a_sink_gets_the_frames_of_its_form_alone(fan_out: FanOut, loop: Loop) -> None:
    vp8, vp9 = add(fan_out, Viewer(), VP8, loop), add(fan_out, Viewer(), VP9, loop)
    assert set(fan_out.forms) == {VP8, VP9}

    fan_out.post(VP8, frame(1))
    fan_out.post(VP9, frame(2, "VP9"))
    loop.run()

    assert (vp8.frames, vp9.frames) == ([1], [2])


def test_a_removed_sink_gets_nothing_that_the_loop_has_not_delivered(fan_out: FanOut, loop: Loop) -> None:
    gone, stays = (add(fan_out, Viewer(), VP8, loop) for _ in range(2))

    fan_out.post(VP8, frame(1))
    fan_out.remove(gone)
    loop.run()

    assert (gone.frames, stays.frames) == ([], [1])
    fan_out.remove(stays)
    assert fan_out.forms == ()


def test_frames_wait_while_the_loop_delivers_none(fan_out: FanOut, loop: Loop) -> None:
    add(fan_out, Viewer(), VP8, loop)

    posted = 0
    while not fan_out.is_congested:
        fan_out.post(VP8, frame(posted))
        posted += 1

    assert posted == 4
    loop.run()
    assert not fan_out.is_congested


def test_frames_of_a_loop_that_has_ended_hold_nothing_up(fan_out: FanOut, loop: Loop) -> None:
    viewer = add(fan_out, Viewer(), VP8, loop)
    for number in range(4):
        fan_out.post(VP8, frame(number))
    assert fan_out.is_congested
    fan_out.remove(viewer)

    another = Loop()
    add(fan_out, viewer, VP8, another)

    assert not fan_out.is_congested
    fan_out.post(VP8, frame(4))
    another.run()
    assert viewer.frames == [4]


def test_a_closed_loop_holds_nothing_up(fan_out: FanOut, loop: Loop) -> None:
    add(fan_out, Viewer(), VP8, loop)
    loop.is_closed = True

    for number in range(10):
        fan_out.post(VP8, frame(number))

    assert not fan_out.is_congested


def test_a_source_without_a_loop_posts_nothing(fan_out: FanOut) -> None:
    fan_out.post(VP8, frame(1))

    assert not fan_out.is_congested


def test_a_sink_that_fails_is_dropped_and_the_others_get_their_frame(
    fan_out: FanOut, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    add(fan_out, Viewer(ValueError("no room")), VP8, loop)
    other = add(fan_out, Viewer(), VP8, loop)

    for number in range(2):
        fan_out.post(VP8, frame(number))
    loop.run()

    assert other.frames == [0, 1]
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert "gets no more frames" in record.getMessage()
