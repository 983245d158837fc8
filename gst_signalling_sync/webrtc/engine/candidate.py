"""Candidates (RFC 8839 section 5.1)."""

from __future__ import annotations

from aioice import Candidate
from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

__all__ = ["RTCIceCandidate", "candidate_from_sdp", "shown"]


def shown(candidate: Candidate) -> str:
    """The type and the address of a candidate, such as ``"host 192.0.2.1:40000"``."""
    host = f"[{candidate.host}]" if ":" in candidate.host else candidate.host
    return f"{candidate.type} {host}:{candidate.port}"
