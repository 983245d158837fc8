"""`Settings`: the protocol parameters of an association (RFC 9260 section 16), with defaults for WebRTC."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The protocol parameters of RFC 9260 section 16, and others. Times are in seconds, sizes in bytes.

    Attributes:
        port: The SCTP port of this end (RFC 8841 section 5).
        peer_port: The SCTP port of the peer.
        max_packet: Maximum of a packet, with its header.
        streams: Number of streams in each direction (RFC 8831 section 6.2).
        window: ``a_rwnd``: the bytes that may wait for the rest of a message, or for messages before it.
        max_excess: Maximum of bytes beyond the window. An honest peer exceeds the window by what was under way; one that
            exceeds it by more sends a message without an end.
        initial_rto: ``RTO.Initial``. RFC 9260 section 16 has 1 s, for any path of the Internet. The path of WebRTC has been
            found to be shorter by ICE and DTLS, and both ends repeat their INIT.
        min_rto: ``RTO.Min``. The 1 s of RFC 9260 is five times the usual delay of an acknowledgement, and a message that is
            lost at the end of a burst would wait for it.
        max_rto: ``RTO.Max``.
        max_backoff: Maximum to which timers back off, unless the RTO itself is longer. A link that is back after some seconds
            is noticed within this time.
        max_init_retransmits: ``Max.Init.Retransmits``; None: no maximum.
        max_retransmits: ``Association.Max.Retrans``; None: no maximum, because the caller notices that the peer is gone.
        sack_delay: ``SACK.Delay``. RFC 9260 section 6.2 allows 0.5 s. A peer's round trips include it, so a short delay lets
            the peer find losses sooner.
        cookie_life: ``Valid.Cookie.Life``.
    """

    port: int = 5000
    peer_port: int = 5000
    max_packet: int = 1128
    streams: int = 65535
    window: int = 1024 * 1024
    max_excess: int = 1024 * 1024
    initial_rto: float = 0.5
    min_rto: float = 0.12
    max_rto: float = 60.0
    max_backoff: float = 1.0
    max_init_retransmits: int | None = 8
    max_retransmits: int | None = 10
    sack_delay: float = 0.01
    cookie_life: float = 60.0
