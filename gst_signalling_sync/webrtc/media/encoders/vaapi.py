"""VA-API, on GPUs of Intel and AMD under Linux. No wheel of PyAV has it; a build of one's own may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import av
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from .kind import CONSTRAINED_BASELINE, EncoderSettings, HardwareKind, RateChange

__all__ = ["VAAPI"]


class VAAPI(HardwareKind):
    """VA-API."""

    suffix = "vaapi"
    codecs = ("H264", "VP8", "VP9", "AV1")
    baseline: ClassVar[Mapping[str, str]] = {"profile": CONSTRAINED_BASELINE}
    # PyAV uploads frames to the device, and gets their format as that of the encoder.
    formats = ("nv12",)
    change = RateChange.REOPENED
    needs = "a driver of VA-API (vainfo lists what it encodes), and access to /dev/dri/renderD128"

    def options(self, settings: EncoderSettings) -> dict[str, str]:
        """FFmpeg's options for encoding in real time."""
        return {"async_depth": "1", "rc_mode": "CBR", "bufsize": str(settings.bitrate // 2)}

    def new_context(self, settings: EncoderSettings) -> VideoCodecContext:
        """Make an encoder that is not open yet, with the device that it runs on."""
        context = av.CodecContext.create(self.name_for(settings.codec), "w", hwaccel=HWAccel("vaapi"))
        assert isinstance(context, VideoCodecContext)
        return context
