"""What this package relies on in aiortc and aioice beyond their documented API, with advice for updates that change it.

``tests/engine/test_aiortc_contract.py`` reads this. It fails if a name is gone, if a signature or an overridden body has
changed, and if a private name is used that is not listed. A digest covers the source without comments, blank lines and
docstring; the failing test prints the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES", "Attribute", "Call", "Override"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Instance attributes that are read or written.

    Attributes:
        owner: The class, as ``module:name``.
        names: The names as the class itself writes them, with two underscores if Python mangles them.
        advice: What to do when one changes.
    """

    owner: str
    names: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Call:
    """A method or function that is called and not overridden.

    Attributes:
        owner: The class or module, as ``module:name``.
        name: Name of the method.
        signature: The signature, without annotations.
        advice: What to do when it changes.
    """

    owner: str
    name: str
    signature: str
    advice: str


@dataclass(frozen=True, slots=True)
class Override:
    """A method that a class of this package overrides.

    Attributes:
        owner: The class of the method, as ``module:name``.
        name: Name of the method.
        digest: Digest of its source.
        advice: What to do when it changes.
    """

    owner: str
    name: str
    digest: str
    advice: str


_SCTP: Final = "aiortc.rtcsctptransport:RTCSctpTransport"
_CHANNEL: Final = "aiortc.rtcdatachannel:RTCDataChannel"
_DTLS: Final = "aiortc.rtcdtlstransport:RTCDtlsTransport"
_PEER_CONNECTION: Final = "aiortc.rtcpeerconnection:RTCPeerConnection"
_SENDER: Final = "aiortc.rtcrtpsender:RTCRtpSender"
_RECEIVER: Final = "aiortc.rtcrtpreceiver:RTCRtpReceiver"
_TRANSCEIVER: Final = "aiortc.rtcrtptransceiver:RTCRtpTransceiver"
_EXTENSIONS_MAP: Final = "aiortc.rtp:HeaderExtensionsMap"
_TRACK: Final = "aiortc.rtcrtpreceiver:RemoteStreamTrack"
_ICE: Final = "aioice.ice:Connection"
_STUN_SOCKET: Final = "aioice.ice:StunProtocol"
_STUN_MESSAGE: Final = "aioice.stun:Message"

_UNDO_ADVICE: Final = "See what setRemoteDescription and setLocalDescription change now, and have `Snapshot` keep it."

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
        "Compare `BundlingSctpTransport._transmit` and `_due_chunks` with aiortc's _transmit, which they do the work of.",
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
    Attribute(
        _DTLS,
        ("_ssl",),
        "dtls.py reads datagrams and the shutdown state from pyOpenSSL's connection: find it.",
    ),
    Attribute(
        _DTLS,
        ("_role", "_state"),
        "`_repeat` stops at a client that is connected: find what says so now.",
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
        "`_take_datagram` counts for aiortc's statistics: see what _recv_next counts.",
    ),
    Attribute(_DTLS, ("_stats_id",), "`transport_id` must be the id that _get_stats gives the transport."),
    Attribute(
        "aiortc.rtcicetransport:RTCIceGatherer",
        ("_connection",),
        "ice.py gives aioice's connection a class of its own: find it.",
    ),
    Attribute(
        "aiortc.rtcicetransport:RTCIceTransport",
        ("_send",),
        "dtls.py sends datagrams by it: take the method that _write_ssl takes.",
    ),
    Attribute(
        _ICE,
        ("_nominated",),
        "The selected pair is read from it, by component: find where check_complete puts the nominated pair.",
    ),
    Attribute(
        _ICE,
        ("_query_consent_task",),
        "`expire` must not have close() wait for the task that it is called in: compare with query_consent.",
    ),
    Attribute(
        _ICE,
        ("_local_candidates", "_local_candidates_start", "_local_candidates_end", "_protocols"),
        "`IceConnection` adds to them while connect() runs: compare `gather_candidates` with aioice's.",
    ),
    Attribute(
        _ICE,
        ("_check_list", "_check_list_done", "_early_checks_done", "_closing", "_remote_candidates"),
        "`IceConnection` pairs candidates that are found late, and decides which pair is checked next: compare with aioice's"
        " `_add_remote_candidate`, `_end_remote_candidates` and `_check_periodic`.",
    ),
    Attribute(_ICE, ("_queue",), "Compare `IceConnection.data_received` with aioice's."),
    Attribute(
        _STUN_SOCKET,
        ("transactions",),
        "`IceConnection.check` adds its transaction, so that datagram_received gives it the answer: compare.",
    ),
    Attribute(
        _SENDER,
        ("_enabled", "_rtx_ssrc", "_ssrc", "_stream_id", "_track_id"),
        "What descriptions tell of a sender: see create_media_description_for_transceiver, and hand over what it reads in"
        " `Transceiver.replace`.",
    ),
    Attribute(
        _RECEIVER,
        ("_enabled", "_track"),
        "See where RTCPeerConnection and _setCurrentDirection set them, and hand over what they set in `Transceiver.replace`.",
    ),
    Attribute(
        _RECEIVER,
        ("__jitter_buffer", "__remote_bitrate_estimator"),
        "`RtpReceiver` frees what is large and not used: measure what a receiver holds now.",
    ),
    Attribute(_TRACK, ("_queue",), "`end_track` wakes who waits in recv(): see what it waits for."),
    Attribute(
        _TRANSCEIVER,
        ("__sender", "__receiver"),
        "`Transceiver.replace` puts ours there: find where the properties read them from.",
    ),
    Attribute(
        _TRANSCEIVER,
        ("_codecs", "_offerDirection"),
        "What setRemoteDescription made of an offer and createAnswer answers with: see where these two exchange it.",
    ),
    Attribute(_TRANSCEIVER, ("_preferred_codecs",), "See what setRemoteDescription gives filter_preferred_codecs."),
    Attribute(
        _TRANSCEIVER,
        ("__currentDirection", "__direction", "__mid", "__mline_index", "_bundled", "_headerExtensions"),
        _UNDO_ADVICE,
    ),
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
        _UNDO_ADVICE,
    ),
    Attribute(
        _PEER_CONNECTION,
        ("__dtlsTransports", "__iceTransports", "__remoteIce"),
        f"`refuse_data` takes what belongs to SCTP out of them, or __connect would start it. {_UNDO_ADVICE}",
    ),
    Attribute(_SCTP, ("_bundled",), _UNDO_ADVICE),
)

_SEND_ADVICE: Final = "Bring the call in sctp.py up to it."

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
    Call(_DTLS, "_register_data_receiver", "(self, receiver)", "Bring `AssociationTransport.start` up to it."),
    Call(_DTLS, "_unregister_data_receiver", "(self, receiver)", "Bring `AssociationTransport.stop` up to it."),
    Call(_DTLS, "_set_role", "(self, role)", "`Snapshot` sets the role back by it."),
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
        "`_Connection.createOffer` has it replaced, for each new transceiver and then for data channels: see that it is still"
        " called in this order.",
    ),
    Call(_TRANSCEIVER, "_set_mline_index", "(self, idx)", "`forget` counts the sections that are left by it."),
    Call(_DTLS, "_send_rtp", "(self, data)", "Bring `transmit` up to it."),
    Call(_DTLS, "_get_stats", "(self)", "Bring `transport_stats` up to it."),
    Call(_DTLS, "_register_rtp_receiver", "(self, receiver, parameters)", "Bring `RtpReceiver.register` up to it."),
    Call(_DTLS, "_register_rtp_sender", "(self, sender, parameters)", "Bring `RtpSender.register` up to it."),
    Call(_DTLS, "_unregister_rtp_receiver", "(self, receiver)", "Bring `RtpReceiver.unregister` up to it."),
    Call(_DTLS, "_unregister_rtp_sender", "(self, sender)", "Bring `RtpSender.unregister` up to it."),
    Call(_ICE, "build_request", "(self, pair, nominate)", "Bring `IceConnection.check` up to it."),
    Call(_ICE, "close", "(self)", "Bring `IceConnection.expire` up to it."),
    Call(_ICE, "_pair_remote_candidate", "(self, remote_candidate)", "Bring `IceConnection.add_host` up to it."),
    Call(_ICE, "_check_list_maybe_complete", "(self)", "`IceConnection._on_gathered` asks it: see what it returns."),
    Call(_ICE, "_check_list_maybe_fail", "(self)", "`IceConnection._on_gathered` calls it when all is tried."),
    Call(_ICE, "check_start_task", "(self, pair)", "Bring `IceConnection.check_incoming` up to it."),
    Call(_ICE, "sort_check_list", "(self)", "Bring `IceConnection.add_host` up to it."),
    Call(
        _STUN_SOCKET,
        "request",
        "(self, request, addr, integrity_key=None, retransmissions=None)",
        "`Gathering` asks STUN servers by it.",
    ),
    Call(_STUN_SOCKET, "send_stun", "(self, message, addr)", "Bring `IceConnection.check` up to it."),
    Call(_STUN_MESSAGE, "add_message_integrity", "(self, key)", "Bring `IceConnection.check` up to it."),
    Call(_STUN_MESSAGE, "check_message_integrity", "(self, key)", "Bring `_Check.response_received` up to it."),
)

_BODY_ADVICE: Final = "Compare the new body with ours, take over what it does, and note the digest."

OVERRIDES: Final = (
    Override(_ICE, "__log_info", "46e6ee5b60ea9787", f"Ours writes the same line at DEBUG. {_BODY_ADVICE}"),
    Override(
        _SCTP, "_data_channel_flush", "d749006a53e23b03", f"`_fill_window` does its work in bundles. {_BODY_ADVICE}"
    ),
    Override(_SCTP, "_transmit", "4984fe24f3309738", f"`_transmit` and `_due_chunks` do its work. {_BODY_ADVICE}"),
    Override(_SCTP, "_mark_received", "b3f97b86072b8f47", f"Ours does the same without walking a set. {_BODY_ADVICE}"),
    Override(_SCTP, "_send_sack", "e4d1b9feaea013e3", f"`_due_sack` makes the same chunk, later. {_BODY_ADVICE}"),
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
    Override(_SCTP, "start", "1d6d50c7e1695880", f"That of `AssociationTransport` takes its place. {_BODY_ADVICE}"),
    Override(_SCTP, "stop", "22f1e75a16ed836e", f"That of `AssociationTransport` takes its place. {_BODY_ADVICE}"),
    Override(
        _SCTP, "_handle_data", "574458f9159c1b54", f"`AssociationTransport` gives it to its association. {_BODY_ADVICE}"
    ),
    Override(
        _SCTP,
        "_data_channel_open",
        "8c0375018ae0d9cf",
        f"`AssociationTransport` announces the channel by `webrtc.sctp.dcep`. {_BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_add_negotiated",
        "468a2d3f5da0bfd0",
        f"`AssociationTransport` registers the channel likewise. {_BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_send",
        "4a9eea3142aba9e4",
        f"`AssociationTransport` checks the size likewise and sends at once. {_BODY_ADVICE}",
    ),
    Override(
        _SCTP,
        "_data_channel_close",
        "ea638fb9998e321b",
        f"`AssociationTransport` resets the stream by its association. {_BODY_ADVICE}",
    ),
    Override(_SCTP, "_set_state", "48e3ee97a3a53091", "Ours calls it and stops its timer when closed."),
    Override(
        _DTLS,
        "_recv_next",
        "7554d515e596e6ef",
        "Ours calls it, drops packets that its parsers stumble over and looks for close_notify: see that it still raises"
        " ConnectionError after one. `_take_datagram` does the same with application data: compare.",
    ),
    Override(
        _DTLS,
        "_send_data",
        "9bc7132880724486",
        f"`RobustDtlsTransport.send_data` does the same, but waits for nothing. {_BODY_ADVICE}",
    ),
    Override(
        _DTLS,
        "_handle_rtp_data",
        "035b13fedcc105bd",
        f"Ours also notes when a packet with a transport-wide sequence number came. {_BODY_ADVICE}",
    ),
    Override(
        _DTLS,
        "_handle_rtcp_data",
        "6041ad47cc2d0f06",
        "Ours calls it with what is not transport-wide feedback: see that the packets of one datagram still come by it.",
    ),
    Override(_DTLS, "_write_ssl", "e295b9c6022c375a", f"Ours also repeats flights, and does not count. {_BODY_ADVICE}"),
    Override(_DTLS, "_set_state", "01691484b3f406d1", "Ours calls it and ends the repetitions."),
    Override(
        _ICE,
        "query_consent",
        "4107bff005f6ccb1",
        "Ours calls it, or what replaces it for one connection: see that connect() still starts it and close() ends it.",
    ),
    Override(_ICE, "sendto", "4b1ff51dd34ca2ca", "Ours calls it and counts: see that send() still sends by it."),
    Override(
        _ICE,
        "data_received",
        "0ced6db64b363541",
        f"Ours also notes the time, and gives `on_datagram` what it takes. {_BODY_ADVICE}",
    ),
    Override(
        _STUN_SOCKET,
        "datagram_received",
        "8d454674cd506cd8",
        "Ours calls it for STUN, and data_received for all else: see that it still does no more for that.",
    ),
    Override(_STUN_SOCKET, "send_data", "2b2c2c6cbf081d9f", f"`IceConnection.send_now` does the same. {_BODY_ADVICE}"),
    Override(
        _ICE,
        "add_remote_candidate",
        "b543cf0bc661844c",
        "Ours calls it with the candidates that a peer can have: see that nothing else adds one that the peer names.",
    ),
    Override(_ICE, "request_received", "4033dd00cb77aa97", "Ours calls it and notes the time."),
    Override(
        _ICE,
        "gather_candidates",
        "49a079de89f5b8c5",
        "Ours has `Gathering` do it, and returns with the first candidate: see which flags connect() looks at.",
    ),
    Override(_ICE, "close", "47f9ce8d8bc2d040", "Ours ends the search for candidates and the relays before it."),
    Override(
        _ICE,
        "check_incoming",
        "768c6ffcf9069d9f",
        "Ours calls it, and repeats a check that is under way: see whether aioice now does (RFC 8445 section 7.3.1.4).",
    ),
    Override(
        _ICE,
        "_remote_candidates_expected",
        "be80585e7bbd2cf9",
        "Ours is also true while candidates of this end are to come: see that checks go on as long as it is.",
    ),
    Override(
        _ICE,
        "_check_periodic",
        "ba0a307663fd989b",
        "Ours has pairs with relays wait for the others, and paces the checks in a task of its own: see that connect() waits"
        f" for the outcome as soon as this is false, where there are pairs. {_BODY_ADVICE}",
    ),
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
    Override(
        _EXTENSIONS_MAP,
        "configure",
        "260fea2527e4edee",
        "Ours calls it and notes one more: see that packets are still read by `get`.",
    ),
    Override(
        _EXTENSIONS_MAP,
        "get",
        "7c11a543efd5b19a",
        "Ours calls it and reads one more: see that it still returns a HeaderExtensions.",
    ),
    Override(
        _SENDER, "_handle_rtcp_packet", "9260ed68a7b483e9", f"`MediaSender.on_rtcp` does its work. {_BODY_ADVICE}"
    ),
    Override(_SENDER, "send", "ff51d1e86ff004ac", f"`MediaSender.send` does its work. {_BODY_ADVICE}"),
    Override(_SENDER, "stop", "9f5966e7cf7a8ea4", f"`MediaSender.stop` does its work. {_BODY_ADVICE}"),
    Override(_SENDER, "getStats", "522b74e3c51dd027", f"`MediaSender.getStats` gives the same objects. {_BODY_ADVICE}"),
    Override(
        _RECEIVER, "_handle_rtp_packet", "f3507a42324775dc", f"`MediaReceiver.on_rtp` does its work. {_BODY_ADVICE}"
    ),
    Override(
        _RECEIVER, "_handle_rtcp_packet", "3cc8de39d71af36a", f"`MediaReceiver.on_rtcp` does its work. {_BODY_ADVICE}"
    ),
    Override(_RECEIVER, "_set_rtcp_ssrc", "dfa0f47b64727d5c", f"`Feedback.ssrc` takes its place. {_BODY_ADVICE}"),
    Override(_RECEIVER, "_handle_disconnect", "97d817a0a2d3568d", f"`MediaReceiver` ends its track. {_BODY_ADVICE}"),
    Override(_RECEIVER, "receive", "0ba8771a4dc60ed7", f"`MediaReceiver.receive` does its work. {_BODY_ADVICE}"),
    Override(_RECEIVER, "stop", "f4bae79a18e59c0b", f"`MediaReceiver.stop` does its work. {_BODY_ADVICE}"),
    Override(
        _RECEIVER, "getStats", "c57bb46308ef573d", f"`MediaReceiver.getStats` gives the same objects. {_BODY_ADVICE}"
    ),
)
