"""`Announcements`: peers' statuses for all listeners, without I/O: each gets every peer's newest status, at its own pace."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from .messages import Peer, PeerStatusChanged

__all__ = ["Announcement", "Announcements"]

_number = attrgetter("number")

Sees = Callable[[str, PeerStatusChanged], bool]
"""Whether the listener with an id may be told of a status."""

_LOOKED_AT: Final = 8
"""Entries that are looked at per status that may be taken, so that entries which a listener may not see cost little time."""

_SMALL: Final = 256
"""Number of entries up to which none are dropped; above it, unneeded ones are dropped whenever the log has doubled."""


@dataclass(slots=True)
class Announcement:
    """A status that listeners are told of.

    Attributes:
        number: Its place in the order of all.
        event: The status.
        renamed: The status under the new name, where `event` only says that the peer lost its former name; None: the name is
            the same. A listener that may see both is not told of `event`.
        frame: The WebSocket frame, the same for every listener, kept here by the first sender.
    """

    number: int
    event: PeerStatusChanged
    renamed: PeerStatusChanged | None = None
    frame: bytes = b""

    @property
    def key(self) -> Hashable:
        """Equal for announcements of which a listener needs only the newest."""
        if self.renamed is None:
            return self.event.peer_id
        return self.event.peer_id, Peer(self.event.peer_id, self.event.meta).name


class Announcements:
    """A log that all listeners share, and that each of them has read up to its own position.

    A status is skipped once a newer one of the same peer has replaced it, so a slow listener is told less. Entries that no
    listener needs any more are dropped.

    Args:
        sees: Which listener may be told of which status. Defaults to every status for every listener.
    """

    def __init__(self, sees: Sees = lambda listener_id, event: True) -> None:
        self._sees = sees
        self._log: list[Announcement] = []
        self._newest: dict[Hashable, int] = {}
        self._read: dict[str, int] = {}
        self._last = 0
        self._drop_at = _SMALL

    def __len__(self) -> int:
        """The number of entries in the log."""
        return len(self._log)

    @property
    def last(self) -> int:
        """The number of the newest announcement."""
        return self._last

    @property
    def listeners(self) -> Iterable[str]:
        """The ids of all listeners, in the order in which they joined."""
        return self._read.keys()

    def join(self, listener_id: str) -> None:
        """Begin to keep announcements for a listener; one that has joined already keeps its position."""
        self._read.setdefault(listener_id, self._last)

    def leave(self, listener_id: str) -> None:
        """Keep no more announcements for a listener."""
        self._read.pop(listener_id, None)
        if not self._read:
            self._drop_unneeded()

    def announce(self, event: PeerStatusChanged, renamed: PeerStatusChanged | None = None) -> None:
        """Add a status, which replaces earlier ones of the same peer for listeners that have not taken them yet.

        Args:
            event: The status.
            renamed: The status under a new name, if there is one; listeners that may see it do not get `event`.
        """
        if not self._read:
            return
        self._last += 1
        announcement = Announcement(self._last, event, renamed)
        self._log.append(announcement)
        self._newest[announcement.key] = self._last
        if len(self._log) > self._drop_at:
            self._drop_unneeded()

    def is_behind(self, listener_id: str, up_to: int | None = None) -> bool:
        """Whether there are announcements that a listener has not taken; False for a peer that has not joined.

        Args:
            listener_id: Of the peer.
            up_to: The number of the last announcement that counts. Defaults to the newest.
        """
        return self._read.get(listener_id, self._last) < (self._last if up_to is None else up_to)

    def take(self, listener_id: str, maximum: int, up_to: int | None = None) -> list[Announcement]:
        """Take the next announcements of a listener.

        Args:
            listener_id: Of a peer that has joined.
            maximum: Maximum number to return.
            up_to: The number of the last announcement to return. Defaults to the newest.

        Returns:
            Announcements in their order, one per peer. The list may be empty although the listener `is_behind`: it may not see
            the next ones.

        Raises:
            KeyError: The peer has not joined.
        """
        taken: list[Announcement] = []
        read = self._read[listener_id]
        last = self._last if up_to is None else up_to
        begin, end = bisect_right(self._log, read, key=_number), bisect_right(self._log, last, key=_number)
        stop = min(end, begin + _LOOKED_AT * maximum)
        for index in range(begin, stop):
            announcement = self._log[index]
            read = announcement.number
            if self._newest[announcement.key] == read and self._is_for(listener_id, announcement):
                taken.append(announcement)
                if len(taken) == maximum:
                    break
        else:
            if stop == end:
                read = max(read, last)
        self._read[listener_id] = read
        return taken

    def lagging(self, maximum: int) -> list[str]:
        """The listeners that have too many announcements to take.

        Args:
            maximum: The number that a listener may lag behind.
        """
        if len(self._log) <= maximum:
            return []
        self._drop_unneeded()
        if len(self._log) <= maximum:
            return []
        oldest = self._log[-maximum].number
        return [listener_id for listener_id, read in self._read.items() if read < oldest - 1]

    def _is_for(self, listener_id: str, announcement: Announcement) -> bool:
        if not self._sees(listener_id, announcement.event):
            return False
        return announcement.renamed is None or not self._sees(listener_id, announcement.renamed)

    def _drop_unneeded(self) -> None:
        read_by_all = min(self._read.values(), default=self._last)
        self._log = [
            entry for entry in self._log if entry.number > read_by_all and self._newest[entry.key] == entry.number
        ]
        self._newest = {entry.key: entry.number for entry in self._log}
        self._drop_at = _SMALL + 2 * len(self._log)
