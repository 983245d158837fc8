"""Opus: RFC 6716, and RFC 7587 for its RTP payloads."""

from __future__ import annotations

from typing import Final

from ..encoded_frame import AUDIO_CLOCK_RATE
from .codec import AudioCodec

__all__ = ["OPUS"]

OPUS: Final = AudioCodec("opus", AUDIO_CLOCK_RATE, 96, 2, "libopus", AUDIO_CLOCK_RATE, "stereo", is_recorded=True)
