"""`FanOut`: sends the registry's announcements to every listener, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from ..protocol.announcements import Announcement, Announcements
from .connection import Connection
from .framing import Framer
from .tally import Tally
from .turns import Turns

__all__ = ["FanOut"]

STATUSES_IN_A_TURN: Final = 64


class FanOut:
    """Sends announcements in turns. A listener that does not read gets them when it reads again.

    Args:
        announcements: The announcements.
        connections: Of the peers, by id.
        framer: Makes frames of the statuses.
        max_unread: Maximum number of statuses by which a listener may lag behind; None: any number.
        on_lagging: Called with the id of a listener that lags behind more.
        turns: The queue in which it waits for its turn.
        tally: Counts what is sent.
    """

    def __init__(
        self,
        announcements: Announcements,
        connections: Mapping[str, Connection],
        framer: Framer,
        max_unread: int | None,
        on_lagging: Callable[[str], object],
        turns: Turns,
        tally: Tally,
    ) -> None:
        self._announcements = announcements
        self._connections = connections
        self._framer = framer
        self._max_unread = max_unread
        self._on_lagging = on_lagging
        self._turns = turns
        self._tally = tally
        self._round: deque[str] = deque()
        self._is_waiting = False
        self._begun = 0
        self._announced = 0

    def begin(self) -> None:
        """Schedule the announcements since the last call for all listeners."""
        self._announced = self._announcements.last
        if self._begun != self._announced:
            self._wait()

    def resume(self, listener_id: str) -> None:
        """Continue with a listener that did not read."""
        if self._announcements.is_behind(listener_id):
            self._round.append(listener_id)
            self._wait()

    def take_turn(self) -> bool:
        """Send a few statuses to the next listener.

        Returns:
            Whether there is more to send, in another turn.
        """
        try:
            if not self._round:
                self._begin_round()
            if self._round:
                listener_id = self._round.popleft()
                if self._tell(listener_id, STATUSES_IN_A_TURN):
                    self._round.append(listener_id)
        except BaseException:
            # Otherwise no listener would be told of anything any more.
            self._is_waiting = False
            raise
        self._is_waiting = bool(self._round) or self._begun != self._announcements.last
        return self._is_waiting

    def catch_up(self, listener_id: str) -> None:
        """Send a listener everything that was announced before the last `begin`, because a later message follows.

        A listener that does not read gets it when it reads again.
        """
        while self._tell(listener_id, STATUSES_IN_A_TURN, self._announced):
            continue

    def _begin_round(self) -> None:
        self._begun = self._announcements.last
        if self._max_unread is not None:
            for listener_id in self._announcements.lagging(self._max_unread):
                self._on_lagging(listener_id)
        self._round.extend(self._announcements.listeners)

    def _tell(self, listener_id: str, maximum: int, up_to: int | None = None) -> bool:
        """Send a listener some statuses.

        Returns:
            Whether there are more, and it reads.
        """
        connection = self._connections.get(listener_id)
        if connection is None or connection.is_stuck or not self._announcements.is_behind(listener_id, up_to):
            return False
        if announcements := self._announcements.take(listener_id, maximum, up_to):
            connection.send(b"".join(map(self._framed, announcements)))
            self._tally.messages_out += len(announcements)
        return self._announcements.is_behind(listener_id, up_to)

    def _framed(self, announcement: Announcement) -> bytes:
        if not announcement.frame:
            announcement.frame = self._framer.frame(announcement.event)
        return announcement.frame

    def _wait(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._turns.wait(self)
