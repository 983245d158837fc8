"""`StreamResets`: when the streams of closing data channels may be reset (RFC 8831 section 6.7). No I/O and no clock."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Final

from aiortc import RTCDataChannel

__all__ = ["HANDING_ON_SECONDS", "StreamResets"]

HANDING_ON_SECONDS: Final = 0.25
"""Seconds from an acknowledgement of the peer's SCTP until its program has surely got the message. When a stream is reset,
GStreamer's ``sctpdec`` drops messages that it has not delivered, whose thread may have to wait for a processor."""


class StreamResets:
    """The acknowledgements of one association that resets have to wait for."""

    def __init__(self) -> None:
        self._acknowledged_at: dict[RTCDataChannel, float] = {}

    def acknowledged(self, channel: RTCDataChannel, now: float) -> None:
        """Record the acknowledgement of a message of a channel."""
        self._acknowledged_at[channel] = now

    def forget(self, channel: RTCDataChannel) -> None:
        """Forget a closed channel."""
        self._acknowledged_at.pop(channel, None)

    def seconds_until(
        self, closing: Collection[RTCDataChannel], unacknowledged: Iterable[RTCDataChannel], now: float
    ) -> float:
        """The time that the reset has to wait.

        Args:
            closing: The channels whose streams are to be reset.
            unacknowledged: The channel of each message that the peer's SCTP has not acknowledged.
            now: The time in seconds, on the clock of `acknowledged`.

        Returns:
            The time in seconds; infinity: until more messages are acknowledged.
        """
        if any(channel in closing for channel in unacknowledged):
            return math.inf
        latest = max((self._acknowledged_at.get(channel, -math.inf) for channel in closing), default=-math.inf)
        return max(0.0, latest + HANDING_ON_SECONDS - now)
