"""What is relied on in aiortc's DTLS."""

from __future__ import annotations

from typing import Final

from .kinds import BODY_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_DTLS: Final = "aiortc.rtcdtlstransport:RTCDtlsTransport"

ATTRIBUTES: Final = (
    Attribute(
        _DTLS,
        ("_ssl",),
        "dtls.py reads datagrams and the shutdown state from pyOpenSSL's connection: find it.",
    ),
    Attribute(
        _DTLS,
        ("_role", "_state"),
        "`_is_answered` ends the repetitions of a client that is connected: find what says so now.",
    ),
    Attribute(
        _DTLS,
        ("_rtp_router",),
        "`ssrc_routes` bounds its ssrc_table, to which every SSRC that a peer thinks of is added: see whether it still is.",
    ),
    Attribute(
        _DTLS,
        ("_rtp_header_extensions_map",),
        "header_extensions.py puts a map there that knows abs-capture-time too: find what reads a packet's extensions.",
    ),
    Attribute(
        _DTLS,
        ("__rx_bytes", "__rx_packets"),
        "`_handle_datagram` counts for aiortc's statistics: see what _recv_next counts.",
    ),
    Attribute(_DTLS, ("_stats_id",), "`transport_id` must be the id that _get_stats gives the transport."),
)

CALLS: Final = (
    Call(_DTLS, "_register_data_receiver", "(self, receiver)", "Bring `AssociationTransport.start` up to it."),
    Call(_DTLS, "_unregister_data_receiver", "(self, receiver)", "Bring `AssociationTransport.stop` up to it."),
    Call(_DTLS, "_set_role", "(self, role)", "`Snapshot` sets the role back by it."),
    Call(_DTLS, "_send_rtp", "(self, data)", "Bring `transmit` up to it."),
    Call(_DTLS, "_get_stats", "(self)", "Bring `transport_stats` up to it."),
    Call(_DTLS, "_register_rtp_receiver", "(self, receiver, parameters)", "Bring `RtpReceiver.register` up to it."),
    Call(_DTLS, "_register_rtp_sender", "(self, sender, parameters)", "Bring `RtpSender.register` up to it."),
    Call(_DTLS, "_unregister_rtp_receiver", "(self, receiver)", "Bring `RtpReceiver.unregister` up to it."),
    Call(_DTLS, "_unregister_rtp_sender", "(self, sender)", "Bring `RtpSender.unregister` up to it."),
)

OVERRIDES: Final = (
    Override(
        _DTLS,
        "_recv_next",
        "7554d515e596e6ef",
        "Ours calls it, drops packets that its parsers stumble over and looks for close_notify: see that it still raises"
        " ConnectionError after one. `_handle_datagram` does the same with application data: compare.",
    ),
    Override(
        _DTLS,
        "_send_data",
        "9bc7132880724486",
        f"`RobustDtlsTransport.send_data` does the same, but waits for nothing. {BODY_ADVICE}",
    ),
    Override(
        _DTLS,
        "_handle_rtp_data",
        "035b13fedcc105bd",
        f"Ours also notes when a packet with a transport-wide sequence number came. {BODY_ADVICE}",
    ),
    Override(
        _DTLS,
        "_handle_rtcp_data",
        "6041ad47cc2d0f06",
        "Ours calls it with what is not transport-wide feedback: see that the packets of one datagram still come by it.",
    ),
    Override(_DTLS, "_write_ssl", "e295b9c6022c375a", f"Ours also repeats flights, and does not count. {BODY_ADVICE}"),
    Override(_DTLS, "_set_state", "01691484b3f406d1", "Ours calls it and ends the repetitions."),
)
