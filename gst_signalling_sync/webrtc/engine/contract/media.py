"""What is relied on in aiortc's RTP senders, receivers and transceivers."""

from __future__ import annotations

from typing import Final

from .kinds import BODY_ADVICE, UNDO_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_SENDER: Final = "aiortc.rtcrtpsender:RTCRtpSender"
_RECEIVER: Final = "aiortc.rtcrtpreceiver:RTCRtpReceiver"
_TRANSCEIVER: Final = "aiortc.rtcrtptransceiver:RTCRtpTransceiver"
_EXTENSIONS_MAP: Final = "aiortc.rtp:HeaderExtensionsMap"
_TRACK: Final = "aiortc.rtcrtpreceiver:RemoteStreamTrack"

ATTRIBUTES: Final = (
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
        UNDO_ADVICE,
    ),
)

CALLS: Final = (
    Call(_TRANSCEIVER, "_set_mline_index", "(self, idx)", "`forget` counts the sections that are left by it."),
)

OVERRIDES: Final = (
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
    Override(_SENDER, "_handle_rtcp_packet", "9260ed68a7b483e9", f"`MediaSender.on_rtcp` does its work. {BODY_ADVICE}"),
    Override(_SENDER, "send", "ff51d1e86ff004ac", f"`MediaSender.send` does its work. {BODY_ADVICE}"),
    Override(_SENDER, "stop", "9f5966e7cf7a8ea4", f"`MediaSender.stop` does its work. {BODY_ADVICE}"),
    Override(_SENDER, "getStats", "522b74e3c51dd027", f"`MediaSender.getStats` gives the same objects. {BODY_ADVICE}"),
    Override(
        _RECEIVER, "_handle_rtp_packet", "f3507a42324775dc", f"`MediaReceiver.on_rtp` does its work. {BODY_ADVICE}"
    ),
    Override(
        _RECEIVER, "_handle_rtcp_packet", "3cc8de39d71af36a", f"`MediaReceiver.on_rtcp` does its work. {BODY_ADVICE}"
    ),
    Override(_RECEIVER, "_set_rtcp_ssrc", "dfa0f47b64727d5c", f"`Feedback.ssrc` takes its place. {BODY_ADVICE}"),
    Override(_RECEIVER, "_handle_disconnect", "97d817a0a2d3568d", f"`MediaReceiver` ends its track. {BODY_ADVICE}"),
    Override(_RECEIVER, "receive", "0ba8771a4dc60ed7", f"`MediaReceiver.receive` does its work. {BODY_ADVICE}"),
    Override(_RECEIVER, "stop", "f4bae79a18e59c0b", f"`MediaReceiver.stop` does its work. {BODY_ADVICE}"),
    Override(
        _RECEIVER, "getStats", "c57bb46308ef573d", f"`MediaReceiver.getStats` gives the same objects. {BODY_ADVICE}"
    ),
)
