"""`SentMedia`: the sources and players of a role, which it sends as tracks in every session. Used by any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

from .errors import TracksFixed
from .threads.waiting import Deadline
from .webrtc.live_session import LiveSession
from .webrtc.media.encoded_frame import MediaKind
from .webrtc.media.sending.controlled_track import ControlledTrack, feed_of, give_control
from .webrtc.media.sending.sent_tracks import SentTracks
from .webrtc.media.sending.source import AnySource
from .webrtc.media.track_names import checked_name

if TYPE_CHECKING:
    from .webrtc.media.playing.player_thread import PlayerThread

__all__ = ["SentMedia"]


class SentMedia:
    """What a role sends. Its sources pause and remove their tracks through it.

    Args:
        role: The kind of role, such as ``"producer"``, for errors.
        sessions: Returns the role's sessions.
        check_process: Raises the error of an object that was inherited by `fork`.
    """

    def __init__(self, role: str, sessions: Callable[[], list[LiveSession]], check_process: Callable[[], None]) -> None:
        self.tracks = SentTracks()
        self._role = role
        self._sessions = sessions
        self._check_process = check_process
        # Guards the feeds of all sources, including removed ones: `join` waits for their threads.
        self._lock = threading.Lock()
        self._feeds: WeakSet[AnySource] = WeakSet()
        self._players: list[PlayerThread] = []
        # Whether an added player starts at once. Written by the role's own thread.
        self._plays = False

    def add(self, sources: Sequence[ControlledTrack], replaced: ControlledTrack | None = None) -> None:
        """Send sources in every session, including those that run already.

        Args:
            sources: The sources.
            replaced: The source whose place the first one takes. Defaults to None: they are further tracks.

        Raises:
            TracksFixed: A session cannot have more tracks.
            ValueError: There is no such source to replace, or another track has the name of one.
        """
        if replaced is None:
            self.check_may_add(f"adding {', '.join(map(repr, sources))}")
        feeds = [feed_of(source) for source in sources]
        with self._lock:
            self._feeds.update(feeds)
        for source in sources:
            give_control(source, self)
        if replaced is None:
            self.tracks.add(feeds)
        elif not self.tracks.replace(feed_of(replaced), feeds[0]):
            raise ValueError(self._not_replaceable(replaced, feeds[0].kind))
        self._tell_sessions()

    def add_player(self, player: PlayerThread) -> None:
        """Start and close a player with the role; its sources were added before."""
        self._players.append(player)
        if self._plays:
            player.start()

    def check_may_add(self, doing: str) -> None:
        """Check that every session can have more tracks.

        Raises:
            TracksFixed: One cannot.
        """
        for session in self._sessions():
            why = session.link.why_fixed if session.is_open else None
            if why is not None:
                raise TracksFixed(
                    f"{doing}: {session.named}: {why}. Add tracks before the session starts, or close it and start another."
                )

    def checked_name(self, name: str | None, kind: MediaKind, replaced: ControlledTrack | None = None) -> str | None:
        """The name of another track.

        Args:
            name: The name that was asked for.
            kind: The kind of the track.
            replaced: The source whose place it takes, and whose name it keeps unless it is given one. Defaults to None.

        Raises:
            ValueError: The name is malformed or that of another track, or there is no such source to replace.
        """
        before = None
        if replaced is not None:
            before = feed_of(replaced) if isinstance(replaced, ControlledTrack) else None
            if before not in self.tracks or replaced.kind != kind:
                raise ValueError(self._not_replaceable(replaced, kind))
            name = replaced.name if name is None else name
        others = (each.source for each in self.tracks.snapshot if each.source is not before and each.kind == kind)
        return checked_name(name, kind, (source.name for source in others))

    # The following methods are called on the role's own thread.

    def play(self) -> None:
        """Start the players; idempotent. One that has ended does not begin again with the next connection."""
        if not self._plays:
            self._plays = True
            for player in self._players:
                if any(feed in self.tracks for feed in player.feeds):
                    player.start()

    def close_players(self, deadline: Deadline) -> None:
        """Release the inputs of the players."""
        for player in self._players:
            player.close(deadline.remaining())

    def join(self, deadline: Deadline) -> None:
        """Wait until no source encodes any more, after the sessions have ended."""
        self._plays = False
        with self._lock:
            feeds = list(self._feeds)
        for feed in feeds:
            feed.join(deadline)

    # The following methods are called by the sources, on any thread.

    def set_paused(self, feed: AnySource, is_paused: bool) -> None:
        """Pause or resume a track in every session.

        Raises:
            RuntimeError: The track was removed, or the role was inherited by `fork`.
        """
        self._check_process()
        if not self.tracks.set_paused(feed, is_paused):
            raise RuntimeError(f"{'pausing' if is_paused else 'resuming'} {feed!r}: it was removed")
        self._tell_sessions()

    def remove(self, feed: AnySource) -> None:
        """Remove a track from every session; idempotent.

        Raises:
            RuntimeError: The role was inherited by `fork`.
        """
        self._check_process()
        if self.tracks.remove(feed):
            self._tell_sessions()

    def is_paused(self, feed: AnySource) -> bool:
        """Whether a track is paused."""
        return self.tracks.is_paused(feed)

    def _tell_sessions(self) -> None:
        for session in self._sessions():
            session.link.tracks_changed()

    def _not_replaceable(self, replaced: object, kind: MediaKind) -> str:
        return f"replaces must be a source of {kind} that this {self._role} sends, not {replaced!r}"
