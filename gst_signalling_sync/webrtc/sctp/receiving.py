"""`Receiving`: DATA chunks of the peer and their SACKs (RFC 9260 section 6.2), and FORWARD TSN (RFC 3758 section 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .chunks import IMMEDIATE, ForwardTsn, Sack, plain_sack
from .events import Received
from .reassembly import PIECE_BYTES, Reassembly
from .received_tsns import ReceivedTsns
from .serial import TSN_MASK, nearest_tsn
from .settings import Settings

__all__ = ["Receiving", "WindowIgnored"]

PACKETS_PER_SACK: Final = 2
"""Packets after which an acknowledgement is sent at once: at least every second packet (RFC 9260 section 6.2)."""

_MAX_GAPS: Final = 200
_MAX_DUPLICATES: Final = 32
"""With these maxima an acknowledgement fits into a packet. The peer sends chunks again that it does not report."""


class WindowIgnored(Exception):
    """The peer has exceeded the receive window by far."""


class _Held:
    """Chunks of streams whose reset waits for older chunks (RFC 6525 section 5.2.2)."""

    def __init__(self, last_tsn: int, streams: frozenset[int]) -> None:
        self.last_tsn = last_tsn
        self.streams = streams
        self.chunks: list[tuple[int, int, int, int, int, bytes]] = []
        self.size = 0


class Receiving:
    """The receiving half of an association.

    Args:
        settings: The settings of the association.
        first_tsn: The peer's first TSN.
    """

    def __init__(self, settings: Settings, first_tsn: int) -> None:
        self._settings = settings
        self._limit = settings.window + settings.max_excess
        self._tsns = ReceivedTsns(first_tsn - 1)
        self._reassembly = Reassembly()
        self._duplicates: list[int] = []
        self._packets = 0
        self._has_new = False
        self._held: _Held | None = None
        self.sack_is_due = False
        """Whether an acknowledgement is due."""

        self.sack_at: float | None = None
        """When a delayed acknowledgement becomes due; None: there is none."""

    @property
    def cumulative_tsn(self) -> int:
        """The TSN up to which all chunks were received."""
        return self._tsns.cumulative

    @property
    def buffered(self) -> int:
        """Bytes of chunks and messages that wait for others, with their overhead in memory."""
        return self._reassembly.size + (self._held.size if self._held is not None else 0)

    def take_delivered(self) -> list[Received]:
        """Take the messages that are complete and in order."""
        reassembly = self._reassembly
        delivered = reassembly.delivered
        if delivered:
            reassembly.delivered = []
        return delivered

    def on_data(self, wire_tsn: int, flags: int, stream: int, ssn: int, identifier: int, payload: bytes) -> None:
        """Handle a DATA chunk.

        Raises:
            WindowIgnored: The peer sends a message without an end.
        """
        tsns, reassembly = self._tsns, self._reassembly
        if flags & IMMEDIATE:
            self.sack_is_due = True
        tsn = tsns.cumulative + 1
        if wire_tsn == tsn & TSN_MASK and self._held is None and not tsns.has_gaps:
            # The usual case: the chunk is the next one.
            tsns.cumulative = tsn
            self._has_new = True
            reassembly.add(tsn, flags, stream, ssn, identifier, payload)
            if reassembly.size > self._limit:
                raise WindowIgnored("a message has no end")
            return
        self._on_other_data(nearest_tsn(wire_tsn, tsns.cumulative), flags, stream, ssn, identifier, payload)

    def _on_other_data(self, tsn: int, flags: int, stream: int, ssn: int, identifier: int, payload: bytes) -> None:
        """Handle a DATA chunk while others are missing, or one that was received before."""
        tsns, limit = self._tsns, self._limit
        if tsn != tsns.cumulative + 1 and self.buffered > limit:
            # The chunk is not acknowledged, so that it comes again when there is room (RFC 9260 section 6.2).
            self.sack_is_due = True
            return
        if not tsns.add(tsn):
            if tsn in tsns and len(self._duplicates) < _MAX_DUPLICATES:
                self._duplicates.append(tsn & TSN_MASK)
            return
        self._has_new = True
        held = self._held
        if held is not None and tsn > held.last_tsn and (not held.streams or stream in held.streams):
            held.chunks.append((tsn, flags, stream, ssn, identifier, payload))
            held.size += len(payload) + PIECE_BYTES
        else:
            self._reassembly.add(tsn, flags, stream, ssn, identifier, payload)
        if self.buffered > limit and not tsns.has_gaps:
            # No missing chunk could make room.
            raise WindowIgnored("a message has no end")

    def on_forward_tsn(self, forward: ForwardTsn) -> None:
        """Handle a FORWARD TSN: drop the messages that the peer has abandoned."""
        tsn = nearest_tsn(forward.cumulative_tsn, self._tsns.cumulative)
        self.sack_is_due = True
        if self._tsns.skip_to(tsn):
            self._reassembly.skip(tsn, dict(forward.streams))

    def end_packet(self, now: float) -> None:
        """Decide when the chunks of a packet are acknowledged."""
        self._packets += 1
        # A packet without new chunks means that an acknowledgement was lost.
        if self._tsns.has_gaps or not self._has_new or self._packets >= PACKETS_PER_SACK:
            self.sack_is_due = True
        elif self.sack_at is None:
            self.sack_at = now + self._settings.sack_delay
        self._has_new = False

    def on_time(self, now: float) -> None:
        """Handle the timer of delayed acknowledgements."""
        if self.sack_at is not None and self.sack_at <= now:
            self.sack_is_due = True

    def sack(self) -> bytes:
        """Take the SACK chunk, which is then no longer due."""
        self.sack_is_due = False
        self.sack_at = None
        self._packets = 0
        tsns = self._tsns
        window = max(0, self._settings.window - self.buffered)
        if not (tsns.has_gaps or self._duplicates):
            return plain_sack(tsns.cumulative & TSN_MASK, window)
        duplicates, self._duplicates = self._duplicates, []
        return Sack(tsns.cumulative & TSN_MASK, window, tsns.gaps(_MAX_GAPS), duplicates).serialize()

    def hold(self, last_tsn: int, streams: Sequence[int]) -> None:
        """Keep chunks that the peer sends on streams after a reset that cannot be performed yet; see `reset`."""
        if self._held is None:
            self._held = _Held(last_tsn, frozenset(streams))

    def reset(self, streams: Sequence[int]) -> None:
        """Perform a reset of the peer's outgoing streams (RFC 6525 section 5.2.2). An empty sequence means all streams."""
        self._reassembly.reset(streams)
        held, self._held = self._held, None
        for each in held.chunks if held is not None else ():
            self._reassembly.add(*each)
