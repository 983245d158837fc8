"""Whether aiortc can use a media section. This is checked first, since aiortc fails half-way with one that it cannot use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import MediaDescription, SessionDescription

from .capabilities import Capabilities

__all__ = ["NO_COMMON_CODEC", "why_unusable"]

NO_COMMON_CODEC: Final = "no codec that both ends have"

_DATA_PROTOCOLS: Final = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP")


def why_unusable(
    sdp: str, is_answer: bool, capabilities: Capabilities, preferred: Sequence[RTCRtpCodecCapability]
) -> str | None:
    """Why aiortc cannot use the section of a peer's description.

    Args:
        sdp: A description with this section only.
        is_answer: Whether the description is an answer.
        capabilities: The capabilities of the connection.
        preferred: The codec preferences of its transceiver; may be empty.

    Returns:
        The reason; None: it can be used.
    """
    try:
        (media,) = SessionDescription.parse(sdp).media
        return _reason(media, is_answer) or _codec_reason(media, capabilities, preferred)
    except Exception as error:  # noqa: BLE001 - the peer is not trusted, and the parser raises what the text makes it
        return f"it cannot be read: {type(error).__name__} {error}".rstrip()


def _reason(media: MediaDescription, is_answer: bool) -> str | None:
    if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
        return "it has no a=ice-ufrag or no a=ice-pwd"
    if media.dtls is None:
        return "it has no a=setup"
    if not media.dtls.fingerprints:
        return "it has no a=fingerprint"
    if is_answer and media.dtls.role not in ("client", "server"):
        return "an answer's a=setup must be active or passive"
    if media.kind != "application":
        return None if media.rtcp_mux else "it has no a=rtcp-mux"
    if media.profile not in _DATA_PROTOCOLS:
        return f"{media.profile!r:.40} carries no data channels"
    if media.profile == "DTLS/SCTP":
        int(media.fmt[0])
    elif media.sctp_port is None:
        return "it has no a=sctp-port"
    return None


def _codec_reason(
    media: MediaDescription, capabilities: Capabilities, preferred: Sequence[RTCRtpCodecCapability]
) -> str | None:
    if media.kind == "application":
        return None
    common = capabilities.common_codecs(capabilities.codecs[media.kind], media.rtp.codecs)
    return None if capabilities.preferred_codecs(common, preferred) else NO_COMMON_CODEC
