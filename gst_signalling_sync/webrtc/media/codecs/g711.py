"""G.711: mu-law and A-law (RFC 3551 section 4.5.14)."""

from __future__ import annotations

from typing import Final

from .codec import AudioCodec

__all__ = ["PCMA", "PCMU"]

PCMU: Final = AudioCodec("PCMU", 8000, 0, 1, "pcm_mulaw", 8000, "mono")
PCMA: Final = AudioCodec("PCMA", 8000, 8, 1, "pcm_alaw", 8000, "mono")
