"""`Container`: the three kinds of file that a recorder writes, and what fits into each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

__all__ = ["Container", "container_of"]

_LOST_MILLISECONDS: Final = 500
"""Of media that FFmpeg holds in memory, and that are lost when the process is killed: a fragment, or a cluster."""

_EVERY_CONTAINER: Final = {
    # What is finished goes to the file at once.
    "flush_packets": "1",
    # A track that pauses must not hold the other one back in memory; by default it may for ten seconds.
    "max_interleave_delta": str(_LOST_MILLISECONDS * 1000),
}
_MATROSKA: Final = {**_EVERY_CONTAINER, "cluster_time_limit": str(_LOST_MILLISECONDS)}
_MP4: Final = {
    **_EVERY_CONTAINER,
    # Fragments, which play without an index, until the end turns the file into an ordinary one that has an index.
    "movflags": "hybrid_fragmented+frag_keyframe+default_base_moof",
    "frag_duration": str(_LOST_MILLISECONDS * 1000),
}


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes:
        format: FFmpeg's name.
        video: The codecs that are written as they come. What comes in another one is re-encoded to the first of them.
        options: Of FFmpeg's muxer.
    """

    format: str
    video: tuple[str, ...]
    options: Mapping[str, str]


_BY_SUFFIX: Final = {
    ".mp4": Container("mp4", ("H264",), _MP4),
    ".mkv": Container("matroska", ("H264", "VP8"), _MATROSKA),
    ".webm": Container("webm", ("VP8",), _MATROSKA),
}


def container_of(path: str | os.PathLike[str]) -> Container:
    """The kind of file that a name asks for, by its suffix.

    Raises:
        ValueError: The suffix is none of the three.
    """
    try:
        return _BY_SUFFIX[PurePath(path).suffix.lower()]
    except KeyError:
        raise ValueError(f"cannot record to {os.fspath(path)!r}: the name must end in .mp4, .mkv or .webm") from None
