"""The control channel: in-band messages of two peers of this library, over a data channel that programs do not see.

Both announce it by a session-level attribute of their session descriptions, ``a=x-gst-signalling-sync:2``, which every other
peer ignores (RFC 8866 section 5.13). The number is the version: both speak the lower one. The channel is negotiated (RFC 8832
section 4) on stream `CONTROL_STREAM`, reliable and ordered. Each message is one JSON object, tagged by ``type``. Unknown types
and keys are ignored, so that versions can differ.

===============  ====================================  ====================================================================
``type``         keys                                  means
===============  ====================================  ====================================================================
``goodbye``      ``reason``, ``text`` (optional)       The sender ends the session, for a reason of `SessionClosed`.
``description``  ``kind``, ``sdp``                     An offer or an answer, once the server has forgotten the session.
``candidate``    ``candidate``, ``sdpMLineIndex``      A trickled candidate, likewise.
``clock``        ``number``                            The sender asks for the time; it numbers its questions.
``offerWanted``  ``video``, ``audio``                  Since version 2. The sender, which makes no offers, has something else
                                                       to send, for which it needs so many media sections of each kind.
``paused``       ``mids``                              Since version 2. The media sections on which the sender has paused; on
                                                       all others it has not.
``clockAnswer``  ``number``, ``received``,             The answer to that question: when it was received and when answered, as
                 ``answered``                          Unix time in seconds by the clock of the sender's capture times.
===============  ====================================  ====================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import SESSION_CLOSED_REASONS, ProtocolError, SessionClosedReason
from .messages import SdpType

__all__ = [
    "CONTROL_STREAM",
    "MAX_CONTROL_BYTES",
    "TRACKS_VERSION",
    "ClockAnswer",
    "ClockQuestion",
    "ControlMessage",
    "Goodbye",
    "InBandCandidate",
    "InBandDescription",
    "OfferWanted",
    "Paused",
    "announce_control",
    "control_version",
    "parse_control",
    "serialise_control",
]

CONTROL_STREAM: Final = 65534
"""The highest stream identifier (RFC 8831 section 6.5), which either end would assign last."""

CONTROL_VERSION: Final = 2

TRACKS_VERSION: Final = 2
"""From which on an end makes offers when the other end wants one."""

_MAX_TRACKS: Final = 1000
_MAX_MID_CHARACTERS: Final = 256

MAX_CONTROL_BYTES: Final = 65536
"""Maximum of one message, which every peer accepts (RFC 8841 section 6.1). A description of ten cameras has about 20,000."""

MAX_GOODBYE_CHARACTERS: Final = 500

_MAX_CANDIDATE_CHARACTERS: Final = 4096

_MAX_NUMBER: Final = 2**53
"""Integers up to this one are interoperable in JSON (RFC 8259 section 6)."""

_MAX_TIME: Final = 2.0**36
"""In the year 4147."""

_ATTRIBUTE: Final = "x-gst-signalling-sync"
_ANNOUNCEMENT: Final = re.compile(rf"^a={_ATTRIBUTE}:(\d{{1,4}})\s*$", re.MULTILINE)
_FIRST_MEDIA: Final = re.compile(r"^m=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The sender ends the session."""

    reason: SessionClosedReason = "left"
    text: str = ""


@dataclass(frozen=True, slots=True)
class InBandDescription:
    """A session description of the sender."""

    kind: SdpType
    sdp: str


@dataclass(frozen=True, slots=True)
class InBandCandidate:
    """A trickled candidate of the sender; an empty string ends the candidates."""

    candidate: str
    sdp_m_line_index: int


@dataclass(frozen=True, slots=True)
class ClockQuestion:
    """The sender asks for the time."""

    number: int


@dataclass(frozen=True, slots=True)
class ClockAnswer:
    """The time, in seconds since 1970: when the question was received, and when it was answered."""

    number: int
    received: float
    answered: float


@dataclass(frozen=True, slots=True)
class OfferWanted:
    """The sender, which makes no offers, wants one: it needs so many media sections of each kind, in all."""

    video: int
    audio: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The media sections on which the sender has paused."""

    mids: frozenset[str]


ControlMessage = Goodbye | InBandDescription | InBandCandidate | ClockQuestion | ClockAnswer | OfferWanted | Paused


def announce_control(sdp: str) -> str:
    """A session description with the attribute that announces the control channel."""
    if control_version(sdp):
        return sdp
    line = f"a={_ATTRIBUTE}:{CONTROL_VERSION}\r\n"
    first = _FIRST_MEDIA.search(sdp)
    return sdp + line if first is None else f"{sdp[: first.start()]}{line}{sdp[first.start() :]}"


def control_version(sdp: str) -> int:
    """The version that both the author of a session description and this library speak; 0: none."""
    first = _FIRST_MEDIA.search(sdp)
    found = _ANNOUNCEMENT.search(sdp, 0, len(sdp) if first is None else first.start())
    return 0 if found is None else min(int(found[1]), CONTROL_VERSION)


def serialise_control(message: ControlMessage) -> str:
    """Serialise a message.

    Raises:
        ProtocolError: It is larger than `MAX_CONTROL_BYTES`.
    """
    match message:
        case Goodbye(reason, text):
            # A program's own string may have lone surrogates.
            told = text[:MAX_GOODBYE_CHARACTERS].encode(errors="replace").decode()
            fields: dict[str, Any] = {"type": "goodbye", "reason": reason, **({"text": told} if told else {})}
        case InBandDescription(kind, sdp):
            fields = {"type": "description", "kind": str(kind), "sdp": sdp}
        case InBandCandidate(candidate, index):
            fields = {"type": "candidate", "candidate": candidate, "sdpMLineIndex": index}
        case ClockQuestion(number):
            fields = {"type": "clock", "number": number}
        case ClockAnswer(number, received, answered):
            fields = {"type": "clockAnswer", "number": number, "received": received, "answered": answered}
        case OfferWanted(video, audio):
            fields = {"type": "offerWanted", "video": video, "audio": audio}
        case Paused(mids):
            fields = {"type": "paused", "mids": sorted(mids)}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode(errors="replace")) > MAX_CONTROL_BYTES:
        raise ProtocolError(
            f"a control message must have at most {MAX_CONTROL_BYTES} bytes, not the {len(text)} characters of this"
            f" {fields['type']}"
        )
    return text


def parse_control(message: str | bytes) -> ControlMessage | None:
    """Parse a message of the control channel. The peer is not trusted.

    Returns:
        The message; None where its type is unknown, as a later version's may be.

    Raises:
        ProtocolError: It is too large, not a JSON object with a ``type``, or a key is missing or of the wrong type.
    """
    if isinstance(message, bytes):
        raise ProtocolError(f"a control message must be a string, not {len(message)} bytes")
    if len(message) > MAX_CONTROL_BYTES:
        raise ProtocolError(f"a control message must have at most {MAX_CONTROL_BYTES} characters, not {len(message)}")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a control message must be JSON: {error}: {message!r:.100}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise ProtocolError(f"a control message must be a JSON object with a type, not {message!r:.100}")
    parser = _PARSERS.get(fields["type"])
    return None if parser is None else parser(fields)


def _parse_goodbye(fields: Mapping[str, Any]) -> Goodbye:
    reason = _string(fields, "reason")
    text = _string(fields, "text") if "text" in fields else ""
    # A later version may have a reason that this one does not know.
    known: SessionClosedReason = next((each for each in SESSION_CLOSED_REASONS if each == reason), "left")
    return Goodbye(known, text[:MAX_GOODBYE_CHARACTERS] or ("" if known == reason else reason[:100]))


def _parse_description(fields: Mapping[str, Any]) -> InBandDescription:
    kind = _string(fields, "kind")
    if kind not in tuple(SdpType):
        raise ProtocolError(f"a description must be an offer or an answer, not {kind!r:.100}")
    return InBandDescription(SdpType(kind), _string(fields, "sdp"))


def _parse_candidate(fields: Mapping[str, Any]) -> InBandCandidate:
    candidate = _string(fields, "candidate")
    index = _integer(fields, "sdpMLineIndex", 2**16)
    if len(candidate) > _MAX_CANDIDATE_CHARACTERS:
        raise ProtocolError(
            f"a candidate must have at most {_MAX_CANDIDATE_CHARACTERS} characters, not {len(candidate)}"
        )
    return InBandCandidate(candidate, index)


def _parse_clock_question(fields: Mapping[str, Any]) -> ClockQuestion:
    return ClockQuestion(_integer(fields, "number", _MAX_NUMBER))


def _parse_clock_answer(fields: Mapping[str, Any]) -> ClockAnswer:
    number = _integer(fields, "number", _MAX_NUMBER)
    return ClockAnswer(number, _time(fields, "received"), _time(fields, "answered"))


def _parse_offer_wanted(fields: Mapping[str, Any]) -> OfferWanted:
    return OfferWanted(_integer(fields, "video", _MAX_TRACKS), _integer(fields, "audio", _MAX_TRACKS))


def _parse_paused(fields: Mapping[str, Any]) -> Paused:
    mids = fields.get("mids")
    if not isinstance(mids, list) or not all(isinstance(mid, str) and len(mid) <= _MAX_MID_CHARACTERS for mid in mids):
        raise ProtocolError(f"'mids' must be a list of identifiers of media sections, not {mids!r:.100}")
    if len(mids) > _MAX_TRACKS:
        raise ProtocolError(f"'mids' must hold at most {_MAX_TRACKS} identifiers, not {len(mids)}")
    return Paused(frozenset(mids))


def _integer(fields: Mapping[str, Any], key: str, end: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end:
        raise ProtocolError(f"{key!r} must be an integer from 0 to {end - 1}, not {value!r:.100}")
    return value


def _time(fields: Mapping[str, Any], key: str) -> float:
    value = fields.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _MAX_TIME:
        raise ProtocolError(f"{key!r} must be a time in seconds since 1970, not {value!r:.100}")
    return float(value)


def _string(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"{key!r} must be a string, not {value!r:.100}")
    return value


_PARSERS: Final[Mapping[str, Callable[[Mapping[str, Any]], ControlMessage]]] = {
    "goodbye": _parse_goodbye,
    "description": _parse_description,
    "candidate": _parse_candidate,
    "clock": _parse_clock_question,
    "clockAnswer": _parse_clock_answer,
    "offerWanted": _parse_offer_wanted,
    "paused": _parse_paused,
}
