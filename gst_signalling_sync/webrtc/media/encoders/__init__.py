"""Encoders: one file for each family of FFmpeg's encoders, and `HARDWARE`, the table of the hardware families.

A family that is added to the table can be named, is tried by ``encoder="auto"``, and is checked like the others. No other
module depends on the name of a family.
"""

from __future__ import annotations

from typing import Final

from ..codecs import VIDEO, sent_video
from .amf import AMF
from .kind import EncoderKind, HardwareKind
from .nvenc import NVENC
from .qsv import QSV
from .software import SOFTWARE
from .v4l2m2m import V4L2M2M
from .vaapi import VAAPI
from .videotoolbox import VIDEOTOOLBOX

__all__ = ["HARDWARE", "SOFTWARE", "EncoderKind", "HardwareKind", "listed_encoders"]

HARDWARE: Final[dict[str, HardwareKind]] = {
    each.suffix: each for each in (V4L2M2M(), NVENC(), QSV(), AMF(), VAAPI(), VIDEOTOOLBOX())
}
"""Families by the suffix of their names, in the order in which they are tried."""


def listed_encoders() -> dict[str, tuple[str, HardwareKind]]:
    """The hardware encoders of this PyAV by FFmpeg's names, each with its codec and family."""
    codecs = [VIDEO[name] for name in sent_video()]
    return {
        kind.name_for(codec): (codec.name, kind)
        for kind in HARDWARE.values()
        for codec in codecs
        if codec.name in kind.codecs and kind.is_listed(codec)
    }
