"""Delayed acknowledgements for aiortc's SCTP: SACK chunks that are bundled with other chunks (RFC 9260 sections 6.2 and 3.3.4).

aiortc acknowledges every packet at once, in a separate packet, so that a message and its echo take four packets instead of two.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Final

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import Chunk, SackChunk
from aiortc.utils import uint32_gte

__all__ = ["DelayedSacks"]

SACK_DELAY_SECONDS: Final = 0.01
"""Maximum delay of an acknowledgement, in seconds. RFC 9260 section 6.2 has 0.2 s. A shorter delay lets sessions end sooner."""

PACKETS_PER_SACK: Final = 2
"""Packets after which an acknowledgement is sent at once: at least every second packet (RFC 9260 section 6.2)."""


_MAX_GAPS: Final = 200
_MAX_DUPLICATES: Final = 32
"""With these maxima an acknowledgement fits into a packet. The peer sends chunks again that it does not report."""


class Bundle(Chunk):
    """Several chunks that aiortc serialises as one."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks)


class DelayedSacks(RTCSctpTransport):
    """An SCTP transport that delays its acknowledgements. Lives on the loop."""

    _sack_is_due = False
    _packets_to_acknowledge = 0
    _sack_timer: asyncio.TimerHandle | None = None
    # Held here, since asyncio holds tasks only weakly.
    _sack_task: asyncio.Task[None] | None = None

    async def _send_packet(self, chunks: list[bytes]) -> None:
        if not chunks:
            return
        try:
            await self._send_chunk(Bundle(chunks))
        except ConnectionError:
            # The DTLS transport closed first, which ends this one too. aiortc's timers do not handle this error.
            return

    def _mark_received(self, tsn: int) -> bool:
        """Record a received chunk. aiortc's own method iterates over all chunks that are out of order.

        Returns:
            Whether it is a duplicate.
        """
        assert self._last_received_tsn is not None
        if uint32_gte(self._last_received_tsn, tsn) or tsn in self._sack_misordered:
            self._sack_duplicates.append(tsn)
            return True
        self._sack_misordered.add(tsn)
        while (following := (self._last_received_tsn + 1) % 2**32) in self._sack_misordered:
            self._sack_misordered.discard(following)
            self._last_received_tsn = following
        return False

    async def _send_sack(self) -> None:
        """Acknowledge a received packet, at once or with the next packet that is sent."""
        self._sack_needed = False
        self._sack_is_due = True
        self._packets_to_acknowledge += 1
        out_of_order = bool(self._sack_misordered or self._sack_duplicates)
        if out_of_order or self._packets_to_acknowledge >= PACKETS_PER_SACK:
            await self._send_packet(self._due_sack())
        elif self._sack_timer is None:
            self._sack_timer = asyncio.get_running_loop().call_later(SACK_DELAY_SECONDS, self._on_sack_timer)

    def _on_sack_timer(self) -> None:
        self._sack_timer = None
        if self._sack_is_due and self._association_state == self.State.ESTABLISHED:
            self._sack_task = asyncio.ensure_future(self._send_late_sack())

    async def _send_late_sack(self) -> None:
        if self._association_state == self.State.ESTABLISHED:
            await self._send_packet(self._due_sack())

    def _due_sack(self) -> list[bytes]:
        """Take the acknowledgement, if one is due."""
        if not self._sack_is_due:
            return []
        self._sack_is_due = False
        self._packets_to_acknowledge = 0
        # The timer keeps running: one that finds nothing due costs less than setting one for every message.
        assert self._last_received_tsn is not None
        sack = SackChunk()
        sack.cumulative_tsn = self._last_received_tsn
        sack.advertised_rwnd = max(0, self._advertised_rwnd)
        sack.duplicates = self._sack_duplicates[:_MAX_DUPLICATES]
        sack.gaps = list(itertools.islice(self._received_gaps(), _MAX_GAPS))
        self._sack_duplicates.clear()
        return [bytes(sack)]

    def _received_gaps(self) -> Iterator[tuple[int, int]]:
        """The runs of TSNs received beyond the cumulative TSN, as offsets from it (RFC 9260 section 3.3.4)."""
        acknowledged = self._last_received_tsn
        assert acknowledged is not None
        start = end = 0
        for offset in sorted((tsn - acknowledged) % 2**32 for tsn in self._sack_misordered):
            if offset == end + 1 and end:
                end = offset
                continue
            if end:
                yield start, end
            start = end = offset
        if end:
            yield start, end

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state == self.State.CLOSED and self._sack_timer is not None:
            self._sack_timer.cancel()
            self._sack_timer = None
