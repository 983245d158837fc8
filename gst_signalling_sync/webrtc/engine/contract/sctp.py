"""What is relied on in aiortc's SCTP and data channels."""

from __future__ import annotations

from typing import Final

from .kinds import BODY_ADVICE, UNDO_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_SCTP: Final = "aiortc.rtcsctptransport:RTCSctpTransport"
_CHANNEL: Final = "aiortc.rtcdatachannel:RTCDataChannel"

ATTRIBUTES: Final = (
    Attribute(
        _SCTP,
        ("_data_channel_id", "_data_channels"),
        "Compare `_assign_stream` with how aiortc's _data_channel_flush gives a channel its stream.",
    ),
    Attribute(
        _SCTP,
        ("_data_channel_inbound_reset", "_data_channel_outbound_reset", "_remote_max_message_size"),
        "`AssociationTransport` keeps what its own association says in them: they may be attributes of its own instead.",
    ),
    Attribute(_SCTP, ("_bundled",), UNDO_ADVICE),
)

CALLS: Final = (
    Call(_CHANNEL, "_addBufferedAmount", "(self, amount)", "`enqueue` counts by it, as _data_channel_send does."),
    Call(_CHANNEL, "_setId", "(self, id)", "`_assign_stream` tells a channel its stream by it."),
    Call(_CHANNEL, "_setReadyState", "(self, state)", "`refuse` closes channels by it that the peer does not know."),
)

OVERRIDES: Final = (
    Override(_SCTP, "start", "1d6d50c7e1695880", f"That of `AssociationTransport` takes its place. {BODY_ADVICE}"),
    Override(_SCTP, "stop", "22f1e75a16ed836e", f"That of `AssociationTransport` takes its place. {BODY_ADVICE}"),
    Override(
        _SCTP, "_handle_data", "574458f9159c1b54", f"`AssociationTransport` gives it to its association. {BODY_ADVICE}"
    ),
    Override(
        _SCTP,
        "_data_channel_open",
        "8c0375018ae0d9cf",
        f"`AssociationTransport` announces the channel by `webrtc.sctp.dcep`. {BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_add_negotiated",
        "468a2d3f5da0bfd0",
        f"`AssociationTransport` registers the channel likewise. {BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_send",
        "4a9eea3142aba9e4",
        f"`AssociationTransport` checks the size likewise and sends at once. {BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_close",
        "ea638fb9998e321b",
        f"`AssociationTransport` resets the stream by its association. {BODY_ADVICE}",
    ),
)
