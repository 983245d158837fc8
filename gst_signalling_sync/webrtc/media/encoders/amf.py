"""AMD's Advanced Media Framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .kind import EncoderSettings, HardwareKind, RateChange

__all__ = ["AMF"]


class AMF(HardwareKind):
    """The Advanced Media Framework."""

    suffix = "amf"
    codecs = ("H264", "AV1")
    baseline: ClassVar[Mapping[str, str]] = {"profile": "constrained_baseline"}
    formats = ("nv12", "yuv420p")
    change = RateChange.REOPENED
    needs = "a graphics unit of AMD's with its driver and runtime (libamfrt64.so.1)"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        return {"usage": "ultralowlatency", "quality": "speed", "rc": "cbr", "forced_idr": "1", "async_depth": "1"}
