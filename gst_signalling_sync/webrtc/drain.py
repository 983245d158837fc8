"""`Drain`: waits before a session ends until sent messages are delivered. Lives on the loop."""

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
"""Seconds that the other end may take to close the channels, which needs some round trips (`engine.stream_resets`) and may have
to wait for a busy program. Some peers do not close them."""

_POLL_SECONDS: Final = 0.005
"""Seconds between two checks, since SCTP has no event for acknowledgements."""


class Drain:
    """Waits until the other end has all sent messages. aiortc's own ``close()`` drops those that it has not sent."""

    def __init__(self) -> None:
        self._is_abandoned = False

    def abandon(self) -> None:
        """End present and future waits at once, since the other end is gone or the caller does not want to wait."""
        self._is_abandoned = True

    async def run(self, connection: PeerConnection, channels: Sequence[DataChannel], deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged everything, and the channels are closed at both ends.

        Args:
            connection: The session's connection. If it is not connected, this does not wait.
            channels: The session's channels, which must refuse sends.
            deadline: For the delivery. Messages that are not delivered by then are lost.
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
        """Wait until the other end has closed the channels too, which it does after it has given all messages to its program.

        webrtcbin acknowledges messages before it gives them to its program, and drops them when the session ends.
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
