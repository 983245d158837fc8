"""``a=fmtp`` of H264 in answers (RFC 6184 sections 8.1 and 8.2.2)."""

from __future__ import annotations

import re
from typing import Final

from ...engine.capabilities import Parameters

__all__ = ["answer_to", "packetization_mode"]

_PROFILE_LEVEL: Final = re.compile(r"[0-9A-Fa-f]{6}")

_DEFAULT_PROFILE_LEVEL: Final = "42e01f"
"""What is meant where nothing is said, by WebRTC's endpoints at least: RFC 6184 would have level 1."""

_BASELINE, _MAIN, _HIGH = 66, 77, 100

_DECODED_PROFILES: Final = (_BASELINE, _MAIN, _HIGH)
"""``profile_idc`` of what has 8 bits in 4:2:0; the constraint flags only narrow it."""

_MODES: Final = (0, 1)
"""Single NAL unit, and non-interleaved; the interleaved mode is not for real time."""


def packetization_mode(parameters: Parameters) -> int | None:
    """The packetization mode that an ``a=fmtp`` tells; None if it is not a number."""
    try:
        return int(parameters.get("packetization-mode") or 0)
    except ValueError:
        return None


def answer_to(offered: Parameters) -> Parameters | None:
    """The answer to an offered payload type.

    The mode must be the offer's, and the profile too. The level may be the offer's, whatever the offer says of asymmetry; every
    level is decoded.

    Args:
        offered: Its ``a=fmtp``.

    Returns:
        None: its profile or its mode is none that can be decoded.
    """
    mode = packetization_mode(offered)
    profile_level = str(offered.get("profile-level-id") or _DEFAULT_PROFILE_LEVEL)
    if mode not in _MODES or _PROFILE_LEVEL.fullmatch(profile_level) is None:
        return None
    if int(profile_level[:2], 16) not in _DECODED_PROFILES:
        return None
    asymmetry = offered.get("level-asymmetry-allowed")
    answer: dict[str, int | str | None] = {} if asymmetry is None else {"level-asymmetry-allowed": asymmetry}
    return {**answer, "packetization-mode": str(mode), "profile-level-id": profile_level}
