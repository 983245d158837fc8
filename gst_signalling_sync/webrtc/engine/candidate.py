"""Candidates (RFC 8839 section 5.1)."""

from __future__ import annotations

from typing import Final

from aioice import Candidate
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

__all__ = ["COMPONENT", "RTCIceCandidate", "candidate_from_sdp", "gathered", "shown"]

COMPONENT: Final = 1
"""The only component of WebRTC, since RTCP and RTP share it."""


def gathered(
    kind: str,
    address: tuple[str, int],
    base: str,
    preference: int,
    *,
    through: str = "udp",
    related: tuple[str, int] | tuple[None, None] = (None, None),
) -> Candidate:
    """Make a candidate of this end.

    Args:
        kind: Its type: ``"host"``, ``"srflx"`` or ``"relay"``.
        address: Its host and port.
        base: Host of its base, by which the foundation differs (RFC 8445 section 5.1.1.3).
        preference: Local preference of RFC 8445 section 5.1.2.1, from 0 to 65535.
        through: Transport to the server, by which the foundation differs too. Defaults to UDP.
        related: Host and port of the related address. Defaults to none.
    """
    return Candidate(
        foundation=candidate_foundation(kind, through, base),
        component=COMPONENT,
        transport="udp",
        priority=candidate_priority(COMPONENT, kind, preference),
        host=address[0],
        port=address[1],
        type=kind,
        related_address=related[0],
        related_port=related[1],
    )


def shown(candidate: Candidate) -> str:
    """The type and the address of a candidate, such as ``"host 192.0.2.1:40000"``."""
    host = f"[{candidate.host}]" if ":" in candidate.host else candidate.host
    return f"{candidate.type} {host}:{candidate.port}"
