"""`Announcements`: statuses for all listeners, without I/O: each listener gets every peer's newest, at its own pace."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from .messages import PeerStatusChanged

__all__ = ["Announcement", "Announcements"]

_number = attrgetter("number")

_SMALL: Final = 256
"""Entries that are kept without asking whether anybody still needs them; else it is asked when they have doubled."""


@dataclass(slots=True)
class Announcement:
    """A status that listeners are told of.

    Attributes:
        number: Its place in the order of all.
        event: The status.
        frame: What goes over the wire, for whoever sends it first to keep; it is the same for every listener.
    """

    number: int
    event: PeerStatusChanged
    frame: bytes = b""


class Announcements:
    """A log that all listeners share, of which each has read up to some place.

    A status that a newer one of the same peer has replaced is skipped, so that a listener which is told late is told less.
    What nobody still needs is dropped.
    """

    def __init__(self) -> None:
        self._log: list[Announcement] = []
        self._newest: dict[str, int] = {}
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

    def announce(self, event: PeerStatusChanged) -> None:
        """Tell all listeners of a status, in the place of what they have not been told of the same peer."""
        if not self._read:
            return
        self._last += 1
        self._log.append(Announcement(self._last, event))
        self._newest[event.peer_id] = self._last
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
            Statuses in their order, one of each peer.

        Raises:
            KeyError: The peer has not joined.
        """
        taken: list[Announcement] = []
        read = self._read[listener_id]
        last = self._last if up_to is None else up_to
        for index in range(bisect_right(self._log, read, key=_number), bisect_right(self._log, last, key=_number)):
            announcement = self._log[index]
            read = announcement.number
            if self._newest[announcement.event.peer_id] == read:
                taken.append(announcement)
                if len(taken) == most:
                    break
        else:
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

    def _drop_unneeded(self) -> None:
        read_by_all = min(self._read.values(), default=self._last)
        self._log = [
            entry
            for entry in self._log
            if entry.number > read_by_all and self._newest[entry.event.peer_id] == entry.number
        ]
        self._newest = {entry.event.peer_id: entry.number for entry in self._log}
        self._drop_at = _SMALL + 2 * len(self._log)
