"""`Outstanding`: chunks that the peer has not acknowledged, and which of them are lost.

RFC 9260 section 7.2.4 finds a loss by three acknowledgements of what was sent later, in the order of TSNs. Here it is the order
of sending, so that a retransmission that is lost is found likewise, and time counts too (RACK, RFC 8985): what was sent a part
of a round trip before something that has arrived is lost, though fewer packets than three follow it. On a link that reorders,
which is noticed, time alone counts. Whatever is decided costs work in proportion to the chunks that it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .chunks import IMMEDIATE
from .message import Message

__all__ = ["ABANDONED", "ACKNOWLEDGED", "IN_FLIGHT", "LOST", "Outcome", "Outstanding", "SentChunk"]

IN_FLIGHT: Final = 0
ACKNOWLEDGED: Final = 1
"""By a gap block."""
LOST: Final = 2
ABANDONED: Final = 3

_MISSING_REPORTS: Final = 3
"""RFC 9260 section 7.2.4."""

_MIN_REORDERING: Final = 0.002
"""Seconds. Less than what a processor may keep one of two packets waiting for."""

_MAX_REORDERING_STEPS: Final = 16
_RECOVERIES_PER_STEP: Final = 16
"""RFC 8985 section 6.2, step 4."""


class SentChunk:
    """A DATA chunk that was sent at least once.

    Attributes:
        tsn: Its TSN, which does not wrap.
        message: The message that it is a part of.
        is_last: Whether it ends its message.
        wire: The chunk, padded.
        state: `IN_FLIGHT`, `ACKNOWLEDGED`, `LOST` or `ABANDONED`.
        transmissions: How often it was sent.
        sent_at: When it was sent last.
        packet: The number of the packet that it was sent in last.
        missing: Acknowledgements since that told of something sent later.
    """

    __slots__ = ("is_last", "message", "missing", "packet", "sent_at", "state", "transmissions", "tsn", "wire")

    def __init__(self, tsn: int, message: Message, is_last: bool, wire: bytes, now: float, packet: int) -> None:
        self.tsn = tsn
        self.message = message
        self.is_last = is_last
        self.wire = wire
        self.state = IN_FLIGHT
        self.transmissions = 1
        self.sent_at = now
        self.packet = packet
        self.missing = 0

    def with_flag_immediate(self) -> bytes:
        """The chunk, with the wish that it be acknowledged at once (RFC 9260 section 6.2)."""
        wire = self.wire
        return wire[:1] + bytes((wire[1] | IMMEDIATE,)) + wire[2:]


class Outcome:
    """What an acknowledgement has changed.

    Attributes:
        size: Bytes that it acknowledges for the first time.
        has_advanced: Whether the cumulative TSN has.
        newest_packet: The number of the latest packet that it acknowledges something of for the first time; -1: none.
        round_trip: A measurement in seconds, if there is one.
        streams: Those of the messages that are acknowledged by the cumulative TSN.
    """

    __slots__ = ("has_advanced", "newest_packet", "round_trip", "size", "streams")

    def __init__(self) -> None:
        self.size = 0
        self.has_advanced = False
        self.newest_packet = -1
        self.round_trip: float | None = None
        self.streams: set[int] = set()


class Outstanding:
    """What was sent and is not acknowledged by the cumulative TSN.

    Args:
        first_tsn: That of this end.
    """

    def __init__(self, first_tsn: int) -> None:
        self.cumulative = first_tsn - 1
        """The peer's cumulative TSN."""

        self.next_tsn = first_tsn
        self.in_flight_bytes = 0
        """What is under way, with the headers of chunks."""

        self.loss_at: float | None = None
        """When something counts as lost unless it is acknowledged before."""

        self.chunks: dict[int, SentChunk] = {}
        """The chunks by their TSNs, which are in order."""

        self.under_way: dict[int, SentChunk] = {}
        """Those under way, in the order of sending."""

        self._gaps: list[tuple[int, int]] = []
        self._measure_from = first_tsn
        # Of what was sent last of all that has arrived.
        self._arrived_packet = -1
        self._arrived_round_trip = 0.0
        self._sees_reordering = False
        self._reordering_steps = 1
        self._recoveries = 0

    @property
    def packets_in_flight(self) -> int:
        """About how many packets are under way; counts no further than the first of them needs."""
        if not self.under_way:
            return 0
        first = next(iter(self.under_way.values()))
        last = next(reversed(self.under_way.values()))
        return last.packet - first.packet + 1

    # Sending.

    def add(self, message: Message, is_last: bool, wire: bytes, now: float, packet: int) -> None:
        """Take a chunk that is sent now, with `next_tsn`."""
        tsn = self.next_tsn
        self.next_tsn = tsn + 1
        self.chunks[tsn] = self.under_way[tsn] = SentChunk(tsn, message, is_last, wire, now, packet)
        self.in_flight_bytes += len(wire)

    def add_abandoned(self, message: Message) -> None:
        """Give the rest of an abandoned message, which is never sent, the next TSN."""
        chunk = SentChunk(self.next_tsn, message, True, b"", 0.0, -1)
        chunk.state = ABANDONED
        self.chunks[self.next_tsn] = chunk
        self.next_tsn += 1

    def send_again(self, chunk: SentChunk, now: float, packet: int) -> None:
        """Take note that a chunk is sent once more."""
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
        """Take a chunk for lost."""
        del self.under_way[chunk.tsn]
        self.in_flight_bytes -= len(chunk.wire)
        chunk.state = LOST

    def abandon(self, chunk: SentChunk) -> None:
        """Give a chunk up (RFC 3758 section 3.5, A3)."""
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
        """Take an acknowledgement.

        Args:
            cumulative: The peer's cumulative TSN.
            gaps: Runs that it has received beyond, as offsets from it, in order.
            now: The time.
            minimum: The shortest round trip that was measured, in seconds.

        Returns:
            What it has changed; None where it is an old one, or acknowledges what was not sent.
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
                # Once per round trip (RFC 9260 section 6.3.1, C4).
                outcome.round_trip = now - newest.sent_at
                self._measure_from = self.next_tsn
            self._note_arrival(newest, now, minimum)
        return outcome

    def _newly_received(self, gaps: list[tuple[int, int]]) -> Iterator[SentChunk]:
        """The chunks in gap blocks that were not in those of the acknowledgement before."""
        cumulative, highest = self.cumulative, self.next_tsn - 1
        before, self._gaps = self._gaps, []
        index = 0
        last = cumulative
        for begin, end in gaps:
            # Those that overlap tell of no chunk twice.
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
        """See what it tells that a chunk arrived behind one that was sent later."""
        if chunk.transmissions == 1:
            self._sees_reordering = True
        elif chunk.transmissions == 2 and minimum is not None and now - chunk.sent_at < minimum / 2:
            # It is the first transmission that arrived: the second was too early.
            self._sees_reordering = True
            self._reordering_steps = min(self._reordering_steps + 1, _MAX_REORDERING_STEPS)
            self._recoveries = 0

    def _note_arrival(self, chunk: SentChunk, now: float, minimum: float | None) -> None:
        round_trip = now - chunk.sent_at
        if chunk.transmissions > 1 and minimum is not None and round_trip < minimum:
            # It may be the transmission before that arrived (RFC 8985 section 6.2, step 2).
            return
        if chunk.packet > self._arrived_packet:
            self._arrived_packet = chunk.packet
            self._arrived_round_trip = round_trip

    def find_losses(self, now: float, minimum: float, smoothed: float, newest_packet: int = -1) -> list[SentChunk]:
        """The chunks that count as lost now, each told once; sets `loss_at` for those that may soon.

        Args:
            now: The time.
            minimum: The shortest round trip that was measured, in seconds.
            smoothed: The smoothed one.
            newest_packet: `Outcome.newest_packet` of the acknowledgement that is the reason to ask, if one is.
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
                # Those behind it were sent later.
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
        """Take everything for lost that the last acknowledgement does not tell of, also what one before it told of.

        A peer may drop what it has acknowledged in a gap block (RFC 9260 section 6.2.1).
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
