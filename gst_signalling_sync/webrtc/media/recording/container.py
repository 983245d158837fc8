"""`Container`: the kinds of file that a recorder writes, and their contents."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import PurePath
from typing import Final

from ..codecs import VIDEO
from .matroska import MatroskaMuxer
from .mp4 import Mp4Muxer
from .muxer import About, Muxer, Template
from .recording_file import RecordingFile

__all__ = ["Container", "container_of"]


_MCAP_PACKAGES: Final = ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf")

MuxerMaker = Callable[[RecordingFile, Mapping[int, Template], About], Muxer]


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes:
        muxer: Opens a muxer on a file, with the templates of its video tracks by their place among the tracks, and its
            description.
        video: The codecs that are written as they come. Other video is re-encoded to the first of them.
        has_all_tracks: Whether it holds any number of tracks, instead of one of each kind.
        has_messages: Whether it holds messages of data channels.
        has_times: Whether each entry has its capture or send time, instead of its position in the file.
    """

    muxer: MuxerMaker
    video: tuple[str, ...]
    has_all_tracks: bool
    has_messages: bool
    has_times: bool


def _mcap_muxer(file: RecordingFile, videos: Mapping[int, Template], about: About) -> Muxer:
    # Its libraries are an extra.
    from .mcap import McapMuxer

    return McapMuxer(file, videos, about)


_MUXERS: Final[dict[str, MuxerMaker]] = {
    ".mp4": Mp4Muxer,
    ".mkv": partial(MatroskaMuxer, "matroska"),
    ".webm": partial(MatroskaMuxer, "webm"),
    ".mcap": _mcap_muxer,
}

_BY_SUFFIX: Final = {
    suffix: Container(
        muxer,
        tuple(codec.name for codec in VIDEO.values() if suffix in codec.recorded.suffixes),
        has_all_tracks=suffix in (".mkv", ".mcap"),
        has_messages=suffix == ".mcap",
        has_times=suffix == ".mcap",
    )
    for suffix, muxer in _MUXERS.items()
}


def container_of(path: str | os.PathLike[str]) -> Container:
    """The kind of file for a path, by its suffix.

    Raises:
        ValueError: The suffix is unknown, or the extra that writes such files is not installed.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise ValueError(f"path must end in .mp4, .mkv, .webm or .mcap, not {os.fspath(path)!r}")
    if suffix == ".mcap" and not all(map(find_spec, _MCAP_PACKAGES)):
        raise ValueError(f"cannot record to {os.fspath(path)!r}: MCAP needs `pip install 'gst-signalling-sync[mcap]'`")
    return _BY_SUFFIX[suffix]
