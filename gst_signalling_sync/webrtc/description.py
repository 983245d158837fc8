"""What this library reads from session descriptions and candidates (RFC 8866, RFC 8839), and the one line it changes."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from ..errors import ProtocolError

__all__ = [
    "DEFAULT_MAX_MESSAGE_SIZE",
    "has_candidates",
    "max_message_size",
    "offers_anything",
    "parse_candidate",
    "with_passive_setup",
]

DEFAULT_MAX_MESSAGE_SIZE: Final = 65536
"""Bytes, where a description does not say (RFC 8841 section 6.1)."""

_MAX_MESSAGE_SIZE: Final = re.compile(r"^a=max-message-size:(\d{1,19})\s*$", re.MULTILINE)
_ACTIVE_SETUP: Final = re.compile(r"^a=setup:active(\s*)$", re.MULTILINE)
_MEDIA: Final = re.compile(r"^m=", re.MULTILINE)
_CANDIDATE: Final = re.compile(r"^a=candidate:", re.MULTILINE)
_CANDIDATE_PREFIX: Final = "candidate:"
_LINE_PREFIX: Final = "a="


def with_passive_setup(answer: str) -> str:
    """An answer that makes this end the DTLS server.

    As DTLS client aiortc offers only ECDSA cipher suites, which GStreamer's RSA certificate cannot serve ("no shared
    cipher"); as server it serves everybody. An answer to an ``actpass`` offer may choose either (RFC 8842 section 5.3).
    """
    return _ACTIVE_SETUP.sub(r"a=setup:passive\1", answer)


def max_message_size(description: str) -> int | None:
    """The largest message that the author of a description accepts.

    Returns:
        Bytes, or None for any size (``a=max-message-size:0``, RFC 8841 section 6.1).
    """
    sizes = [int(size) for size in _MAX_MESSAGE_SIZE.findall(description)]
    if not sizes:
        return DEFAULT_MAX_MESSAGE_SIZE
    return sizes[-1] or None


def has_candidates(description: str) -> bool:
    """Whether a description brings candidates."""
    return _CANDIDATE.search(description) is not None


def offers_anything(description: str) -> bool:
    """Whether a description has a media description, as every description of a connection must (RFC 9429 section 5.2.1)."""
    return _MEDIA.search(description) is not None


def parse_candidate(text: str, sdp_m_line_index: int) -> RTCIceCandidate | None:
    """Parse a trickled candidate.

    Args:
        text: As browsers and GStreamer write it: ``candidate:...``, also with ``a=`` before it.
        sdp_m_line_index: The media description that it belongs to.

    Returns:
        The candidate; None if aiortc could never use it, which is no fault of the peer: TCP, or an IPv6 link-local
        address, which means nothing without its interface.

    Raises:
        ProtocolError: It is not a candidate.
    """
    body = text.strip().removeprefix(_LINE_PREFIX).removeprefix(_CANDIDATE_PREFIX)
    try:
        candidate = candidate_from_sdp(body)
    except (AssertionError, ValueError, IndexError) as error:
        raise ProtocolError(f"not a candidate: {text!r:.200}") from error
    if not 0 <= candidate.port < 2**16:
        raise ProtocolError(f"candidate with port {candidate.port}: {text!r:.200}")
    if candidate.protocol.lower() != "udp" or candidate.component != 1 or _is_link_local(candidate.ip):
        return None
    candidate.sdpMLineIndex = sdp_m_line_index
    return candidate


def _is_link_local(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        # An mDNS name such as browsers send.
        return False
    return parsed.version == 6 and parsed.is_link_local
