"""`Sending`: DATA chunks to the peer, from the queue to the acknowledgement (RFC 9260 sections 6.1, 6.3, 6.9 and 7.2)."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from typing import Final

from .chunks import DATA_HEADER_BYTES, FIRST, LAST, PACKET_HEADER_BYTES, UNORDERED, Sack, data_chunk
from .congestion import Congestion
from .message import Message
from .outstanding import Outstanding
from .partial_reliability import PartialReliability, has_expired
from .redundancy import Redundancy
from .round_trips import RoundTrips
from .send_queue import SendQueue
from .sent_chunk import ABANDONED, LOST, SentChunk
from .serial import SSN_MASK, TSN_MASK, nearest_tsn
from .settings import Settings

__all__ = ["Sending"]

_BURST_PACKETS: Final = 8
"""``Max.Burst``, the maximum number of packets that are sent at once. RFC 9260 section 16 has 4, for an initial window of about
four packets; here it has ten."""

_THIN_PACKETS: Final = 4
"""A stream with fewer packets under way is thin; see `RoundTrips.backed_off`."""


class Sending:
    """The sending half of an association.

    Args:
        settings: The settings of the association.
        first_tsn: The first TSN of this end.
        round_trips: Gets the measured round trips.
    """

    def __init__(self, settings: Settings, first_tsn: int, round_trips: RoundTrips) -> None:
        self._packet_bytes = settings.max_packet
        # A multiple of four, so that padded chunks fill a packet exactly.
        self._max_payload = (settings.max_packet - PACKET_HEADER_BYTES - DATA_HEADER_BYTES) & ~3
        self._round_trips = round_trips
        self.queue = SendQueue()
        self._outstanding = Outstanding(first_tsn)
        self.partial = PartialReliability(self._outstanding)
        self._redundancy = Redundancy(self._outstanding)
        self._gives_up = False
        self._peer_window = 0
        self._congestion = Congestion(settings.max_packet, settings.window)
        self._ssns: dict[int, int] = {}
        # A heap of TSNs.
        self._lost: list[int] = []
        self._packet = 0
        self._burst = 0
        self._is_full = False
        self._sends_lost_at_once = False
        self._probe_is_due = False
        self._probed = False
        self._last_sent = 0.0
        self.timeout_at: float | None = None
        """When the timer T3-rtx expires (RFC 9260 section 6.3.2); None: it does not run."""

        self.sent: list[Message] = []
        """Messages whose last fragment was sent. The caller takes them from here."""

        self.expired: list[Message] = []
        """Messages that were abandoned. The caller takes them from here."""

    def start(self, peer_window: int, gives_up: bool) -> None:
        """Begin to send.

        Args:
            peer_window: The peer's receive window, in bytes.
            gives_up: Whether the peer supports FORWARD TSN.
        """
        self._peer_window = peer_window
        self._gives_up = gives_up
        self._congestion = Congestion(self._packet_bytes, peer_window)

    @property
    def last_tsn(self) -> int:
        """The last TSN that was sent."""
        return self._outstanding.next_tsn - 1

    @property
    def cumulative_tsn(self) -> int:
        """The peer's cumulative TSN."""
        return self._outstanding.cumulative

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer has acknowledged all messages, and knows of all abandoned ones."""
        return not (self.queue.size or self._outstanding.chunks or self.partial.is_unacknowledged)

    def unacknowledged(self) -> Iterator[Message]:
        """The messages that the peer's cumulative TSN has not passed; within each stream, in the order of sending."""
        for chunk in self._outstanding.chunks.values():
            if chunk.is_last and chunk.state != ABANDONED:
                yield chunk.message
        yield from self.queue

    def reset(self, streams: Collection[int]) -> None:
        """Begin again with sequence number 0 (RFC 6525 section 5.2.7)."""
        for stream in streams:
            self._ssns.pop(stream, None)

    # Sending.

    def has_something(self) -> bool:
        """Whether there is something to send now."""
        if self.queue.size or self._lost:
            return (self._sends_lost_at_once and bool(self._lost)) or self._probe_is_due or self._has_room()
        return self._probe_is_due

    def begin_burst(self) -> None:
        """Begin a burst, whose size is limited by ``Max.Burst``."""
        self._burst = _BURST_PACKETS * self._packet_bytes

    def forward_tsn(self, now: float) -> bytes:
        """Take the FORWARD TSN chunk that is due."""
        if self.timeout_at is None:
            self.timeout_at = now + self._round_trips.timeout
        return self.partial.forward_tsn(now)

    def fill(self, chunks: list[bytes], room: int, now: float) -> None:
        """Fill a packet with lost chunks, then with new ones, as far as the windows allow.

        Args:
            chunks: The chunks of the packet, to which others are added.
            room: Bytes that are left in the packet.
            now: The time, in seconds.
        """
        self._packet += 1
        before = len(chunks)
        if self._probe_is_due:
            self._probe_is_due = False
            room = self._fill_probe(chunks, room, now)
        if self._lost:
            room = self._fill_lost(chunks, room, now)
        if not self._lost:
            room = self._fill_new(chunks, room, now)
        self._sends_lost_at_once = False
        if len(chunks) > before:
            if self._redundancy.until is not None:
                self._redundancy.fill(chunks, room, now, self._packet)
            self._last_sent = now
            if self.timeout_at is None:
                self.timeout_at = now + self._round_trips.timeout

    def _has_room(self) -> bool:
        flight = self._outstanding.in_flight_bytes
        if not flight:
            # One packet may be under way whatever the peer's window is (RFC 9260 section 6.1, A).
            return self._burst > 0
        if flight >= self._congestion.window:
            self._is_full = True
            return False
        return self._burst > 0 and flight < self._peer_window

    def _fill_probe(self, chunks: list[bytes], room: int, now: float) -> int:
        for chunk in self._outstanding.oldest_in_flight():
            size = len(chunk.wire)
            if size > room:
                break
            if self._gives_up and has_expired(chunk.message, chunk.transmissions, now):
                continue
            self._outstanding.send_again(chunk, now, self._packet)
            chunks.append(chunk.with_flag_immediate())
            room -= size
        return room

    def _fill_lost(self, chunks: list[bytes], room: int, now: float) -> int:
        lost, outstanding = self._lost, self._outstanding
        while lost:
            chunk = outstanding.chunks.get(lost[0])
            if chunk is None or chunk.state != LOST:
                heapq.heappop(lost)
                continue
            if self._gives_up and has_expired(chunk.message, chunk.transmissions, now):
                heapq.heappop(lost)
                self._abandon(chunk.message)
                continue
            size = len(chunk.wire)
            # The first packet of lost chunks is sent whatever the window is (RFC 9260 section 7.2.4, 3).
            if size > room or not (self._sends_lost_at_once or self._has_room()):
                break
            heapq.heappop(lost)
            outstanding.send_again(chunk, now, self._packet)
            if chunk.tsn == outstanding.cumulative + 1:
                # T3-rtx is restarted for the lowest outstanding TSN (RFC 9260 section 7.2.4, 4).
                self.timeout_at = now + self._round_trips.timeout
            chunks.append(chunk.with_flag_immediate())
            room -= size
            self._burst -= size
        return room

    def _fill_new(self, chunks: list[bytes], room: int, now: float) -> int:
        queue, outstanding, packet = self.queue, self._outstanding, self._packet
        while queue.size:
            message = queue.head()
            data, offset = message.data, message.offset
            if message.expires_at is not None and message.expires_at <= now:
                if message.first_tsn < 0:
                    queue.drop_head(message)
                    message.is_abandoned = True
                    self.expired.append(message)
                    continue
                if self._gives_up:
                    self._abandon(message)
                    continue
            rest = len(data) - offset
            size = min(rest, self._max_payload)
            if DATA_HEADER_BYTES + size > room or not self._has_room():
                return room
            flags = 0
            if message.first_tsn < 0:
                flags = FIRST
                message.first_tsn = outstanding.next_tsn
                if message.ordered:
                    message.ssn = self._ssns.get(message.stream, 0)
                    self._ssns[message.stream] = message.ssn + 1
            if not message.ordered:
                flags |= UNORDERED
            is_last = size == rest
            if is_last:
                flags |= LAST
                if message.tells_when_sent:
                    self.sent.append(message)
            wire = data_chunk(
                flags,
                outstanding.next_tsn & TSN_MASK,
                message.stream,
                message.ssn & SSN_MASK,
                message.identifier,
                data if size == len(data) else data[offset : offset + size],
            )
            message.offset = offset + size
            outstanding.add(message, is_last, wire, now, packet)
            queue.mark_sent(message, size, is_last)
            chunks.append(wire)
            room -= len(wire)
            self._burst -= len(wire)
        self._is_full = False
        return room

    # Acknowledgements.

    def on_sack(self, sack: Sack, now: float) -> Collection[int]:
        """Handle a SACK (RFC 9260 section 6.2.1).

        Returns:
            The streams of messages that the peer's cumulative TSN has passed.
        """
        outstanding, round_trips = self._outstanding, self._round_trips
        cumulative = nearest_tsn(sack.cumulative_tsn, outstanding.cumulative)
        gaps = sorted(sack.gaps) if sack.gaps else []
        outcome = outstanding.acknowledge(cumulative, gaps, now, round_trips.minimum)
        if outcome is None:
            return ()
        self._peer_window = sack.window
        if outcome.round_trip is not None:
            round_trips.measured(outcome.round_trip)
        if outcome.size or outcome.has_advanced:
            round_trips.timeouts = 0
            self._probed = False
        if outcome.size:
            self._congestion.on_acknowledged(outcome.size, outstanding.cumulative, self._is_full)
        self._find_losses(now, outcome.newest_packet)
        if self.partial.is_active:
            self.partial.on_acknowledged(now, round_trips.smoothed or round_trips.timeout)
        if outcome.has_advanced or not outstanding.chunks:
            is_waiting = outstanding.chunks or self.partial.is_unacknowledged
            self.timeout_at = now + round_trips.timeout if is_waiting else None
        return outcome.streams

    def on_cumulative_tsn(self, tsn: int, now: float) -> Collection[int]:
        """Handle the cumulative TSN of a SHUTDOWN (RFC 9260 section 9.2)."""
        return self.on_sack(Sack(tsn, self._peer_window, (), ()), now)

    def _find_losses(self, now: float, newest_packet: int = -1) -> None:
        round_trips = self._round_trips
        smoothed = round_trips.smoothed or round_trips.timeout
        lost = self._outstanding.find_losses(now, round_trips.minimum or smoothed, smoothed, newest_packet)
        if lost:
            self._redundancy.on_loss(now)
            if self._congestion.on_loss(self.last_tsn):
                self._sends_lost_at_once = True
        for chunk in lost:
            self._on_lost(chunk, now)

    def _on_lost(self, chunk: SentChunk, now: float) -> None:
        if chunk.state != LOST:
            # The message was abandoned because of another fragment.
            return
        if self._gives_up and has_expired(chunk.message, chunk.transmissions, now):
            self._abandon(chunk.message)
        else:
            heapq.heappush(self._lost, chunk.tsn)

    def _abandon(self, message: Message) -> None:
        is_at_head = message.offset < len(message.data)
        self.partial.abandon(message)
        if is_at_head:
            self.queue.drop_head(message)
        self.expired.append(message)

    # Time.

    def next_timeout(self) -> float | None:
        """When `on_time` is due; None: it is not."""
        at, loss_at = self.timeout_at, self._outstanding.loss_at
        if loss_at is not None and (at is None or loss_at < at):
            at = loss_at
        probe_at = self._probe_at()
        return probe_at if probe_at is not None and (at is None or probe_at < at) else at

    def _probe_at(self) -> float | None:
        """When a probe is due, because the last packet is not acknowledged; None: none is."""
        if self._probed or not self._outstanding.under_way:
            return None
        return self._last_sent + self._round_trips.probe_timeout

    def on_time(self, now: float) -> None:
        """Handle the timers that are due."""
        loss_at, probe_at, timeout_at = self._outstanding.loss_at, self._probe_at(), self.timeout_at
        if loss_at is not None and loss_at <= now:
            self._find_losses(now)
        expires = timeout_at is not None and timeout_at <= now
        if probe_at is not None and (expires or probe_at <= now) and self._outstanding.under_way:
            # A probe instead of a timeout (RFC 8985 section 7). It does not shrink the window, and its answer shows losses.
            self._probed = True
            self._probe_is_due = True
            self.timeout_at = now + self._round_trips.timeout
        elif expires:
            self._on_timeout(now)

    def _on_timeout(self, now: float) -> None:
        """Handle the expiry of T3-rtx (RFC 9260 section 6.3.3)."""
        outstanding, round_trips = self._outstanding, self._round_trips
        is_thin = outstanding.packets_in_flight < _THIN_PACKETS
        round_trips.timeouts += 1
        self._congestion.on_timeout()
        self._redundancy.on_loss(now)
        for chunk in outstanding.lose_all():
            self._on_lost(chunk, now)
        for message in self.queue.drop(lambda message: message.expires_at is not None and message.expires_at <= now):
            message.is_abandoned = True
            self.expired.append(message)
        if self._gives_up:
            self.partial.on_timeout()
        is_waiting = outstanding.chunks or self.partial.is_unacknowledged
        self.timeout_at = now + round_trips.backed_off(round_trips.timeouts, is_thin) if is_waiting else None
