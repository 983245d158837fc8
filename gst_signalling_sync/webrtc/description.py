"""Session descriptions and candidates (RFC 8866, RFC 8839): what this library reads from them, and changes in its own."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import Final

from ..errors import ProtocolError
from ..protocol.session_limits import SessionLimits
from .engine.candidate import RTCIceCandidate, candidate_from_sdp
from .media.track_names import given_name

__all__ = [
    "CANDIDATES",
    "DEFAULT_MAX_MESSAGE_SIZE",
    "MAX_CANDIDATE_CHARACTERS",
    "MAX_DESCRIPTION_CHARACTERS",
    "BeyondLimit",
    "check_description",
    "has_candidates",
    "has_streams",
    "leaves_setup_open",
    "max_message_size",
    "media_codecs",
    "parse_candidate",
    "with_names_of_sources",
    "with_passive_setup",
]

DEFAULT_MAX_MESSAGE_SIZE: Final = 65536
"""Maximum size of a message if a description does not have one, in bytes (RFC 8841 section 6.1)."""

MAX_DESCRIPTION_CHARACTERS: Final = 256 * 1024
"""Maximum length of a description. That of a browser with a camera and a microphone has some 8,000 characters."""

ATTRIBUTES: Final = 256
"""Maximum number of attributes with the same name in a media description, since aiortc compares some of them pairwise. Browsers
have some 120 ``a=rtcp-fb``."""

WILDCARDS: Final = 16
"""Maximum number of ``a=rtcp-fb:*`` in a media description, since each applies to every codec there."""

CANDIDATES: Final = 128
"""Maximum number of candidates in a description. A machine with many addresses has some ten."""

MAX_CANDIDATE_CHARACTERS: Final = 4096

_MAX_MESSAGE_SIZE: Final = re.compile(r"^a=max-message-size:(\d{1,19})\s*$", re.MULTILINE)
_FIXED_SETUP: Final = re.compile(r"^a=setup:(?!actpass\s*$)", re.MULTILINE)
_ACTIVE_SETUP: Final = re.compile(r"^a=setup:active(\s*)$", re.MULTILINE)
_MSID: Final = re.compile(r"^a=msid:\S+ (\S+)", re.MULTILINE)
_CNAME: Final = re.compile(r"^a=ssrc:(\d+) cname:[^\r\n]*", re.MULTILINE)
_MEDIA: Final = re.compile(r"^m=", re.MULTILINE)
_RTPMAP: Final = re.compile(r"^a=rtpmap:\d+ ([^/\s]+)/", re.MULTILINE)
_REPAIR_CODECS: Final = frozenset(("rtx", "red", "ulpfec", "flexfec-03", "telephone-event", "cn"))
_ATTRIBUTE: Final = re.compile(r"^a=([\w-]+(?::\*)?)", re.MULTILINE)
_STREAMS: Final = re.compile(r"^a=msid-semantic:", re.MULTILINE)
_CANDIDATE: Final = re.compile(r"^a=candidate:", re.MULTILINE)
_CANDIDATE_PREFIX: Final = "candidate:"
_LINE_PREFIX: Final = "a="


class BeyondLimit(ProtocolError):
    """A description exceeds one of the peer's limits.

    Args:
        limit: Name of the limit.
        text: The error message.
    """

    def __init__(self, limit: str, text: str) -> None:
        super().__init__(text)
        self.limit = limit


def with_passive_setup(answer: str) -> str:
    """Change an answer so that this end becomes the DTLS server.

    As a DTLS client, aiortc offers only ECDSA cipher suites, which GStreamer's RSA certificate does not support ("no shared
    cipher"). As a server, it supports all peers. An answer to an ``actpass`` offer may choose either role (RFC 8842 section
    5.3).
    """
    return _ACTIVE_SETUP.sub(r"a=setup:passive\1", answer)


def with_names_of_sources(description: str) -> str:
    """Change a description so that each SSRC of a section names the section's track, as the name of a stream.

    GStreamer reads the msids of SSRCs only, and of these only the stream. Peers that read the msids of sections (RFC 8830)
    ignore them; there, all tracks are of one stream, so that browsers synchronise sound and video.
    """
    session, *sections = _MEDIA.split(description)
    return "m=".join((session, *map(_with_names_of_sources, sections)))


def _with_names_of_sources(section: str) -> str:
    msid = _MSID.search(section)
    name = None if msid is None else given_name(msid[1])
    if name is None:
        return section
    return _CNAME.sub(lambda line: f"{line[0]}\r\na=ssrc:{line[1]} msid:{name} {name}", section)


def leaves_setup_open(offer: str) -> bool:
    """Whether an offer lets the answer choose which end is the DTLS client (``a=setup:actpass``)."""
    return _FIXED_SETUP.search(offer) is None


def max_message_size(description: str) -> int | None:
    """The largest message that the author of a description accepts.

    Returns:
        The size in bytes; None: any size (``a=max-message-size:0``, RFC 8841 section 6.1).
    """
    sizes = [int(size) for size in _MAX_MESSAGE_SIZE.findall(description)]
    if not sizes:
        return DEFAULT_MAX_MESSAGE_SIZE
    return sizes[-1] or None


def has_candidates(description: str) -> bool:
    """Whether a description has candidates."""
    return _CANDIDATE.search(description) is not None


def has_streams(description: str) -> bool:
    """Whether the author of a description has the W3C's media streams (``a=msid-semantic``).

    Browsers, aiortc and this library have them, and follow all rules of RFC 8829 for sections. GStreamer's webrtcbin does not.
    """
    return _STREAMS.search(description) is not None


def media_codecs(description: str) -> dict[str, list[str]]:
    """The codecs that a description names.

    Returns:
        Names such as ``"VP8"`` by kind of media, ``"audio"`` or ``"video"``, without codecs that only repair others.
    """
    found: dict[str, list[str]] = {}
    for section in _MEDIA.split(description)[1:]:
        kind = section.split(" ", 1)[0]
        if kind in ("audio", "video"):
            names = [name for name in _RTPMAP.findall(section) if name.lower() not in _REPAIR_CODECS]
            found.setdefault(kind, []).extend(name for name in dict.fromkeys(names) if name not in found.get(kind, ()))
    return found


def check_description(description: str, limits: SessionLimits) -> None:
    """Refuse a peer's description that aiortc would accept but never connect with, or that would keep it busy for long.

    Args:
        description: The description.
        limits: Limits, of which `media_sections` and `attributes` are used.

    Raises:
        ProtocolError: It has no media description, or more of something than a peer needs.
        BeyondLimit: It exceeds `limits`.
    """
    sections = _MEDIA.split(description)[1:]
    if not sections:
        # gst-signalling makes such an offer when its first channel comes too late, and makes no other.
        raise ProtocolError("it has no media description, so there is nothing to connect")
    if limits.media_sections is not None and len(sections) > limits.media_sections:
        text = f"it has {len(sections)} media descriptions, more than {limits.media_sections}"
        raise BeyondLimit("media_sections", text)
    if len(_CANDIDATE.findall(description)) > CANDIDATES:
        raise ProtocolError(f"it has more than {CANDIDATES} candidates")
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        raise ProtocolError(f"it has {len(description)} characters, more than {MAX_DESCRIPTION_CHARACTERS}")
    for section in sections:
        _check_attributes(section, limits.attributes)


def _check_attributes(section: str, limit: int | None) -> None:
    names = Counter(_ATTRIBUTE.findall(section))
    if limit is not None and names.total() > limit:
        raise BeyondLimit("attributes", f"a media description has {names.total()} attributes, more than {limit}")
    for name, number in names.items():
        maximum = WILDCARDS if name.endswith("*") else ATTRIBUTES
        if number > maximum:
            raise ProtocolError(f"a media description has {number} a={name}, more than {maximum}")


def parse_candidate(text: str, sdp_m_line_index: int) -> RTCIceCandidate | None:
    """Parse a trickled candidate.

    Args:
        text: The candidate as browsers and GStreamer write it, ``candidate:...``, with or without ``a=`` before it.
        sdp_m_line_index: Index of its media description, from 0.

    Returns:
        The candidate; None: it is valid, but aiortc cannot use it, since it is for TCP or has an IPv6 link-local address, which
        means nothing without its interface.

    Raises:
        ProtocolError: It is not a candidate.
    """
    body = text.strip().removeprefix(_LINE_PREFIX).removeprefix(_CANDIDATE_PREFIX)
    try:
        candidate = candidate_from_sdp(body)
    except (AssertionError, ValueError, IndexError) as error:
        raise ProtocolError(f"not a candidate: {text!r:.200}") from error
    if not 0 <= candidate.port < 2**16:
        raise ProtocolError(f"the port of a candidate must be from 0 to 65535, not {candidate.port}: {text!r:.200}")
    if candidate.protocol.lower() != "udp" or candidate.component != 1 or _is_link_local(candidate.ip):
        return None
    candidate.sdpMLineIndex = sdp_m_line_index
    return candidate


def _is_link_local(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        # Browsers send mDNS names.
        return False
    return parsed.version == 6 and parsed.is_link_local
