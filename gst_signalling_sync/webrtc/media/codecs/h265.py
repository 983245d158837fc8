"""H265 (ITU-T H.265), received only; its RTP payloads and its parameters in offers and answers (RFC 7798)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ...engine.capabilities import CodecForm, Parameters
from .codec import VIDEO_FEEDBACK, Recorded, VideoCodec
from .fragment import UNUSABLE, Fragment
from .h264_units import length_prefixed
from .h265_units import IRAP, SLICES, VIDEO_PARAMETER_SET, kind_of, parameter_record

__all__ = ["H265"]

_AGGREGATION: Final = 48
_FRAGMENTATION: Final = 49
_SINGLE: Final = range(_AGGREGATION)
_DELIMITER: Final = 35

_FU_START: Final = 0x80
_FU_TYPE_MASK: Final = 0x3F
_KIND_MASK: Final = 0x7E
_HEADER_BYTES: Final = 2
_FU_BYTES: Final = 3
_LENGTH_BYTES: Final = 2
_ORDER_BYTES: Final = 2
_DIFFERENCE_BYTES: Final = 1

_ORDERS: Final = 1 << 16
_MAX_UNITS: Final = 64
"""Maximum number of NAL units in one packet."""

_START_CODE: Final = b"\0\0\0\1"

_DECODED_PROFILES: Final = ("1", "2")
"""Main and Main 10."""

_ANSWERED: Final = ("profile-space", "profile-id", "tier-flag", "level-id", "tx-mode", "sprop-max-don-diff")
"""Parameters that an answer repeats: the configuration (RFC 7798 section 7.2.2), and use of decoding order numbers."""


class _Part(NamedTuple):
    """A NAL unit, or a part of it.

    Attributes:
        kind: Type of the NAL unit.
        data: Data; with a start code and the unit's header, if the part begins the unit.
        begins: Whether the part begins the unit.
        order: Decoding order number of a part that begins a unit, if payloads have them.
    """

    kind: int
    data: bytes
    begins: bool = True
    order: int = 0


class H265(VideoCodec):
    """H265.

    Args:
        has_order: Whether payloads have decoding order numbers (DON), so that the NAL units of an access unit may come in
            another order. Defaults to False.
    """

    name = "H265"
    decoder = "hevc"
    marks_begin = False
    taken = "Main and Main 10 profile, received only"
    recorded = Recorded(
        suffixes=(".mp4", ".mkv", ".mcap"),
        probe_format="hevc",
        probe_file=lambda keyframe: keyframe,
        matroska_codec="V_MPEGH/ISO/HEVC",
        matroska_private=parameter_record,
        matroska_data=length_prefixed,
        needs_parameters=True,
    )

    def __init__(self, has_order: bool = False) -> None:
        self._has_order = has_order

    @property
    def forms(self) -> Sequence[CodecForm]:
        """The forms in which it is offered, only for receiving, and answered."""
        return (
            CodecForm(
                "video",
                self.name,
                self.clock_rate,
                107,
                None,
                {"level-id": "180", "profile-id": "1", "tier-flag": "0", "tx-mode": "SRST"},
                VIDEO_FEEDBACK,
                True,
                _answer_to,
                self.is_preferred,
            ),
        )

    def received_as(self, parameters: Parameters) -> VideoCodec:
        """The parser of payloads with or without decoding order numbers (RFC 7798 section 7.1, sprop-max-don-diff)."""
        return H265(str(parameters.get("sprop-max-don-diff") or "0") != "0")

    def parse(self, payload: bytes) -> Fragment:
        """Parse one RTP payload."""
        try:
            parts = self._parts(payload)
        except ValueError:
            return UNUSABLE
        # A slice may be the first of its frame, but the parameter sets before it may have been lost.
        leads = any(part.kind == VIDEO_PARAMETER_SET and part.begins for part in parts)
        return Fragment(
            payload if self._has_order else b"".join(part.data for part in parts),
            leads or (parts[0].kind == _DELIMITER and parts[0].begins),
            leads,
            any(part.kind in IRAP for part in parts),
            any(part.kind in SLICES for part in parts),
        )

    def assemble(self, fragments: Sequence[Fragment]) -> bytes | None:
        """Assemble the NAL units in decoding order, with start codes."""
        if not self._has_order:
            return super().assemble(fragments)
        units: list[tuple[int, list[bytes]]] = []
        for fragment in fragments:
            for part in self._parts(fragment.data or b""):
                if part.begins:
                    units.append((part.order, []))
                if not units:
                    return None
                units[-1][1].append(part.data)
        first = units[0][0]
        units.sort(key=lambda unit: (unit[0] - first + _ORDERS // 2) % _ORDERS)
        return b"".join(data for _, unit in units for data in unit)

    def _parts(self, payload: bytes) -> list[_Part]:
        """The parts in one payload, one or more.

        Raises:
            ValueError: It is not a payload of this codec.
        """
        if len(payload) <= _HEADER_BYTES:
            raise ValueError("the payload has no content")
        kind = kind_of(payload)
        if kind == _AGGREGATION:
            return self._aggregated(payload)
        if kind == _FRAGMENTATION:
            return [self._fragmented(payload)]
        if kind not in _SINGLE:
            raise ValueError(f"the payload is of the unknown type {kind}")
        order, content = self._order_at(payload, _HEADER_BYTES)
        if content >= len(payload):
            raise ValueError("the payload has no content")
        return [_Part(kind, b"".join((_START_CODE, payload[:_HEADER_BYTES], payload[content:])), order=order)]

    def _order_at(self, payload: bytes, position: int) -> tuple[int, int]:
        """Read a decoding order number; return it and the position after it."""
        if not self._has_order:
            return 0, position
        end = position + _ORDER_BYTES
        return int.from_bytes(payload[position:end], "big"), end

    def _aggregated(self, payload: bytes) -> list[_Part]:
        """Parse an aggregation packet (RFC 7798 section 4.4.2)."""
        parts: list[_Part] = []
        order, position = self._order_at(payload, _HEADER_BYTES)
        while position < len(payload):
            if self._has_order and parts:
                order = (order + 1 + payload[position]) % _ORDERS
                position += _DIFFERENCE_BYTES
            begin = position + _LENGTH_BYTES
            position = begin + int.from_bytes(payload[begin - _LENGTH_BYTES : begin], "big")
            unit = payload[begin:position]
            if len(unit) <= _HEADER_BYTES or position > len(payload) or len(parts) == _MAX_UNITS:
                raise ValueError("the NAL units do not fit into their packet")
            parts.append(_Part(kind_of(unit), _START_CODE + unit, order=order))
        if not parts:
            raise ValueError("the packet has no NAL unit")
        return parts

    def _fragmented(self, payload: bytes) -> _Part:
        """Parse a fragmentation unit (RFC 7798 section 4.4.3)."""
        if len(payload) <= _FU_BYTES:
            raise ValueError("the payload has no content")
        header = payload[_FU_BYTES - 1]
        kind = header & _FU_TYPE_MASK
        if not header & _FU_START:
            return _Part(kind, payload[_FU_BYTES:], begins=False)
        order, content = self._order_at(payload, _FU_BYTES)
        unit_header = bytes([payload[0] & ~_KIND_MASK & 0xFF | kind << 1, payload[1]])
        return _Part(kind, b"".join((_START_CODE, unit_header, payload[content:])), order=order)


def _answer_to(offered: Parameters) -> Parameters | None:
    """The answer to an offered payload type; None: its profile or its transmission mode cannot be received."""
    space, profile = str(offered.get("profile-space") or "0"), str(offered.get("profile-id") or "1")
    if space != "0" or profile not in _DECODED_PROFILES or str(offered.get("tx-mode") or "SRST") != "SRST":
        return None
    return {name: offered[name] for name in _ANSWERED if name in offered}
