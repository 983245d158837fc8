"""What is relied on in aiortc's peer connection."""

from __future__ import annotations

from typing import Final

from .kinds import UNDO_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_PEER_CONNECTION: Final = "aiortc.rtcpeerconnection:RTCPeerConnection"

ATTRIBUTES: Final = (
    Attribute(
        _PEER_CONNECTION,
        (
            "__currentLocalDescription",
            "__currentRemoteDescription",
            "__pendingLocalDescription",
            "__pendingRemoteDescription",
            "__signalingState",
            "__sctp",
            "__sctp_mline_index",
            "__sctpRemoteCaps",
            "__sctpRemotePort",
            "__remoteDtls",
            "__seenMids",
            "__transceivers",
            "_sctpLegacySdp",
        ),
        UNDO_ADVICE,
    ),
    Attribute(
        _PEER_CONNECTION,
        ("__dtlsTransports", "__iceTransports", "__remoteIce"),
        f"`refuse_data` takes what belongs to SCTP out of them, or __connect would start it. {UNDO_ADVICE}",
    ),
)

CALLS: Final = (
    Call(
        "aiortc:rtcpeerconnection",
        "find_common_codecs",
        "(local_codecs, remote_codecs)",
        "`Capabilities.common_codecs` is called in its place.",
    ),
    Call(
        "aiortc:rtcpeerconnection",
        "filter_preferred_codecs",
        "(codecs, preferred)",
        "`Capabilities.preferred_codecs` is called in its place.",
    ),
    Call(
        "aiortc:rtcpeerconnection",
        "allocate_mid",
        "(mids)",
        "`AdoptingConnection.createOffer` has it replaced, for each new transceiver and then for data channels: see that it is"
        " still called in this order.",
    ),
)

OVERRIDES: Final = (
    Override(
        _PEER_CONNECTION,
        "createOffer",
        "747fbb1ef1a92f9a",
        "Ours runs it with tables of the connection's own in the place of CODECS and HEADER_EXTENSIONS: see that it still takes"
        " them, and filter_preferred_codecs, from its module.",
    ),
    Override(
        _PEER_CONNECTION,
        "setRemoteDescription",
        "cd12c28fb23de3ef",
        "Ours runs it with tables of the connection's own in the place of CODECS and HEADER_EXTENSIONS: see that it still takes"
        " them, find_common_codecs and filter_preferred_codecs from its module.",
    ),
    Override(
        _PEER_CONNECTION,
        "__connect",
        "8325a5d34531e0e7",
        "Ours drops the InvalidStateError of a connection that was closed meanwhile: see whether it is still raised.",
    ),
    Override(
        _PEER_CONNECTION,
        "__createDtlsTransport",
        "4d89b5f87ae40d53",
        "Ours calls it and gives what it made our classes: see that every transport is still made by it.",
    ),
    Override(
        _PEER_CONNECTION,
        "__createSctpTransport",
        "87f3ccc589ed9bb0",
        "Ours calls it and gives what it made our class: see that the association is still made by it.",
    ),
)
