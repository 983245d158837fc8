"""`Drain`: waits before a session ends until sent messages are delivered. Lives on the loop.

`DrainPlan` decides how long, without I/O and without a clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from ..threads.waiting import Deadline
from .engine.peer_connection import PeerConnection
from .live_channel import LiveChannel

__all__ = ["CLOSING_SECONDS", "Drain", "DrainPlan", "DrainStep"]

CLOSING_SECONDS: Final = 3.0
"""Seconds that the other end may take to close the channels, which needs some round trips (`engine.stream_resets`) and may have
to wait for a busy program. Some peers do not close them."""

_POLL_SECONDS: Final = 0.005
"""Seconds between two checks, since SCTP has no event for acknowledgements."""


class DrainStep(Enum):
    """What a drain does next."""

    WAIT = auto()
    """Wait, and ask again."""

    CLOSE = auto()
    """Close the channels, and ask again."""

    END = auto()
    """Wait no longer."""


class DrainPlan:
    """The two things that are waited for: the acknowledgement of everything, then the end of the channels at both ends.

    The other end closes a channel after it has given all messages to its program. webrtcbin acknowledges messages before it
    gives them to its program, and drops them when the session ends.
    """

    def __init__(self) -> None:
        # The time that must be left for waiting for the end of the channels; None: they are not being closed yet.
        self._closes_until: float | None = None

    def next(self, remaining: float, *, is_connected: bool, is_acknowledged: bool, is_closed: bool) -> DrainStep:
        """What to do now.

        Args:
            remaining: Seconds that are left for the delivery.
            is_connected: Whether the connection can deliver anything.
            is_acknowledged: Whether the other end's SCTP has acknowledged everything.
            is_closed: Whether all channels are closed.
        """
        if self._closes_until is not None:
            is_over = is_closed or remaining <= self._closes_until
            return DrainStep.END if is_over else DrainStep.WAIT
        if not is_connected:
            return DrainStep.END
        if not is_acknowledged and remaining:
            return DrainStep.WAIT
        self._closes_until = max(0.0, remaining - CLOSING_SECONDS)
        return DrainStep.CLOSE


class Drain:
    """Waits until the other end has all sent messages. aiortc's own ``close()`` drops those that it has not sent."""

    def __init__(self) -> None:
        self._is_abandoned = False

    def abandon(self) -> None:
        """End present and future waits at once, since the other end is gone or the caller does not want to wait."""
        self._is_abandoned = True

    async def run(self, connection: PeerConnection, channels: Sequence[LiveChannel], deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged everything, and the channels are closed at both ends.

        Args:
            connection: The session's connection. If it is not connected, this does not wait.
            channels: The session's channels, which must refuse sends.
            deadline: For the delivery. Messages that are not delivered by then are lost.
        """
        plan = DrainPlan()
        while not self._is_abandoned:
            step = plan.next(
                deadline.remaining(),
                is_connected=connection.state == "connected",
                is_acknowledged=_is_acknowledged(connection, channels),
                is_closed=all(channel.state == "closed" for channel in channels),
            )
            if step is DrainStep.END:
                return
            if step is DrainStep.CLOSE:
                for channel in channels:
                    channel.close_when_flushed()
            else:
                await asyncio.sleep(_POLL_SECONDS)

    async def wait_acknowledged(self, connection: PeerConnection, deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged everything, or the deadline."""
        while (
            deadline.remaining()
            and not self._is_abandoned
            and connection.state == "connected"
            and not _is_acknowledged(connection, ())
        ):
            await asyncio.sleep(_POLL_SECONDS)


def _is_acknowledged(connection: PeerConnection, channels: Sequence[LiveChannel]) -> bool:
    data = connection.data
    return (
        data is None
        or data.state == "closed"
        or (data.is_acknowledged and all(channel.is_drained for channel in channels))
    )
