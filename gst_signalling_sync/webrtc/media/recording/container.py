"""`Container`: the three kinds of file that a recorder writes, and what fits into each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Final

from ..codecs import VIDEO
from .matroska import MatroskaMuxer
from .mp4 import Mp4Muxer
from .muxer import About, Muxer, Template
from .recording_file import RecordingFile

__all__ = ["Container", "container_of"]


MuxerMaker = Callable[[RecordingFile, Template | None, bool, About], Muxer]


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes:
        muxer: Begins one, from the file, the template of its video if it has any, whether it has sound, and what it says of
            itself.
        video: The codecs that are written as they come. What comes in another one is re-encoded to the first of them.
    """

    muxer: MuxerMaker
    video: tuple[str, ...]


_MUXERS: Final[dict[str, MuxerMaker]] = {
    ".mp4": Mp4Muxer,
    ".mkv": partial(MatroskaMuxer, "matroska"),
    ".webm": partial(MatroskaMuxer, "webm"),
}

_BY_SUFFIX: Final = {
    suffix: Container(muxer, tuple(codec.name for codec in VIDEO.values() if suffix in codec.recorded.suffixes))
    for suffix, muxer in _MUXERS.items()
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
