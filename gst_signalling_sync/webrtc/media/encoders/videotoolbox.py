"""Apple's VideoToolbox, under macOS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .kind import EncoderSettings, HardwareKind, RateChange

__all__ = ["VIDEOTOOLBOX"]


class VIDEOTOOLBOX(HardwareKind):
    """VideoToolbox."""

    suffix = "videotoolbox"
    codecs = ("H264",)
    baseline: ClassVar[Mapping[str, str]] = {"profile": "constrained_baseline"}
    formats = ("nv12", "yuv420p")
    change = RateChange.REOPENED
    needs = "macOS on a machine with an encoder"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        return {"realtime": "1", "prio_speed": "1", "allow_sw": "0"}
