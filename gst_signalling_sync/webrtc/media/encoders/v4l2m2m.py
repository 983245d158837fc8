"""Encoders with V4L2's memory-to-memory interface: Raspberry Pi 4 and earlier, Qualcomm, Rockchip, NXP, Samsung.

By FFmpeg's ``libavcodec/v4l2_m2m_enc.c``, the bitrate can only be set when the encoder is opened. A frame is returned when the
next one is put in, because FFmpeg does not wait while the driver takes more. Frames are copied as they lie in memory, so their
rows must be as long as the driver's. Parameter sets may come alone, and only with the first keyframe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .kind import CONSTRAINED_BASELINE, EncoderSettings, HardwareKind, RateChange

__all__ = ["V4L2M2M"]


class V4L2M2M(HardwareKind):
    """V4L2's memory-to-memory encoders."""

    suffix = "v4l2m2m"
    codecs = ("H264", "VP8")
    baseline: ClassVar[Mapping[str, str]] = {"profile": CONSTRAINED_BASELINE}
    # The driver decides which of them it takes.
    formats = ("yuv420p", "nv12")
    # Rows of luma and of chroma are padded to at most 32 bytes.
    width_step: ClassVar[int] = 64
    change = RateChange.REOPENED
    needs = "a V4L2 memory-to-memory encoder, such as /dev/video11 of a Raspberry Pi 4, that this user may open"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        # With FFmpeg's default of 4, the driver of the Raspberry Pi may wait for a buffer while FFmpeg waits for a frame.
        return {"num_capture_buffers": "16"}
