"""`Drain`: what a session waits for before it ends, so that nothing is lost that was sent. Lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..threads.waiting import Deadline
from .engine.peer_connection import PeerConnection

if TYPE_CHECKING:
    from .channel import DataChannel

__all__ = ["Drain"]

_CHANNEL_CLOSE_SECONDS: Final = 3.0
"""How long the other end may take to close the channels: some round trips, `engine.stream_resets`, and a busy program's turn.
Not every peer does."""

_POLL_SECONDS: Final = 0.005
"""There is no event for acknowledgements: their end is looked for by polling."""


class Drain:
    """Waits until the other end has all that was sent; aiortc's own ``close()`` drops what it has not sent."""

    def __init__(self) -> None:
        self._is_abandoned = False

    def abandon(self) -> None:
        """Have a wait under way, or to come, end at once: the other end is gone, or nobody wants to wait any more."""
        self._is_abandoned = True

    async def run(self, connection: PeerConnection, channels: Sequence[DataChannel], deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged everything, and the channels are closed at both ends.

        Args:
            connection: Of the session; one that is not connected is not waited for.
            channels: On which nothing is sent any more.
            deadline: What is not delivered then is lost.
        """
        while self._is_worth_it(connection) and not _is_acknowledged(connection, channels):
            if not deadline.remaining():
                break
            await asyncio.sleep(_POLL_SECONDS)
        if self._is_worth_it(connection):
            await self._close_channels(channels, Deadline(min(deadline.remaining(), _CHANNEL_CLOSE_SECONDS)))

    async def wait_acknowledged(self, connection: PeerConnection, deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged everything, or the deadline."""
        while deadline.remaining() and self._is_worth_it(connection) and not _is_acknowledged(connection, ()):
            await asyncio.sleep(_POLL_SECONDS)

    def _is_worth_it(self, connection: PeerConnection) -> bool:
        return not self._is_abandoned and connection.state == "connected"

    async def _close_channels(self, channels: Sequence[DataChannel], deadline: Deadline) -> None:
        """Wait until the other end has closed them too, which it does behind the messages that it gives to its program.

        webrtcbin acknowledges messages that it has yet to give to its program, and drops them when the session ends.
        """
        for channel in channels:
            channel.close_when_flushed()
        while (
            deadline.remaining() and not self._is_abandoned and any(channel.state != "closed" for channel in channels)
        ):
            await asyncio.sleep(_POLL_SECONDS)


def _is_acknowledged(connection: PeerConnection, channels: Sequence[DataChannel]) -> bool:
    data = connection.data
    return (
        data is None
        or data.state == "closed"
        or (data.is_acknowledged and all(channel.is_drained for channel in channels))
    )
