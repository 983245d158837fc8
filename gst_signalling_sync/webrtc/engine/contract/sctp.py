"""What is relied on in aiortc's SCTP and data channels."""

from __future__ import annotations

from typing import Final

from .kinds import BODY_ADVICE, UNDO_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_SCTP: Final = "aiortc.rtcsctptransport:RTCSctpTransport"
_CHANNEL: Final = "aiortc.rtcdatachannel:RTCDataChannel"

_SEND_ADVICE: Final = "Bring the call in bundling.py or sctp.py up to it."

ATTRIBUTES: Final = (
    Attribute(
        _SCTP,
        ("_association_state",),
        "sctp.py and sack.py send only in state ESTABLISHED: find what says so now.",
    ),
    Attribute(
        _SCTP,
        ("_data_channel_queue", "_outbound_queue", "_sent_queue"),
        "A message goes through these three queues until it is acknowledged: follow it in _data_channel_flush, _send and"
        " _receive_sack_chunk, and bring `is_acknowledged`, `unacknowledged`, `_fill_window` and `_due_chunks` up to it.",
    ),
    Attribute(_SCTP, ("_reconfig_queue",), "`_transmit_reconfig` reads which streams are to be reset."),
    Attribute(
        _SCTP,
        ("_cwnd", "_flight_size", "_fast_recovery_exit", "_fast_recovery_transmit", "_forward_tsn_chunk", "_t3_handle"),
        "Compare `Bundling._transmit` and `_due_chunks` with aiortc's _transmit, which they do the work of.",
    ),
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
    Attribute(
        _SCTP,
        ("_local_tsn",),
        "`_send_message` takes the TSN before it for that of the message's last chunk: see where _send counts it.",
    ),
    Attribute(
        _SCTP,
        ("_advertised_rwnd", "_last_received_tsn", "_sack_duplicates", "_sack_misordered", "_sack_needed"),
        "sack.py makes SACK chunks of these: compare with aiortc's _send_sack and _mark_received.",
    ),
    Attribute(
        "aiortc.rtcsctptransport:RTCSctpTransport._send",
        ("chunk._misses", "chunk._retransmit", "chunk._sent_count", "chunk._sent_time"),
        "`_due_chunks` keeps a chunk's counters as aiortc's _transmit does: compare.",
    ),
    Attribute(
        "aiortc.rtcsctptransport:RTCSctpTransport._send",
        ("chunk._abandoned", "chunk._expiry"),
        "`_maybe_abandon` and `_abandon_unsent` give messages up by these (RFC 3758): compare with aiortc's _maybe_abandon.",
    ),
    Attribute(_SCTP, ("_bundled",), UNDO_ADVICE),
)

CALLS: Final = (
    Call(_SCTP, "_abort", "(self)", _SEND_ADVICE),
    Call(
        _SCTP,
        "_send",
        "(self, stream_id, pp_id, user_data, expiry=None, max_retransmits=None, ordered=True)",
        "Bring `_send_message` up to it.",
    ),
    Call(_SCTP, "_send_chunk", "(self, chunk)", "Our bundle of chunks is sent as one: see that it still can be."),
    Call(_SCTP, "_flight_size_increase", "(self, chunk)", _SEND_ADVICE),
    Call(
        _SCTP,
        "_update_advanced_peer_ack_point",
        "(self)",
        "`_transmit` has it skip what `_abandon_unsent` gave up: see that it still takes abandoned chunks that were not sent.",
    ),
    Call(_SCTP, "_t3_restart", "(self)", _SEND_ADVICE),
    Call(_SCTP, "_t3_start", "(self)", _SEND_ADVICE),
    Call(_CHANNEL, "_addBufferedAmount", "(self, amount)", "`enqueue` counts by it, as _data_channel_send does."),
    Call(_CHANNEL, "_setId", "(self, id)", "`_assign_stream` tells a channel its stream by it."),
    Call(_CHANNEL, "_setReadyState", "(self, state)", "`refuse` closes channels by it that the peer does not know."),
)

OVERRIDES: Final = (
    Override(
        _SCTP, "_data_channel_flush", "d749006a53e23b03", f"`_fill_window` does its work in bundles. {BODY_ADVICE}"
    ),
    Override(_SCTP, "_transmit", "4984fe24f3309738", f"`_transmit` and `_due_chunks` do its work. {BODY_ADVICE}"),
    Override(_SCTP, "_mark_received", "b3f97b86072b8f47", f"Ours does the same without walking a set. {BODY_ADVICE}"),
    Override(_SCTP, "_send_sack", "e4d1b9feaea013e3", f"`_due_sack` makes the same chunk, later. {BODY_ADVICE}"),
    Override(
        _SCTP,
        "_transmit_reconfig",
        "db499e096163e03e",
        "Ours calls it, later for some peers: see that it still resets the streams of _reconfig_queue, and is called again"
        " when that has grown, when messages are acknowledged and when a request was answered.",
    ),
    Override(
        _SCTP,
        "_data_channel_closed",
        "fa1fec227e5379f0",
        "Ours calls it and forgets the channel: see that it is still called once for each that has a stream.",
    ),
    Override(
        _SCTP,
        "_t3_expired",
        "b67ccd48ee56c9a6",
        "Ours calls it and notes that chunks may be marked for retransmission: see that it still marks them.",
    ),
    Override(
        _SCTP,
        "_maybe_abandon",
        "72eb9ebda0eb3b28",
        "Ours has it judge by another clock: see that chunk._expiry in the past still abandons a message.",
    ),
    Override(
        _SCTP,
        "_data_channel_receive",
        "0d5d4eb43123a099",
        "Ours takes the date off a dated message and hands it on: see that it still gives a message to its channel.",
    ),
    Override(
        _SCTP,
        "_receive_sack_chunk",
        "99250eedeab7c7bb",
        "Ours calls it; what the cumulative TSN acknowledges, and whether only gaps mark chunks for retransmission, is"
        " decided before: see that both still hold.",
    ),
    Override(
        _SCTP,
        "_receive_chunk",
        "a8ed56660d58c6fa",
        "Ours gives it what is not data and not an answer to a heartbeat: see that data is still handled by"
        " _receive_data_chunk alone.",
    ),
    Override(
        _SCTP,
        "_receive_data_chunk",
        "1f4a263245196b6f",
        "Ours calls it unless the peer ignored the receive window: see whether aiortc now bounds that itself.",
    ),
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
    Override(_SCTP, "_set_state", "48e3ee97a3a53091", "Ours calls it and stops its timer when closed."),
)
