"""`StandIn`: libx264 as a hardware encoder that fails in each way in which drivers are known to fail.

Users report of drivers: frames that are never output (raspberrypi/rpicam-apps 664 and 733), a frame that is waited for
forever (pikvm/ustreamer 253), no more sessions (NVENC's OpenEncodeSessionEx), parameter sets with the first keyframe only and
a bitrate that is not followed (raspberrypi/firmware 1612), no keyframe when one is requested (raspberrypi/linux 3171), and
frames that no player plays (raspberrypi/linux 5150).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from gst_signalling_sync.webrtc.media.codecs.codec import VideoCodec
from gst_signalling_sync.webrtc.media.codecs.h264_units import nal_units
from gst_signalling_sync.webrtc.media.encoders.kind import (
    EncoderSettings,
    HardwareKind,
    OpenEncoder,
    RateChange,
    configure,
)

__all__ = ["StandIn"]

START_CODE = b"\0\0\0\1"
PARAMETER_SETS = (7, 8)
LATE_EVERY = 3


class StandIn(HardwareKind):
    """The family of ``h264_standin``.

    Attributes:
        fault: The fault from the next frame or opening on; empty: none.
        delay: Number of frames that are held back.
        sessions: Maximum number of encoders that are open at once.
        opened: Number of encoders that were opened.
        goes_on: When set, a call that hangs returns.
        has_hung: Set when a call hangs.
    """

    suffix = "standin"
    codecs = ("H264",)
    formats = ("nv12", "yuv420p")
    change = RateChange.REOPENED
    needs = "nothing but this test"

    def __init__(self, fault: str = "", delay: int = 0, sessions: int = 100) -> None:
        self.fault = fault
        self.delay = delay
        self.sessions = sessions
        self.opened = 0
        self.goes_on = threading.Event()
        self.has_hung = threading.Event()
        self.open_now = 0

    def is_listed(self, codec: VideoCodec) -> bool:
        return codec.name in self.codecs

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        options = settings.codec.encoder_options(settings.bitrate)
        return options | {"profile": "high", "preset": "fast"} if self.fault == "high profile" else options

    def open(self, settings: EncoderSettings) -> OpenEncoder:
        if self.fault == "absent":
            raise av.error.ArgumentError(22, "Invalid argument")
        if self.open_now >= self.sessions:
            raise av.error.MemoryError(12, "Cannot allocate memory")
        self.opened += 1
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        if self.fault == "ignores the bitrate":
            settings = EncoderSettings(settings.codec, settings.size, settings.fps, 4_000_000)
        configure(context, settings, "nv12", self.options(settings))
        context.open()
        return _Open(self, context)

    def set_bitrate(self, encoder: OpenEncoder, codec: VideoCodec, bitrate: int) -> None:
        assert isinstance(encoder, _Open)
        encoder.context.bit_rate = bitrate


class _Open:
    def __init__(self, kind: StandIn, context: VideoCodecContext) -> None:
        self.context = context
        self._kind = kind
        self._held: deque[av.Packet[Any]] = deque()
        self._frames = self._late = 0
        kind.open_now += 1

    def __del__(self) -> None:
        self._kind.open_now -= 1

    def encode(self, frame: av.VideoFrame) -> Sequence[av.Packet[Any]]:
        fault = self._kind.fault
        if fault == "hangs":
            self._kind.has_hung.set()
            self._kind.goes_on.wait()
        if fault == "dies":
            raise av.error.OSError(5, "Input/output error")
        given = frame.reformat(format="nv12")
        given.pts, given.time_base, given.duration, given.pict_type = (
            frame.pts,
            frame.time_base,
            frame.duration,
            PictureType.NONE if fault == "ignores keyframes" else frame.pict_type,
        )
        if fault == "green":
            given = _green(given)
        self._frames += 1
        for packet in self.context.encode(given):
            self._held += self._changed(packet, fault)
        if fault == "mute":
            self._held.clear()
        if fault == "clogs" and self._frames % LATE_EVERY == 0:
            self._late += 1
        ready = max(0, len(self._held) - self._kind.delay - self._late)
        return [self._held.popleft() for _ in range(ready)]

    def _changed(self, packet: av.Packet[Any], fault: str) -> list[av.Packet[Any]]:
        if fault not in ("headers once", "headers never") or not packet.is_keyframe:
            return [packet]
        units = nal_units(bytes(packet))
        headers = [unit for unit in units if unit[0] & 0x1F in PARAMETER_SETS]
        frames = [unit for unit in units if unit[0] & 0x1F not in PARAMETER_SETS]
        alone = [_packet(headers, packet)] if fault == "headers once" and self._frames == 1 else []
        return [*alone, _packet(frames, packet)]


def _packet(units: list[bytes], like: av.Packet[Any]) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(b"".join(START_CODE + unit for unit in units))
    packet.pts, packet.time_base, packet.is_keyframe = like.pts, like.time_base, like.is_keyframe
    return packet


def _green(like: av.VideoFrame) -> av.VideoFrame:
    """A frame as a decoder shows planes of zeros: green."""
    green = av.VideoFrame(like.width, like.height, like.format.name)
    for plane in green.planes:
        plane.update(bytes(plane.buffer_size))
    green.pts, green.time_base, green.duration, green.pict_type = (
        like.pts,
        like.time_base,
        like.duration,
        like.pict_type,
    )
    return green
