"""Names of tracks: the msid-appdata of ``a=msid`` (RFC 8830), ``track.id`` in Chromium and ``msid`` in GStreamer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, SupportsIndex, TypeVar, overload

from ...errors import TrackNotFound
from .encoded_frame import MediaKind

__all__ = ["NamedTracks", "checked_name", "given_name", "mid_for"]

Track = TypeVar("Track")

_NAME: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")
"""RFC 8830 section 2: msid-appdata consists of 1 to 64 token-chars of RFC 8866."""

_MADE_UP: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|webrtctransceiver\d+")
"""Identifiers that are not names: the random ones of Chromium and aiortc, and the counted ones of GStreamer."""


_MAX_MID: Final = 15
"""Maximum number of characters: each packet has them in a header extension. With 16 characters its header would exceed the room
that `codecs.codec.MAX_PAYLOAD` leaves."""


def checked_name(name: str | None, kind: MediaKind, taken: Iterable[str | None] = ()) -> str | None:
    """Check the name of a track.

    Args:
        name: The name; None: no name.
        kind: The track's.
        taken: Names of the other tracks of that kind. Defaults to none.

    Returns:
        The name.

    Raises:
        ValueError: SDP cannot carry the name, or another track has it.
    """
    if name is None:
        return None
    if not _NAME.fullmatch(name):
        raise ValueError(
            "name must be 1 to 64 letters, digits and characters of !#$%&'*+-.^_`{|}~, without spaces"
            f" (RFC 8830), not {name!r}"
        )
    if name in taken:
        raise ValueError(f"name must be that of no other {kind} track, not {name!r} again")
    return name


def given_name(track_id: str | None) -> str | None:
    """The name that a peer has given to a track.

    Args:
        track_id: The identifier in the peer's description; None: there is none.

    Returns:
        The name; None: the identifier was not chosen by anybody.
    """
    if track_id is None or not _NAME.fullmatch(track_id) or _MADE_UP.fullmatch(track_id):
        return None
    return track_id


def mid_for(name: str | None) -> str | None:
    """The mid of a named track's section, if no other section has it.

    Args:
        name: The track's name; None: no name.

    Returns:
        The name, which is a token as RFC 5888 requires; None: the track has no name, or one that is too long for packets.
    """
    return name if name is not None and len(name) <= _MAX_MID else None


class NamedTracks(list[Track]):
    """The tracks of one kind that a peer sends, in the order of its description; ``tracks["wrist"]`` is the track of that name.

    Args:
        tracks: Tracks, each with an attribute ``name``.
        missing: Raised, with the known names added, if no track has a name.
    """

    def __init__(self, tracks: Iterable[Track], missing: TrackNotFound) -> None:
        super().__init__(tracks)
        self._missing = missing

    @overload
    def __getitem__(self, key: SupportsIndex) -> Track: ...

    @overload
    def __getitem__(self, key: slice) -> list[Track]: ...

    @overload
    def __getitem__(self, key: str) -> Track: ...

    def __getitem__(self, key: SupportsIndex | slice | str) -> Track | list[Track]:
        if not isinstance(key, str):
            return super().__getitem__(key)
        for track in self:
            if getattr(track, "name", None) == key:
                return track
        raise TrackNotFound(f"looking for the track {key!r}: {self._missing}")
