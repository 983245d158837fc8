"""`Redundancy`: whether packets of sound repeat earlier ones, and which, for one link (RFC 2198). No clock and no I/O."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..codecs.codec import MAX_PAYLOAD
from ..codecs.redundancy_codec import RedundancyCodec, RedundantBlock

__all__ = ["Redundancy"]

_ON_LOSS: Final = 0.02
_OFF_LOSS: Final = 0.002
"""Shares of packets that are lost, on average, at which repeating begins and ends."""

_MANY_LOST: Final = 0.15
"""A share at which each packet is repeated twice: of two in a row one is lost too often then."""

_WEIGHT: Final = 0.25
"""Of the newest report, of which there is about one in a second."""

_HEADER_BYTES: Final = 5
"""What a redundant block and the primary one take beside their data."""


class Redundancy:
    """What is sent besides to one link that takes RED.

    Args:
        wanted: True: always; False: never; None: while the link loses packets.
    """

    def __init__(self, wanted: bool | None) -> None:
        self._wanted = wanted
        self._is_on = bool(wanted)
        self._loss = 0.0
        # The newest last, by their timestamps.
        self._sent: deque[tuple[int, bytes]] = deque(maxlen=2)

    @property
    def is_on(self) -> bool:
        """Whether packets repeat others."""
        return self._is_on

    def on_report(self, lost: float) -> None:
        """Take note of a receiver's report.

        Args:
            lost: The share of packets that it lost since the one before, 0 to 1.
        """
        self._loss += _WEIGHT * (lost - self._loss)
        if self._wanted is None:
            self._is_on = self._loss >= (_OFF_LOSS if self._is_on else _ON_LOSS)

    def payload(self, codec: RedundancyCodec, payload_type: int, timestamp: int, primary: bytes) -> bytes | None:
        """The payload of the next packet.

        Args:
            codec: What was negotiated.
            payload_type: Of what it carries.
            timestamp: In ticks, without wrapping.
            primary: What the packet is for.

        Returns:
            None: the packet repeats nothing, and goes as it is.
        """
        blocks: list[RedundantBlock] = []
        if self._is_on:
            room = MAX_PAYLOAD - len(primary) - _HEADER_BYTES
            newest_first = list(reversed(self._sent))[: 2 if self._loss >= _MANY_LOST else 1]
            for sent_at, data in newest_first:
                offset = timestamp - sent_at
                if not codec.can_repeat(offset, data) or len(data) + _HEADER_BYTES > room:
                    break
                room -= len(data) + _HEADER_BYTES
                blocks.insert(0, RedundantBlock(payload_type, offset, data))
        self._sent.append((timestamp, primary))
        return codec.pack(blocks, payload_type, primary) if blocks else None
