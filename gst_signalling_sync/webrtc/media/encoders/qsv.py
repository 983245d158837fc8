"""Intel's Quick Sync Video.

By FFmpeg's ``libavcodec/qsvenc.c``, a bitrate that is set on an open encoder takes effect with the next frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .kind import EncoderSettings, HardwareKind, RateChange

__all__ = ["QSV"]


class QSV(HardwareKind):
    """Quick Sync Video."""

    suffix = "qsv"
    codecs = ("H264", "VP9", "AV1")
    baseline: ClassVar[Mapping[str, str]] = {"profile": "baseline", "look_ahead": "0", "idr_interval": "0"}
    formats = ("nv12",)
    change = RateChange.IN_PLACE
    needs = "a graphics unit of Intel's with its runtime (libmfx-gen or libmfx-hw64), and access to /dev/dri/renderD128"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        return {
            "preset": "veryfast",
            # Wait for the output of each frame.
            "async_depth": "1",
            "forced_idr": "1",
            "maxrate": str(settings.bitrate),
            "bufsize": str(settings.bitrate // 2),
        }
