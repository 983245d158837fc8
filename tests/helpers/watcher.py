"""`Watcher`: takes the place of a session at a video source."""

from __future__ import annotations

import queue
from typing import Any

import numpy as np

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.frame_conversion import to_array
from gst_signalling_sync.webrtc.media.receiving.video_decoder import VideoDecoder
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from .send_forms import send_form

__all__ = ["Watcher"]


class Watcher:
    """A sink that keeps what a session's sender would send: all frames from the first keyframe on."""

    def __init__(self, source: VideoSource, loop: LoopThread, codec: str = "VP8") -> None:
        self._feed = feed_of(source)
        self._loop = loop
        self._frames: queue.SimpleQueue[EncodedFrame] = queue.SimpleQueue()
        self._awaits_keyframe = True
        self._decoder = VideoDecoder()
        self._call(lambda: self._feed.attach(self, send_form(codec), loop))

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        assert payloads
        if frame.keyframe or not self._awaits_keyframe:
            self._awaits_keyframe = False
            self._frames.put(frame)

    def next(self, timeout: float = 30.0) -> EncodedFrame:
        return self._frames.get(timeout=timeout)

    def next_decoded(self, timeout: float = 30.0) -> tuple[EncodedFrame, np.ndarray[Any, np.dtype[np.uint8]]]:
        frame = self.next(timeout)
        (decoded,) = self._decoder.decode(frame)
        return frame, to_array(decoded)

    def ask_for_keyframe(self) -> None:
        self._call(lambda: self._feed.request_keyframe(self))

    def leave(self) -> None:
        self._call(lambda: self._feed.detach(self))

    def _call(self, function: Any) -> None:
        async def run() -> None:
            function()

        self._loop.run(run(), Deadline(5), "calling the source")
