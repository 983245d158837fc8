"""`SentPackets`: what a receiver may ask for again (NACK, RFC 4585 section 6.2.1). No clock and no I/O of its own."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["SentPacket", "SentPackets"]

_HISTORY: Final = 512
"""Packets that are kept: several round trips of any bitrate that is sent here."""


class SentPacket(NamedTuple):
    """A packet, as it may be asked for again.

    Attributes:
        number: Its sequence number.
        timestamp: Its RTP timestamp.
        marker: Its marker, in its place.
        payload: Its payload.
        captured: When its frame was captured, if it tells.
    """

    number: int
    timestamp: int
    marker: int
    payload: bytes
    captured: float | None


class SentPackets:
    """The last packets of one stream.

    Receivers repeat what they ask for, GStreamer's many times within the round trip of a link whose queue is full. A packet
    that was sent again is on its way for a round trip: what is asked for meanwhile would only lengthen the queue.
    """

    def __init__(self) -> None:
        # At the place of the sequence number.
        self._packets: list[SentPacket | None] = [None] * _HISTORY
        self._sent_again_at: list[float | None] = [None] * _HISTORY

    def add(self, packet: SentPacket) -> None:
        """Keep a packet that is sent for the first time."""
        place = packet.number % _HISTORY
        self._packets[place] = packet
        self._sent_again_at[place] = None

    def again(self, number: int, round_trip: float, now: float) -> SentPacket | None:
        """Take note that a packet is asked for.

        Args:
            number: Its sequence number.
            round_trip: Seconds.
            now: Seconds on any clock that does not jump.

        Returns:
            The packet, to be sent again. None: it is not known any more, or on its way again.
        """
        place = number % _HISTORY
        packet, before = self._packets[place], self._sent_again_at[place]
        if packet is None or packet.number != number or (before is not None and now - before < round_trip):
            return None
        self._sent_again_at[place] = now
        return packet
