"""`SentPackets`: keeps sent packets for retransmission (NACK, RFC 4585 section 6.2.1; RTX, RFC 4588). No clock and no I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["SentPacket", "SentPackets"]

_HISTORY: Final = 512
"""Number of packets kept: several round trips at any bitrate that is sent here."""

_MAX_TIMES: Final = 16
"""Maximum number of times that a packet is sent again. A receiver that asks without end would get hundreds of packets for each
request."""


class SentPacket(NamedTuple):
    """A sent packet, kept for retransmission.

    Attributes:
        number: Sequence number.
        timestamp: RTP timestamp.
        marker: Marker bit, at its place in the octet.
        payload: RTP payload.
        captured: Capture time of its frame; None: the packet does not carry it.
        sent_at: When it was sent first, from `time.monotonic`.
    """

    number: int
    timestamp: int
    marker: int
    payload: bytes
    captured: float | None
    sent_at: float


class SentPackets:
    """The last packets of one stream.

    Receivers repeat their requests; GStreamer does so many times within the round trip of a link whose queue is full. A
    retransmitted packet is on its way for a round trip, and answering requests meanwhile would only lengthen the queue.
    """

    def __init__(self) -> None:
        # By the sequence number modulo the length.
        self._packets: list[SentPacket | None] = [None] * _HISTORY
        self._sent_again_at: list[float | None] = [None] * _HISTORY
        self._times: list[int] = [0] * _HISTORY

    def add(self, packet: SentPacket) -> None:
        """Keep a packet that is sent for the first time."""
        place = packet.number % _HISTORY
        self._packets[place] = packet
        self._sent_again_at[place] = None
        self._times[place] = 0

    def again(self, number: int, round_trip: float, now: float) -> SentPacket | None:
        """Handle a request for a packet.

        Args:
            number: Sequence number.
            round_trip: Round-trip time in seconds.
            now: Seconds on any clock that does not jump.

        Returns:
            The packet to send again. None: it is no longer known, on its way again, or was sent too often.
        """
        place = number % _HISTORY
        packet, before = self._packets[place], self._sent_again_at[place]
        if packet is None or packet.number != number or self._times[place] == _MAX_TIMES:
            return None
        if before is not None and now - before < round_trip:
            return None
        self._sent_again_at[place] = now
        self._times[place] += 1
        return packet
