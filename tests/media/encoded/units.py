"""Access units of numbered frames, as from a camera or a hardware encoder."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from types import MappingProxyType
from typing import Final, cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from gst_signalling_sync.webrtc.media.sending.encoded_video_source import EncodedVideoSource

from ...helpers.background import running_beside
from ...helpers.media import numbered_frame

__all__ = ["FPS", "Encoder", "bringing", "encoded", "units_of"]

FPS: Final = 30

_ENCODERS: Final = {"VP8": "libvpx", "H264": "libx264"}


class Encoder:
    """An encoder outside of the library.

    Args:
        codec: ``"VP8"`` or ``"H264"``.
        profile: H264 profile. Defaults to ``high``.
        size: Width and height in pixels. Defaults to 320x240.
        headers: Whether each keyframe has its parameter sets; otherwise only `parameter_sets` has them. Defaults to True.
        options: Further options of FFmpeg.
    """

    def __init__(
        self,
        codec: str = "H264",
        profile: str = "high",
        size: tuple[int, int] = (320, 240),
        headers: bool = True,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.codec = codec
        self.size = size
        self._context = cast(VideoCodecContext, av.CodecContext.create(_ENCODERS[codec], "w"))
        self._context.width, self._context.height = size
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, FPS)
        self._context.bit_rate = 1_000_000
        self._context.gop_size = 100_000
        self._context.thread_count = 1
        if codec == "H264":
            if not headers:
                self._context.flags |= av.codec.context.Flags.global_header
            self._context.options = {
                "preset": "ultrafast" if profile == "baseline" else "superfast",
                "tune": "zerolatency",
                "profile": profile,
                "forced-idr": "1",
                **options,
            }
        else:
            self._context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", **options}
        self._next = 0

    @property
    def parameter_sets(self) -> bytes:
        """The parameter sets before the first keyframe."""
        return bytes(self._context.extradata or b"")

    def encode(self, number: int, keyframe: bool = False) -> bytes:
        """The access unit of a numbered frame."""
        frame = av.VideoFrame.from_ndarray(numbered_frame(number, *self.size), "bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = self._next, Fraction(1, FPS)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        self._next += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


@functools.cache
def encoded(
    codec: str, count: int, profile: str = "high", keyframes: int = 1000, headers: bool = True
) -> tuple[bytes, ...]:
    """Access units of `count` frames, numbered from 0, with a keyframe every `keyframes` frames."""
    encoder = Encoder(codec, profile, headers=headers)
    return tuple(encoder.encode(number, number % keyframes == 0) for number in range(count))


def units_of(data: bytes) -> list[bytes]:
    """The NAL units of an access unit."""
    return [part.strip(b"\0") for part in data.split(b"\0\0\1") if part.strip(b"\0")]


@contextmanager
def bringing(
    source: EncodedVideoSource,
    encoder: Encoder,
    keyframe: Callable[[int], bool] = lambda number: number == 0,
    written: list[bytes] | None = None,
) -> Iterator[None]:
    """Encode and write numbered frames until the block ends.

    Args:
        source: The source to write into.
        encoder: Encodes the frames.
        keyframe: Whether a frame, given by its number, is a keyframe. Defaults to the first frame only.
        written: The access units that were written are added to this list.
    """
    stop = threading.Event()

    def bring() -> None:
        due = time.monotonic()
        number = 0
        while not stop.wait(max(0.0, due - time.monotonic())):
            unit = encoder.encode(number, keyframe(number))
            if written is not None:
                written.append(unit)
            source.write(unit)
            number += 1
            due += 1 / FPS

    with running_beside(bring, stop):
        yield
