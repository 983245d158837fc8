"""`SentTracks`: the tracks that a role sends to every session. Callers' threads change them; any thread reads them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..encoded_frame import MediaKind
from ..track_names import checked_name
from .source import AnySource

__all__ = ["SentTrack", "SentTracks"]


@dataclass(frozen=True, slots=True)
class SentTrack:
    """A sent track.

    Attributes:
        number: Distinguishes it from all others of its role.
        source: Brings its frames.
        is_paused: Whether it is paused.
    """

    number: int
    source: AnySource
    is_paused: bool = False

    @property
    def kind(self) -> MediaKind:
        """The kind of its media."""
        return self.source.kind


class SentTracks:
    """The tracks, in the order in which they are offered."""

    def __init__(self) -> None:
        # Guards the attributes below against concurrent changes. The tuple is replaced, never changed, so that readers need no
        # lock.
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._tracks: tuple[SentTrack, ...] = ()

    @property
    def snapshot(self) -> tuple[SentTrack, ...]:
        """The tracks; on any thread."""
        return self._tracks

    def add(self, sources: Sequence[AnySource]) -> None:
        """Add tracks at the end.

        Raises:
            ValueError: Another track of the kind has the name of one.
        """
        with self._lock:
            for source in sources:
                # Again, since two threads may have checked the same name at the same time.
                names = (each.source.name for each in self._tracks if each.kind == source.kind)
                checked_name(source.name, source.kind, names)
            self._tracks += tuple(SentTrack(next(self._numbers), source) for source in sources)

    def replace(self, old: AnySource, new: AnySource) -> bool:
        """Replace a source: on the same track if the name is the same, else on another track.

        Returns:
            Whether the old source was there.
        """

        def successor(track: SentTrack) -> SentTrack:
            number = track.number if old.name == new.name else next(self._numbers)
            return SentTrack(number, new)

        return self._change(old, successor)

    def set_paused(self, source: AnySource, is_paused: bool) -> bool:
        """Pause or resume a track.

        Returns:
            Whether the track is there.
        """
        return self._change(source, lambda track: replace(track, is_paused=is_paused))

    def remove(self, source: AnySource) -> bool:
        """Remove a track.

        Returns:
            Whether the track was there.
        """
        with self._lock:
            before = self._tracks
            self._tracks = tuple(each for each in before if each.source is not source)
            return len(self._tracks) < len(before)

    def is_paused(self, source: AnySource) -> bool:
        """Whether a track is there, and paused."""
        return any(each.is_paused for each in self._tracks if each.source is source)

    def __contains__(self, source: object) -> bool:
        return any(each.source is source for each in self._tracks)

    def _change(self, source: AnySource, changed: Callable[[SentTrack], SentTrack]) -> bool:
        with self._lock:
            found = any(each.source is source for each in self._tracks)
            self._tracks = tuple(changed(each) if each.source is source else each for each in self._tracks)
            return found
