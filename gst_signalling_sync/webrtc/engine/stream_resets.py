"""`StreamResets`: when the streams of data channels that are being closed may be reset (RFC 8831 section 6.7); without I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Final

from aiortc import RTCDataChannel

__all__ = ["HANDING_ON_SECONDS", "StreamResets"]

HANDING_ON_SECONDS: Final = 0.25
"""How long a peer's program may take to get what the peer's SCTP has acknowledged. GStreamer's ``sctpdec`` drops, when a stream
is reset, what it has not handed on, and tells nobody when it has: its thread may have to wait for a processor."""


class StreamResets:
    """What one association knows of the messages that precede a reset."""

    def __init__(self) -> None:
        self._acknowledged_at: dict[RTCDataChannel, float] = {}

    def acknowledged(self, channel: RTCDataChannel, now: float) -> None:
        """Take note of an acknowledgement of a message of a channel."""
        self._acknowledged_at[channel] = now

    def forget(self, channel: RTCDataChannel) -> None:
        """Forget a channel, which is closed."""
        self._acknowledged_at.pop(channel, None)

    def seconds_until(
        self, closing: Collection[RTCDataChannel], unacknowledged: Iterable[RTCDataChannel], now: float
    ) -> float:
        """How long the reset has to wait.

        Args:
            closing: The channels whose streams are to be reset.
            unacknowledged: The channel of each message that the peer's SCTP has not acknowledged.
            now: On the clock of `acknowledged`.

        Returns:
            Seconds, 0 for now; infinity: until more is acknowledged.
        """
        if any(channel in closing for channel in unacknowledged):
            return math.inf
        latest = max((self._acknowledged_at.get(channel, -math.inf) for channel in closing), default=-math.inf)
        return max(0.0, latest + HANDING_ON_SECONDS - now)
