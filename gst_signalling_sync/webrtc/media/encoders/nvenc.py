"""NVIDIA's NVENC, on graphics cards. The encoder of a Jetson is another one, which FFmpeg does not support.

By FFmpeg's ``libavcodec/nvenc.c``, a bitrate that is set on an open encoder takes effect with the next frame, which becomes a
keyframe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .kind import EncoderSettings, HardwareKind, RateChange

__all__ = ["NVENC"]


class NVENC(HardwareKind):
    """NVENC."""

    suffix = "nvenc"
    codecs = ("H264", "AV1")
    baseline: ClassVar[Mapping[str, str]] = {"profile": "baseline"}
    formats = ("yuv420p", "nv12")
    change = RateChange.IN_PLACE
    needs = "a graphics card of NVIDIA's with its driver (libcuda.so.1), and a session of those that the driver allows at once"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        return {
            "preset": "p3",
            "tune": "ull",
            "zerolatency": "1",
            "delay": "0",
            "rc": "cbr",
            "forced-idr": "1",
            "no-scenecut": "1",
            "bufsize": str(settings.bitrate // 2),
        }
