"""abs-capture-time in session descriptions: the RTP header extension by which a frame tells when it was captured.

Both ends of this library offer and take it for video, and so may others. A source that pauses repeats its last frame, for
receivers that have lost the end of it or begin now: only by this do they know that it is not a new one.
"""

from __future__ import annotations

import re
from typing import Final

from ..engine.header_extensions import ABS_CAPTURE_TIME

__all__ = ["capture_time_identifiers", "with_capture_time"]

_IDENTIFIER: Final = 14
"""In our offers: the highest that has a header of one byte (RFC 8285 section 4.2), so that it is none of aiortc's."""

_MEDIA: Final = re.compile(r"^(?=m=)", re.MULTILINE)
_MID: Final = re.compile(r"^a=mid:(\S+)", re.MULTILINE)
_OFFERED: Final = re.compile(rf"^a=extmap:(\d{{1,3}})(?:/sendrecv)? {re.escape(ABS_CAPTURE_TIME)}\s*$", re.MULTILINE)
_MID_LINE: Final = re.compile(r"^a=mid:\S+(\r?\n)", re.MULTILINE)


def with_capture_time(offer: str) -> str:
    """An offer whose video sections have the extension too."""
    sections = _MEDIA.split(offer)
    return "".join(_extended(section) if section.startswith("m=video ") else section for section in sections)


def capture_time_identifiers(description: str) -> dict[str, int]:
    """The identifiers that a description gives the extension in its video sections.

    Returns:
        By the media section's ``mid``; of a section without one, or without the extension, nothing.
    """
    identifiers = {}
    for section in _MEDIA.split(description):
        mid, offered = _MID.search(section), _OFFERED.search(section)
        if section.startswith("m=video ") and mid is not None and offered is not None and 0 < int(offered[1]) < 15:
            identifiers[mid[1]] = int(offered[1])
    return identifiers


def _extended(section: str) -> str:
    line = f"a=extmap:{_IDENTIFIER} {ABS_CAPTURE_TIME}"
    return _MID_LINE.sub(lambda mid: f"{mid[0]}{line}{mid[1]}", section, count=1)
