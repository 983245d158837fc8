"""`Capabilities`: the codecs, RTP header extensions (RFC 8285) and feedback (RFC 4585) of one peer connection.

aiortc has them in global tables, which all its users in the process share. A connection of this library has copies of aiortc's
functions that read the connection's own tables (`rebound`). aiortc's tables are never changed.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
)

__all__ = ["Capabilities", "CodecForm", "Parameters", "rebound"]

Parameters = Mapping[str, int | str | None]
"""The ``a=fmtp`` parameters of a payload type, by name."""

_RETRANSMISSION: Final = "rtx"

_STATIC_PAYLOAD_TYPES: Final = range(35)
"""The static payload types of RFC 3551. Browsers use those above when all dynamic ones are taken (RFC 5761 section 4)."""

_MAX_IDENTIFIER: Final = 14
"""Maximum identifier of header extensions with one-byte headers (RFC 8285 section 4.2)."""


@dataclass(frozen=True)
class CodecForm:
    """A form of a codec that is offered, and how offers of it are answered.

    Attributes:
        kind: ``"audio"`` or ``"video"``.
        name: Name of the codec, as in ``a=rtpmap``.
        clock_rate: RTP clock rate, in Hz.
        payload_type: Static payload type of RFC 3551, or the dynamic one in our offers. Retransmissions (RFC 4588) have the
            next one.
        channels: Number of audio channels; None for video.
        parameters: ``a=fmtp`` in our offers.
        feedback: ``a=rtcp-fb``: type and parameter; the latter may be the empty string.
        is_resent: Whether lost packets are sent again (RFC 4588).
        answer: Called with the parameters of an offered payload type of that name. Returns those of the answer, or None if the
            offer is not of this form.
        is_preferred: Whether answers list it before forms that are not preferred, whatever the order of the offer. Defaults to
            True.
        is_for_streams: Whether it is offered only for encoded sources, before the other forms of its name. Defaults to False.
        carried_in: For a codec that carries the payloads of others, such as RED: called with the parameters, it returns their
            payload types. Defaults to None.
    """

    kind: str
    name: str
    clock_rate: int
    payload_type: int
    channels: int | None
    parameters: Parameters
    feedback: tuple[tuple[str, str], ...]
    is_resent: bool
    answer: Callable[[Parameters], Parameters | None]
    is_preferred: bool = True
    is_for_streams: bool = False
    carried_in: Callable[[Parameters], Sequence[int]] | None = None


class Capabilities:
    """What one peer connection offers and accepts.

    Args:
        codecs: The forms of codecs, in the order in which they are offered.
        extensions: URIs of RTP header extensions with their identifiers in our offers (RFC 8285), by kind of media. A URI has
            the same identifier for all kinds, because bundled sections share the identifiers.
    """

    def __init__(self, codecs: Sequence[CodecForm], extensions: Mapping[str, Mapping[str, int]]) -> None:
        self._forms = tuple(sorted(codecs, key=lambda form: not form.is_for_streams))
        self._carriers = {form.name.lower(): form.carried_in for form in codecs if form.carried_in is not None}
        self._avoided = {form.name.lower() for form in codecs if not form.is_preferred}
        self.codecs: Mapping[str, list[RTCRtpCodecParameters]] = {
            kind: [each for form in codecs if form.kind == kind for each in _parameters(form)] for kind in extensions
        }
        """The codecs by kind of media, in the place of aiortc's ``CODECS``."""
        self._for_streams = [
            each
            for form in codecs
            if form.is_for_streams
            for each in self.codecs[form.kind]
            if form.payload_type in (each.payloadType, each.parameters.get("apt"))
        ]
        self.extensions: Mapping[str, list[RTCRtpHeaderExtensionParameters]] = {
            kind: [RTCRtpHeaderExtensionParameters(id=identifier, uri=uri) for uri, identifier in known.items()]
            for kind, known in extensions.items()
        }
        """The header extensions by kind of media, in the place of aiortc's ``HEADER_EXTENSIONS``."""

    def preferences(self, kind: str, names: Sequence[str], is_stream: bool = False) -> list[RTCRtpCodecCapability]:
        """Codec preferences: all forms of some codecs, in that order, codecs that carry others, and retransmissions.

        Args:
            kind: Kind of media.
            names: Names of codecs, in order of preference.
            is_stream: Whether the source is encoded already. Defaults to False.
        """
        wanted = [
            each
            for name in names
            for each in self.codecs[kind]
            if not is_rtx(each) and each.name.lower() == name.lower() and (is_stream or not self._is_for_streams(each))
        ]
        wanted += [each for each in self.codecs[kind] if each.name.lower() in self._carriers]
        wanted += [each for each in self.codecs[kind] if is_rtx(each)][:1]
        return [
            RTCRtpCodecCapability(
                mimeType=each.mimeType, clockRate=each.clockRate, channels=each.channels, parameters=each.parameters
            )
            for each in wanted
        ]

    def common_codecs(
        self, local_codecs: Sequence[RTCRtpCodecParameters], remote_codecs: Sequence[RTCRtpCodecParameters]
    ) -> list[RTCRtpCodecParameters]:
        """The codecs of a peer's description that are used, in its order; in the place of aiortc's ``find_common_codecs``.

        Args:
            local_codecs: This end's codecs of one kind, from `codecs`.
            remote_codecs: The codecs of the description.
        """
        common: list[RTCRtpCodecParameters] = []
        by_payload_type: dict[object, RTCRtpCodecParameters] = {}
        for offered in remote_codecs:
            if is_rtx(offered):
                original = by_payload_type.get(offered.parameters.get("apt"))
                if original is not None and offered.clockRate == original.clockRate:
                    common.append(copy.deepcopy(offered))
                continue
            codec = self._answer(local_codecs, offered)
            if codec is not None:
                common.append(codec)
                by_payload_type[codec.payloadType] = codec
        return self._with_what_they_carry(common)

    def preferred_codecs(
        self, codecs: Sequence[RTCRtpCodecParameters], preferred: Sequence[RTCRtpCodecCapability]
    ) -> list[RTCRtpCodecParameters]:
        """The codecs that a transceiver prefers, in its order; in the place of aiortc's ``filter_preferred_codecs``.

        aiortc compares parameters, which may be others in an answer; this compares names. Only the forms for streams, which
        are used in offers only, must be preferred with their parameters. They come first.

        Args:
            codecs: The codecs to choose from, with their retransmissions.
            preferred: Preferences from `preferences`; empty: all codecs, with those whose form is not preferred at the end.
        """
        asked = [each.parameters for each in preferred]
        first = [each for each in codecs if self._is_for_streams(each) and each.parameters in asked]
        codecs = [*first, *(each for each in codecs if not self._is_for_streams(each) or (is_rtx(each) and first))]
        if not preferred:
            return sorted(codecs, key=lambda codec: self._rank(codec, codecs))
        names = dict.fromkeys(each.name.lower() for each in preferred)
        chosen: list[RTCRtpCodecParameters] = []
        for codec in (each for name in names for each in codecs if not is_rtx(each) and each.name.lower() == name):
            chosen.append(codec)
            if _RETRANSMISSION in names:
                chosen += [each for each in codecs if is_rtx(each) and each.parameters.get("apt") == codec.payloadType][
                    :1
                ]
        if codecs and codecs[0] in chosen and codecs[0].name.lower() in self._carriers:
            # A peer that prefers a codec that carries others, such as Chromium, sends it only if the answer has it first.
            chosen.remove(codecs[0])
            chosen.insert(0, codecs[0])
        return self._with_what_they_carry(chosen)

    def common_extensions(
        self,
        local_extensions: Sequence[RTCRtpHeaderExtensionParameters],
        remote_extensions: Sequence[RTCRtpHeaderExtensionParameters],
    ) -> list[RTCRtpHeaderExtensionParameters]:
        """The common header extensions, with the peer's identifiers; in the place of ``find_common_header_extensions``.

        Args:
            local_extensions: This end's extensions of one kind, from `extensions`.
            remote_extensions: The extensions of the description.
        """
        known = {each.uri for each in local_extensions}
        return [each for each in remote_extensions if each.uri in known and 0 < each.id <= _MAX_IDENTIFIER]

    def _with_what_they_carry(self, codecs: list[RTCRtpCodecParameters]) -> list[RTCRtpCodecParameters]:
        """The codecs without those that carry codecs which are not among them, or have another clock rate."""
        clock_rates: dict[object, int] = {
            each.payloadType: each.clockRate
            for each in codecs
            if not is_rtx(each) and each.name.lower() not in self._carriers
        }
        kept = []
        for codec in codecs:
            carried_in = self._carriers.get(codec.name.lower())
            if carried_in is None or all(
                clock_rates.get(each) == codec.clockRate for each in carried_in(codec.parameters)
            ):
                kept.append(codec)
        return kept

    def _rank(self, codec: RTCRtpCodecParameters, codecs: Sequence[RTCRtpCodecParameters]) -> int:
        """The rank of a codec in answers. Retransmissions have the rank of the codec that they repeat."""
        if is_rtx(codec):
            codec = next((each for each in codecs if each.payloadType == codec.parameters.get("apt")), codec)
        return int(codec.name.lower() in self._avoided)

    def _is_for_streams(self, codec: RTCRtpCodecParameters) -> bool:
        return any(codec is each for each in self._for_streams)

    def _answer(
        self, local_codecs: Sequence[RTCRtpCodecParameters], offered: RTCRtpCodecParameters
    ) -> RTCRtpCodecParameters | None:
        for form in self._forms:
            # Forms for streams are in our offers only, so a description that has this payload type answers one.
            if form.is_for_streams and form.payload_type != offered.payloadType:
                continue
            is_same = (f"{form.kind}/{form.name}".lower(), form.clock_rate) == (
                offered.mimeType.lower(),
                offered.clockRate,
            )
            answer = form.answer(offered.parameters) if is_same else None
            if answer is None:
                continue
            (local,) = (each for each in local_codecs if each.payloadType == form.payload_type)
            codec = copy.deepcopy(local)
            if offered.payloadType not in _STATIC_PAYLOAD_TYPES:
                codec.payloadType = offered.payloadType
            codec.parameters = dict(answer)
            codec.rtcpFeedback = [each for each in codec.rtcpFeedback if each in offered.rtcpFeedback]
            return codec
        return None


def _parameters(form: CodecForm) -> list[RTCRtpCodecParameters]:
    feedback = [RTCRtcpFeedback(type=kind, parameter=parameter or None) for kind, parameter in form.feedback]
    codec = RTCRtpCodecParameters(
        mimeType=f"{form.kind}/{form.name}",
        clockRate=form.clock_rate,
        channels=form.channels,
        payloadType=form.payload_type,
        rtcpFeedback=feedback,
        parameters=dict(form.parameters),
    )
    if not form.is_resent:
        return [codec]
    resent = RTCRtpCodecParameters(
        mimeType=f"{form.kind}/{_RETRANSMISSION}",
        clockRate=form.clock_rate,
        payloadType=form.payload_type + 1,
        parameters={"apt": form.payload_type},
    )
    return [codec, resent]


def rebound(method: Callable[..., Any], owner: object, **names: object) -> Any:
    """Make a method for one object that reads other values for some names of its module.

    Args:
        method: A function of a class, without a closure.
        owner: The object of which it becomes a method.
        **names: Names of its module, and their values in this method.
    """
    assert isinstance(method, types.FunctionType)
    assert method.__closure__ is None
    rebuilt = types.FunctionType(
        method.__code__, {**method.__globals__, **names}, method.__name__, method.__defaults__, method.__closure__
    )
    rebuilt.__kwdefaults__ = method.__kwdefaults__
    return types.MethodType(rebuilt, owner)
