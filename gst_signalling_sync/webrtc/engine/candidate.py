"""aiortc's candidates (RFC 8839 section 5.1)."""

from __future__ import annotations

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

__all__ = ["RTCIceCandidate", "candidate_from_sdp"]
