"""Which classes the transports of a peer connection have: this library's in the place of aiortc's."""

from __future__ import annotations

from aiortc import RTCPeerConnection

from .dtls import use_robust_dtls
from .ice import use_loopback
from .sctp import use_bundling

__all__ = ["use_own_transports"]


def use_own_transports(connection: RTCPeerConnection) -> None:
    """Give each transport that a connection has so far its class; on the loop, before it gathers and connects."""
    use_bundling(connection)
    transports = [transceiver.receiver.transport for transceiver in connection.getTransceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    for transport in transports:
        use_robust_dtls(transport)
        use_loopback(transport.transport)
