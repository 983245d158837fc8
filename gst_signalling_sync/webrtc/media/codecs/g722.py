"""G.722, with two samples per RTP tick (RFC 3551 section 4.5.2)."""

from __future__ import annotations

from typing import Final

from .codec import AudioCodec

__all__ = ["G722"]

G722: Final = AudioCodec("G722", 8000, 9, 1, "g722", 16000, "mono")
