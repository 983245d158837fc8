"""`Settings`: what an association may be told, with the defaults for WebRTC."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The protocol parameters of RFC 9260 section 16 and others; times in seconds, sizes in bytes.

    Attributes:
        port: The SCTP port of this end (RFC 8841 section 5).
        peer_port: That of the peer.
        max_packet: Maximum of a packet, with its header.
        streams: Streams in each direction (RFC 8831 section 6.2).
        window: What may wait for the rest of a message or for those before it; ``a_rwnd``.
        max_excess: What is taken beyond the window. An honest peer exceeds it by what was under way; one that exceeds it by
            more sends a message without an end.
        initial_rto: ``RTO.Initial``. RFC 9260 section 16 has 1 s, for the whole Internet of 2007; ICE and DTLS have measured
            the path of WebRTC to be shorter, and both ends repeat their INIT.
        min_rto: ``RTO.Min``. The 1 s of RFC 9260 is five times what a peer may delay an acknowledgement by, and a message that
            is lost at the end of a burst would wait for it.
        max_rto: ``RTO.Max``.
        max_backoff: Maximum to which timers back off, where the RTO itself is less: a link that is back after some
            seconds is noticed within this time.
        max_init_retransmits: ``Max.Init.Retransmits``; None: no limit.
        max_retransmits: ``Association.Max.Retrans``; None: no limit, because something else tells that the peer is gone.
        sack_delay: RFC 9260 section 6.2 allows 0.5 s. A peer's round trips include it, so a short one has losses found sooner.
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
