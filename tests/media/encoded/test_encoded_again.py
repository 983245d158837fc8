"""Only links that cannot take a stream as it is get it encoded again."""

from __future__ import annotations

import queue
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.codecs import CODECS
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.frame_conversion import to_array
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.encoded_video_source import EncodedVideoSource
from gst_signalling_sync.webrtc.media.sending.source import Choice, Negotiated

from ...helpers.media import number_in
from .units import Encoder, bringing, encoded, units_of

HIGH = Negotiated("H264", {"profile-level-id": "64001f", "packetization-mode": 1})
BASELINE = Negotiated("H264", {"profile-level-id": "42e01f", "packetization-mode": 1})
SMALL_UNITS = Negotiated("H264", {"profile-level-id": "42e01f", "packetization-mode": 0})
VP8 = Negotiated("VP8", {})


class Link:
    """What a session's sender does with a source."""

    def __init__(self, source: EncodedVideoSource, loop: LoopThread, negotiated: list[Negotiated]) -> None:
        self.feed = feed_of(source)
        self.loop = loop
        self.negotiated = negotiated
        self.choice: Choice | None = None
        self.frames: queue.SimpleQueue[EncodedFrame] = queue.SimpleQueue()
        self._awaits_keyframe = True
        self._decoder: tuple[str, VideoCodecContext] | None = None
        self._call(self.choose_again)

    def choose_again(self) -> None:
        choice = self.feed.choose(self, self.negotiated, self.loop)
        if choice == self.choice:
            return
        if self.choice is not None:
            self.choice.feed.detach(self)
        self.choice = choice
        self._awaits_keyframe = True
        codec, parameters = self.negotiated[choice.place]
        choice.feed.attach(self, CODECS[codec].send_form(parameters), self.loop)

    def replay(self, frames: list[tuple[EncodedFrame, list[bytes]]]) -> None:
        for frame, payloads in frames:
            self.deliver(frame, payloads)

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        assert max(map(len, payloads)) <= 1100
        self._awaits_keyframe = self._awaits_keyframe and not frame.keyframe
        if not self._awaits_keyframe:
            self.frames.put(frame)

    def next_decoded(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        while True:
            frame = self.frames.get(timeout=20)
            if self._decoder is None and not frame.keyframe:
                continue
            if self._decoder is None or self._decoder[0] != frame.codec:
                self._decoder = frame.codec, cast(VideoCodecContext, av.CodecContext.create(frame.codec.lower(), "r"))
            for decoded in self._decoder[1].decode(av.Packet(frame.data)):
                return to_array(decoded)

    def leave(self) -> None:
        def end() -> None:
            assert self.choice is not None
            self.choice.feed.detach(self)
            self.feed.leave(self)

        self._call(end)

    def _call(self, function: Any) -> None:
        async def run() -> None:
            function()

        self.loop.run(run(), Deadline(5), "calling the source")


def is_as_written(frame: EncodedFrame, written: list[bytes]) -> bool:
    """Whether a frame is one of the written ones, regardless of the length of its start codes."""
    return units_of(frame.data) in [units_of(data) for data in written]


@pytest.mark.parametrize("negotiated", [[BASELINE], [SMALL_UNITS], [VP8], [VP8, BASELINE]], ids=str)
def test_link_gets_frames_in_what_it_takes(loop: LoopThread, negotiated: list[Negotiated]) -> None:
    source = EncodedVideoSource("H264")
    with bringing(source, Encoder("H264", "high")):
        link = Link(source, loop, negotiated)
        numbers = [number_in(link.next_decoded()) for _ in range(5)]
        assert None not in numbers
        link.leave()
    feed_of(source).join(Deadline(5))


def test_link_that_takes_the_stream_gets_it_beside_one_that_does_not(loop: LoopThread) -> None:
    source = EncodedVideoSource("H264")
    written: list[bytes] = []
    with bringing(source, Encoder("H264", "high"), written=written):
        links = [Link(source, loop, negotiated) for negotiated in ([HIGH, BASELINE], [BASELINE])]
        for link in links:
            assert number_in(link.next_decoded()) is not None
        assert is_as_written(links[0].frames.get(timeout=5), written)
        assert not is_as_written(links[1].frames.get(timeout=5), written)
        for link in links:
            link.leave()
    feed_of(source).join(Deadline(5))


def test_late_one_is_encoded_again_from_the_last_keyframe_on(loop: LoopThread) -> None:
    source = EncodedVideoSource("H264")
    for data in encoded("H264", 20):
        source.write(data)
    link = Link(source, loop, [VP8])

    while number_in(link.next_decoded()) != 19:
        pass
    link.leave()
    feed_of(source).join(Deadline(5))


def test_link_that_the_stream_no_longer_suits_gets_it_encoded_again(loop: LoopThread) -> None:
    source = EncodedVideoSource("H264")
    link = Link(source, loop, [BASELINE])
    written: list[bytes] = []
    with bringing(source, Encoder("H264", "baseline"), written=written):
        assert is_as_written(link.frames.get(timeout=5), written)
    with bringing(source, Encoder("H264", "high", size=(640, 480)), written=written):
        while link.next_decoded().shape != (480, 640, 3):
            pass
        assert not is_as_written(link.frames.get(timeout=5), written)
    with bringing(source, Encoder("H264", "baseline", size=(160, 120)), written=written):
        while link.next_decoded().shape != (120, 160, 3):
            pass
        assert is_as_written(link.frames.get(timeout=5), written)
    link.leave()
    feed_of(source).join(Deadline(5))


def test_nothing_is_decoded_where_nobody_needs_it(loop: LoopThread) -> None:
    source = EncodedVideoSource("H264")
    link = Link(source, loop, [HIGH, VP8])
    for data in encoded("H264", 20):
        source.write(data)
        link.next_decoded()

    assert feed_of(source).frames_decoded == 0
    link.leave()
