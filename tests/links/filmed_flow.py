"""A camera whose frames are encoded by the real codec, sent over a link and reassembled, all in simulated time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Final

import av
import numpy as np

from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.encoded_frame import VIDEO_CLOCK_RATE
from gst_signalling_sync.webrtc.media.sending.chosen_encoder import ChosenEncoder
from gst_signalling_sync.webrtc.media.sending.encoding import Encoding
from gst_signalling_sync.webrtc.media.sending.video_encoder import default_bitrate

from .flow import Flow

__all__ = ["FilmedFlow"]

SIZE: Final = (640, 480)
_NOISE: Final = 5
"""Width of the frame divided by that of its corner of noise, as in GStreamer's test video."""

_BARS: Final = 8
_PAYLOAD_SHARE: Final = 0.93
_HEADROOM: Final = 1.3
_HEADER_BYTES: Final = 70
_WAITING: Final = 3
"""Maximum number of frames that wait; then no more are made."""


@dataclass
class FilmedFlow(Flow):
    """One camera and its viewer. Lost packets are sent again.

    Attributes:
        codec: The codec of the frames.
        keyframes: When each keyframe was made, in seconds.
        shown: When each frame was complete, and the seconds since its capture.
    """

    codec: str = "VP8"
    keyframes: list[float] = field(default_factory=list)
    shown: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        form = VIDEO[self.codec].send_form({})
        self.encoding = Encoding(ChosenEncoder(form), "balanced")
        self.estimator.maximum = default_bitrate(*SIZE, self.fps) / _PAYLOAD_SHARE * _HEADROOM
        self._pack = form.new_packer()
        self._pixels = np.random.default_rng(self.seed)
        width, height = SIZE
        bars = np.repeat(self._pixels.integers(0, 255, (1, _BARS, 3), dtype=np.uint8), width // _BARS, axis=1)
        self._frame = np.ascontiguousarray(np.broadcast_to(bars, (height, width, 3)))
        # Number of packets of each frame that have not arrived, by its capture time.
        self._missing: dict[float, int] = {}
        self._follow_estimate()

    def longest_freeze(self, begin: float) -> float:
        """The longest time without a new frame, in seconds, from a time on."""
        times = sorted(time for time, _ in self.shown if time >= begin)
        return max(after - before for before, after in itertools.pairwise([begin, *times, self._now]))

    def shown_delay(self, begin: float, share: float) -> float:
        """A quantile of the seconds from capture until frames were shown, from a time on."""
        found = sorted(seconds for time, seconds in self.shown if time >= begin)
        return found[int(share * (len(found) - 1))]

    def _on_frame(self, _: object) -> None:
        self._at(self._now + 1 / self.fps, "frame", None)
        array = self._next_frame()
        waiting = len({owner for _, owner in self._queue})
        order = self.encoding.order(SIZE, self.fps, None, self._now) if waiting <= _WAITING else None
        if order is None:
            return
        frame = av.VideoFrame.from_ndarray(array, "bgr24").reformat(format="yuv420p")
        (encoded,) = self.encoding.encode(frame, order, round(self._now * VIDEO_CLOCK_RATE), self._now)
        self.encoding.made(encoded, self._now)
        if encoded.keyframe:
            self.keyframes.append(self._now)
        payloads = self._pack(encoded.data)
        self._missing[self._now] = len(payloads)
        self._queue += [(len(payload) + _HEADER_BYTES, self._now) for payload in payloads]

    def _on_arrival(self, packet: tuple[int, object]) -> None:
        super()._on_arrival(packet)
        _, captured = packet
        if isinstance(captured, float):
            self._missing[captured] -= 1
            if not self._missing[captured]:
                self.shown.append((self._now, self._now - captured))

    def _on_told(self, message: object) -> None:
        super()._on_told(message)
        self._follow_estimate()

    def _follow_estimate(self) -> None:
        bitrate = round(self.estimator.bitrate * _PAYLOAD_SHARE)
        self.encoding.bitrate.report("viewer", bitrate, self.estimator.is_confirmed)

    def _next_frame(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Moving colour bars with a corner of noise."""
        self._frame = np.roll(self._frame, 2, axis=1)
        width, height = (side // _NOISE for side in SIZE)
        self._frame[:height, :width] = self._pixels.integers(0, 255, (height, width, 3), dtype=np.uint8)
        return self._frame
