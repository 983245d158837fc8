"""``a=fmtp`` of H264 in answers, and the streams that a receiver takes by it (RFC 6184 sections 8.1 and 8.2.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...engine.capabilities import Parameters

__all__ = ["answer_for_streams", "answer_to", "decodes", "is_baseline", "packetization_mode"]

_PROFILE_LEVEL: Final = re.compile(r"[0-9A-Fa-f]{6}")

_DEFAULT_PROFILE_LEVEL: Final = "42e01f"
"""Default of WebRTC endpoints; that of RFC 6184 would be level 1."""

_BASELINE, _MAIN, _HIGH = 66, 77, 100
_HIGH_4_4_4: Final = 244

_DECODED_PROFILES: Final = (_BASELINE, _MAIN, _HIGH)
"""``profile_idc`` of profiles with 8 bits in 4:2:0, which constraint flags can only narrow."""

_EXTENDED: Final = 88

_CONSTRAINT_0, _CONSTRAINT_1 = 0x80, 0x40
_CONSTRAINED_HIGH: Final = 0x0C
"""``constraint_set4_flag`` and ``constraint_set5_flag``: without fields and B-frames."""

_SUBSETS: Final = {
    "constrained baseline": ("constrained baseline",),
    "baseline": ("baseline", "constrained baseline"),
    "main": ("main", "constrained baseline"),
    "constrained high": ("constrained high", "constrained baseline"),
    "high": ("high", "constrained high", "main", "constrained baseline"),
    "high 4:4:4": ("high 4:4:4", "high", "constrained high", "main", "constrained baseline"),
}
"""Profiles that a decoder of each profile decodes (ITU-T H.264 section A.2)."""

_MODES: Final = (0, 1)
"""Single NAL unit mode and non-interleaved mode; the interleaved mode is not for real time."""


def packetization_mode(parameters: Parameters) -> int | None:
    """The packetization mode of an ``a=fmtp``; None: it is not a number."""
    try:
        return int(parameters.get("packetization-mode") or 0)
    except ValueError:
        return None


def answer_to(offered: Parameters) -> Parameters | None:
    """The answer to an offered payload type.

    The mode and the profile must be those of the offer. The level may be that of the offer, whatever the offer says of
    asymmetry, since every level is decoded.

    Args:
        offered: The offered ``a=fmtp``.

    Returns:
        The answer; None: the profile or the mode cannot be decoded.
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


def answer_for_streams(profile_level: str) -> Callable[[Parameters], Parameters | None]:
    """Make the function that answers a profile offered for streams that were encoded elsewhere.

    An answer without a profile means that of the offer, as that of GStreamer's webrtcbin does.

    Args:
        profile_level: The offered ``profile-level-id``.
    """
    return lambda answered: (
        {**answered, "profile-level-id": answered.get("profile-level-id") or profile_level}
        if packetization_mode(answered) in _MODES
        else None
    )


def decodes(parameters: Parameters, stream: str) -> bool:
    """Whether a receiver takes a stream unchanged, in packets of any size.

    Levels are not compared: those in answers of WebRTC endpoints do not say what they decode.

    Args:
        parameters: The negotiated ``a=fmtp``.
        stream: The stream's ``profile-level-id``.
    """
    profile = _profile(str(parameters.get("profile-level-id") or _DEFAULT_PROFILE_LEVEL))
    return packetization_mode(parameters) == 1 and _profile(stream) in _SUBSETS.get(profile, ())


def is_baseline(stream: str) -> bool:
    """Whether a stream is of Baseline or Constrained Baseline profile.

    Args:
        stream: The stream's ``profile-level-id``.
    """
    return _profile(stream) in _SUBSETS["baseline"]


def _profile(profile_level: str) -> str:
    """The name of the profile (RFC 6184 table 5)."""
    if _PROFILE_LEVEL.fullmatch(profile_level) is None:
        return ""
    number, constraints = int(profile_level[:2], 16), int(profile_level[2:4], 16)
    is_constrained = {
        _BASELINE: constraints & _CONSTRAINT_1,
        _MAIN: constraints & _CONSTRAINT_0,
        _EXTENDED: constraints & _CONSTRAINT_0 and constraints & _CONSTRAINT_1,
    }.get(number, 0)
    if is_constrained:
        return "constrained baseline"
    if number == _HIGH:
        return "constrained high" if constraints & _CONSTRAINED_HIGH == _CONSTRAINED_HIGH else "high"
    return {_BASELINE: "baseline", _MAIN: "main", _HIGH_4_4_4: "high 4:4:4"}.get(number, "")
