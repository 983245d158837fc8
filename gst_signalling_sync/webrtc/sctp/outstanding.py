"""`Outstanding`: chunks that the peer has not acknowledged, and loss detection (RFC 9260 section 7.2.4; RACK: RFC 8985).

RFC 9260 finds a loss by three acknowledgements of later TSNs. This uses the order of sending instead of that of TSNs, so that
it finds lost retransmissions too. Time counts as well (RACK): a chunk is lost if another one that was sent a fraction of a
round trip later has arrived, even if fewer than three packets follow. On a link that is found to reorder packets, only time
counts. The work is in proportion to the chunks that a decision concerns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .message import Message
from .sent_chunk import ABANDONED, ACKNOWLEDGED, IN_FLIGHT, LOST, SentChunk

__all__ = ["Outcome", "Outstanding"]

_MISSING_REPORTS: Final = 3
"""Acknowledgements of later chunks that show a loss (RFC 9260 section 7.2.4)."""

_MIN_REORDERING: Final = 0.002
"""Minimum of the reordering window, in seconds. A shorter one would take the delay by a busy processor for a loss."""

_MAX_REORDERING_STEPS: Final = 16
_RECOVERIES_PER_STEP: Final = 16
"""Recoveries after which the reordering window shrinks by a step (RFC 8985 section 6.2, step 4)."""


class Outcome:
    """The effect of an acknowledgement.

    Attributes:
        size: Newly acknowledged bytes.
        has_advanced: Whether the cumulative TSN has advanced.
        newest_packet: The number of the latest packet with newly acknowledged chunks; -1: there is none.
        round_trip: A measured round trip, in seconds; None: there is none.
        streams: The streams of messages that are newly acknowledged by the cumulative TSN.
    """

    __slots__ = ("has_advanced", "newest_packet", "round_trip", "size", "streams")

    def __init__(self) -> None:
        self.size = 0
        self.has_advanced = False
        self.newest_packet = -1
        self.round_trip: float | None = None
        self.streams: set[int] = set()


class Outstanding:
    """The chunks that were sent and are not acknowledged by the cumulative TSN.

    Args:
        first_tsn: The first TSN of this end.
    """

    def __init__(self, first_tsn: int) -> None:
        self.cumulative = first_tsn - 1
        """The peer's cumulative TSN."""

        self.next_tsn = first_tsn
        self.in_flight_bytes = 0
        """Bytes under way, with the headers of chunks."""

        self.loss_at: float | None = None
        """When a chunk counts as lost unless it is acknowledged before; None: there is no such chunk."""

        self.chunks: dict[int, SentChunk] = {}
        """The chunks by TSN, in the order of TSNs."""

        self.under_way: dict[int, SentChunk] = {}
        """The chunks under way by TSN, in the order of sending."""

        self._gaps: list[tuple[int, int]] = []
        self._measure_from = first_tsn
        # The packet number and the round trip of the latest packet that has arrived.
        self._arrived_packet = -1
        self._arrived_round_trip = 0.0
        self._sees_reordering = False
        self._reordering_steps = 1
        self._recoveries = 0

    @property
    def packets_in_flight(self) -> int:
        """The approximate number of packets under way, from the packet numbers of the first and the last chunk."""
        if not self.under_way:
            return 0
        first = next(iter(self.under_way.values()))
        last = next(reversed(self.under_way.values()))
        return last.packet - first.packet + 1

    # Sending.

    def add(self, message: Message, is_last: bool, wire: bytes, now: float, packet: int) -> None:
        """Add a chunk that is sent now, with the TSN `next_tsn`."""
        tsn = self.next_tsn
        self.next_tsn = tsn + 1
        self.chunks[tsn] = self.under_way[tsn] = SentChunk(tsn, message, is_last, wire, now, packet)
        self.in_flight_bytes += len(wire)

    def add_abandoned(self, message: Message) -> None:
        """Give the next TSN to the rest of an abandoned message, which is never sent."""
        chunk = SentChunk(self.next_tsn, message, True, b"", 0.0, -1)
        chunk.state = ABANDONED
        self.chunks[self.next_tsn] = chunk
        self.next_tsn += 1

    def send_again(self, chunk: SentChunk, now: float, packet: int) -> None:
        """Record a retransmission of a chunk."""
        if chunk.state == IN_FLIGHT:
            del self.under_way[chunk.tsn]
        else:
            chunk.state = IN_FLIGHT
            self.in_flight_bytes += len(chunk.wire)
        chunk.transmissions += 1
        chunk.sent_at = now
        chunk.packet = packet
        chunk.missing = 0
        self.under_way[chunk.tsn] = chunk

    def lose(self, chunk: SentChunk) -> None:
        """Mark a chunk as lost."""
        del self.under_way[chunk.tsn]
        self.in_flight_bytes -= len(chunk.wire)
        chunk.state = LOST

    def abandon(self, chunk: SentChunk) -> None:
        """Mark a chunk as abandoned (RFC 3758 section 3.5, A3)."""
        if chunk.state == IN_FLIGHT:
            self.lose(chunk)
        chunk.state = ABANDONED

    def oldest_in_flight(self) -> list[SentChunk]:
        """The chunks under way, in the order of their TSNs."""
        return sorted(self.under_way.values(), key=_tsn_of)

    # Acknowledgements.

    def acknowledge(
        self, cumulative: int, gaps: list[tuple[int, int]], now: float, minimum: float | None
    ) -> Outcome | None:
        """Handle an acknowledgement.

        Args:
            cumulative: The peer's cumulative TSN.
            gaps: The runs of TSNs received beyond it, as offsets from it, in order.
            now: The time, in seconds.
            minimum: The shortest measured round trip, in seconds; None: none was measured yet.

        Returns:
            Its effect; None: it is outdated, or acknowledges chunks that were not sent.
        """
        if cumulative < self.cumulative or cumulative >= self.next_tsn:
            return None
        outcome = Outcome()
        newest: SentChunk | None = None
        arrived = self._arrived_packet
        chunks, in_flight = self.chunks, self.under_way
        for tsn in range(self.cumulative + 1, cumulative + 1):
            chunk = chunks.pop(tsn)
            if chunk.state == IN_FLIGHT:
                del in_flight[tsn]
                self.in_flight_bytes -= len(chunk.wire)
            if chunk.state == IN_FLIGHT or chunk.state == LOST:
                outcome.size += len(chunk.wire)
                if newest is None or chunk.packet > newest.packet:
                    newest = chunk
                if chunk.packet < arrived:
                    self._note_order(chunk, now, minimum)
            if chunk.is_last and chunk.state != ABANDONED:
                outcome.streams.add(chunk.message.stream)
        outcome.has_advanced = cumulative > self.cumulative
        self.cumulative = cumulative
        for chunk in self._newly_received(gaps) if gaps or self._gaps else ():
            if chunk.state == IN_FLIGHT:
                del in_flight[chunk.tsn]
                self.in_flight_bytes -= len(chunk.wire)
            elif chunk.state != LOST:
                continue
            outcome.size += len(chunk.wire)
            chunk.state = ACKNOWLEDGED
            if newest is None or chunk.packet > newest.packet:
                newest = chunk
            if chunk.packet < arrived:
                self._note_order(chunk, now, minimum)
        if newest is not None:
            outcome.newest_packet = newest.packet
            if newest.transmissions == 1 and newest.tsn >= self._measure_from:
                # A round trip is measured once per round trip (RFC 9260 section 6.3.1, C4).
                outcome.round_trip = now - newest.sent_at
                self._measure_from = self.next_tsn
            self._note_arrival(newest, now, minimum)
        return outcome

    def _newly_received(self, gaps: list[tuple[int, int]]) -> Iterator[SentChunk]:
        """The chunks in gap blocks that were not in the gap blocks of the previous acknowledgement."""
        cumulative, highest = self.cumulative, self.next_tsn - 1
        before, self._gaps = self._gaps, []
        index = 0
        last = cumulative
        for begin, end in gaps:
            # Overlapping gap blocks must not yield a chunk twice.
            first, last = max(cumulative + begin, last + 1), max(min(cumulative + end, highest), last)
            if first > last:
                continue
            self._gaps.append((first, last))
            tsn = first
            while tsn <= last:
                while index < len(before) and before[index][1] < tsn:
                    index += 1
                if index < len(before) and before[index][0] <= tsn:
                    tsn = before[index][1] + 1
                    continue
                new = min(last, before[index][0] - 1) if index < len(before) else last
                for each in range(tsn, new + 1):
                    chunk = self.chunks.get(each)
                    if chunk is not None:
                        yield chunk
                tsn = new + 1

    def _note_order(self, chunk: SentChunk, now: float, minimum: float | None) -> None:
        """Detect reordering, since a chunk has arrived after one that was sent later."""
        if chunk.transmissions == 1:
            self._sees_reordering = True
        elif chunk.transmissions == 2 and minimum is not None and now - chunk.sent_at < minimum / 2:
            # The first transmission has arrived, so the second one was too early.
            self._sees_reordering = True
            self._reordering_steps = min(self._reordering_steps + 1, _MAX_REORDERING_STEPS)
            self._recoveries = 0

    def _note_arrival(self, chunk: SentChunk, now: float, minimum: float | None) -> None:
        round_trip = now - chunk.sent_at
        if chunk.transmissions > 1 and minimum is not None and round_trip < minimum:
            # An earlier transmission may have arrived (RFC 8985 section 6.2, step 2).
            return
        if chunk.packet > self._arrived_packet:
            self._arrived_packet = chunk.packet
            self._arrived_round_trip = round_trip

    def find_losses(self, now: float, minimum: float, smoothed: float, newest_packet: int = -1) -> list[SentChunk]:
        """Mark chunks as lost, and set `loss_at` for those that may be lost soon.

        Args:
            now: The time, in seconds.
            minimum: The shortest measured round trip, in seconds.
            smoothed: The smoothed round trip, in seconds.
            newest_packet: `Outcome.newest_packet` of the present acknowledgement. Defaults to -1: there is none.

        Returns:
            The chunks that are marked now.
        """
        self.loss_at = None
        lost: list[SentChunk] = []
        if not self.under_way:
            return lost
        reordering = min(max(minimum / 4 * self._reordering_steps, _MIN_REORDERING), max(smoothed, _MIN_REORDERING))
        wait = self._arrived_round_trip + reordering
        needed = _MISSING_REPORTS if not self._sees_reordering else 1 << 30
        for chunk in self.under_way.values():
            if chunk.packet >= self._arrived_packet:
                break
            if chunk.packet < newest_packet:
                chunk.missing += 1
            if chunk.missing >= needed or chunk.sent_at + wait <= now:
                lost.append(chunk)
            elif self.loss_at is None:
                # The chunks after it were sent later.
                self.loss_at = chunk.sent_at + wait
        for chunk in lost:
            self.lose(chunk)
        if lost:
            self._note_recovery()
        return lost

    def _note_recovery(self) -> None:
        self._recoveries += 1
        if self._recoveries >= _RECOVERIES_PER_STEP:
            self._recoveries = 0
            self._reordering_steps = max(1, self._reordering_steps - 1)

    def lose_all(self) -> list[SentChunk]:
        """Mark all chunks as lost that the last acknowledgement does not report, even if an earlier one did.

        A peer may drop chunks that it has acknowledged in a gap block (RFC 9260 section 6.2.1).

        Returns:
            The chunks that are marked now.
        """
        self.loss_at = None
        lost = list(self.under_way.values())
        for chunk in lost:
            self.lose(chunk)
        told = {tsn for first, last in self._gaps for tsn in range(first, last + 1)}
        for chunk in self.chunks.values():
            if chunk.state == ACKNOWLEDGED and chunk.tsn not in told:
                chunk.state = LOST
                lost.append(chunk)
        return lost


def _tsn_of(chunk: SentChunk) -> int:
    return chunk.tsn
