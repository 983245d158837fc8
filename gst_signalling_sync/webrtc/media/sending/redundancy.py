"""`Redundancy`: decides which earlier audio packets a packet repeats, for one link (RED, RFC 2198). No clock and no I/O."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..codecs.codec import MAX_PAYLOAD
from ..codecs.redundancy_codec import RedundancyCodec, RedundantBlock

__all__ = ["Redundancy"]

_ON_LOSS: Final = 0.02
_OFF_LOSS: Final = 0.002
"""Average shares of lost packets at which repeating begins and ends."""

_MANY_LOST: Final = 0.15
"""Share of lost packets from which each packet is repeated twice: two packets in a row are then lost too often."""

_WEIGHT: Final = 0.25
"""Weight of the newest report. About one report comes per second."""

_HEADER_BYTES: Final = 5
"""Size of the headers of a redundant and the primary block."""


class Redundancy:
    """The redundancy of one link that takes RED.

    Args:
        wanted: True: always; False: never; None: while the link loses packets.
    """

    def __init__(self, wanted: bool | None) -> None:
        self._wanted = wanted
        self._is_on = bool(wanted)
        self._loss = 0.0
        # With their timestamps, the newest last.
        self._sent: deque[tuple[int, bytes]] = deque(maxlen=2)

    @property
    def is_on(self) -> bool:
        """Whether packets repeat earlier ones."""
        return self._is_on

    def on_report(self, lost: float) -> None:
        """Record a receiver report.

        Args:
            lost: Share of the packets since the last report that were lost, from 0 to 1.
        """
        self._loss += _WEIGHT * (lost - self._loss)
        if self._wanted is None:
            self._is_on = self._loss >= (_OFF_LOSS if self._is_on else _ON_LOSS)

    def payload(self, codec: RedundancyCodec, payload_type: int, timestamp: int, primary: bytes) -> bytes | None:
        """The payload of the next packet, with the earlier ones that it repeats.

        Args:
            codec: The negotiated RED codec.
            payload_type: Payload type of the blocks.
            timestamp: RTP timestamp in ticks, without wrapping.
            primary: Payload of the primary block.

        Returns:
            The payload. None: the packet repeats nothing, and `primary` is sent as it is.
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
