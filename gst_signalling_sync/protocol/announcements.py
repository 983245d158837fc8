"""`Announcements`: statuses for all listeners, without I/O: each listener gets every peer's newest, at its own pace."""

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
"""Whether the listener of an id may be told of a status."""

_LOOKED_AT: Final = 8
"""Entries that are looked at for each that a listener may be told at once, so that those that it may not are no long work."""

_SMALL: Final = 256
"""Entries that are kept without asking whether anybody still needs them; else it is asked when they have doubled."""


@dataclass(slots=True)
class Announcement:
    """A status that listeners are told of.

    Attributes:
        number: Its place in the order of all.
        event: The status.
        renamed: The status that follows under another name, where this one only tells that the peer lost its name of before;
            None: it has its name. Those who may be told of both are not told of this one.
        frame: What goes over the wire, for whoever sends it first to keep; it is the same for every listener.
    """

    number: int
    event: PeerStatusChanged
    renamed: PeerStatusChanged | None = None
    frame: bytes = b""

    @property
    def key(self) -> Hashable:
        """What is the same for all of which a listener needs only the newest."""
        if self.renamed is None:
            return self.event.peer_id
        return self.event.peer_id, Peer(self.event.peer_id, self.event.meta).name


class Announcements:
    """A log that all listeners share, of which each has read up to some place.

    A status that a newer one of the same peer has replaced is skipped, so that a listener which is told late is told less.
    What nobody still needs is dropped.

    Args:
        sees: Which listener may be told of which status. Defaults to all of all.
    """

    def __init__(self, sees: Sees = lambda listener_id, event: True) -> None:
        self._sees = sees
        self._log: list[Announcement] = []
        self._newest: dict[Hashable, int] = {}
        self._read: dict[str, int] = {}
        self._last = 0
        self._drop_at = _SMALL

    def __len__(self) -> int:
        """How many are kept for somebody, or not dropped yet."""
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
        """Tell a listener of what is announced from now on; one that has joined already goes on."""
        self._read.setdefault(listener_id, self._last)

    def leave(self, listener_id: str) -> None:
        """Tell a listener no more."""
        self._read.pop(listener_id, None)
        if not self._read:
            self._drop_unneeded()

    def announce(self, event: PeerStatusChanged, renamed: PeerStatusChanged | None = None) -> None:
        """Tell listeners of a status, in the place of what they have not been told of the same peer.

        Args:
            event: The status.
            renamed: The status that follows under another name; those who may be told of that one are not told of this one.
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
        """Whether there is something that a listener has not been told; False of one that is none.

        Args:
            listener_id: Of the peer.
            up_to: The number of the last that counts; None: the newest.
        """
        return self._read.get(listener_id, self._last) < (self._last if up_to is None else up_to)

    def take(self, listener_id: str, most: int, up_to: int | None = None) -> list[Announcement]:
        """What to tell a listener next.

        Args:
            listener_id: Of a peer that has joined.
            most: How many at once.
            up_to: The number of the last; None: the newest.

        Returns:
            Statuses in their order, one of each peer. None although there are more means that it may not be told of the next.

        Raises:
            KeyError: The peer has not joined.
        """
        taken: list[Announcement] = []
        read = self._read[listener_id]
        last = self._last if up_to is None else up_to
        begin, end = bisect_right(self._log, read, key=_number), bisect_right(self._log, last, key=_number)
        stop = min(end, begin + _LOOKED_AT * most)
        for index in range(begin, stop):
            announcement = self._log[index]
            read = announcement.number
            if self._newest[announcement.key] == read and self._is_for(listener_id, announcement):
                taken.append(announcement)
                if len(taken) == most:
                    break
        else:
            if stop == end:
                read = max(read, last)
        self._read[listener_id] = read
        return taken

    def lagging(self, most: int) -> list[str]:
        """The listeners that have more to be told than a number of statuses.

        Args:
            most: That number.
        """
        if len(self._log) <= most:
            return []
        self._drop_unneeded()
        if len(self._log) <= most:
            return []
        oldest = self._log[-most].number
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
