"""The Data Channel Establishment Protocol (DCEP, RFC 8832), by which a channel is announced on its stream."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

__all__ = [
    "ACK",
    "BINARY",
    "BINARY_EMPTY",
    "DCEP",
    "STRING",
    "STRING_EMPTY",
    "MalformedOpen",
    "Open",
    "is_ack",
    "is_open",
]

DCEP: Final = 50
"""Payload protocol identifiers of RFC 8831 section 8; this is that of DCEP."""
STRING: Final = 51
BINARY: Final = 53
STRING_EMPTY: Final = 56
BINARY_EMPTY: Final = 57

ACK: Final = b"\x02"
"""DATA_CHANNEL_ACK (RFC 8832 section 5.2)."""

_OPEN: Final = 3
_MAX_RETRANSMITS: Final = 1
_LIFE_TIME: Final = 2
_IS_UNORDERED: Final = 0x80
_HEADER: Final = struct.Struct("!BBHLHH")


class MalformedOpen(ValueError):
    """A DATA_CHANNEL_OPEN is malformed."""


@dataclass(frozen=True, slots=True)
class Open:
    """A DATA_CHANNEL_OPEN (RFC 8832 section 5.1).

    Attributes:
        label: The channel's label.
        protocol: Name of its subprotocol. Defaults to the empty string.
        ordered: Whether messages arrive in the order in which they were sent. Defaults to True.
        max_retransmits: Maximum number of retransmissions of a message. Defaults to no maximum.
        life_time: Maximum time for transmissions of a message, in milliseconds. Defaults to no maximum.
        priority: Priority of the channel (RFC 8831 section 6.4). Defaults to 0.
    """

    label: str
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    life_time: int | None = None
    priority: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Open:
        """Parse a message.

        Raises:
            MalformedOpen: It is shorter than its lengths say, has an unknown channel type, or is not UTF-8.
        """
        if len(data) < _HEADER.size:
            raise MalformedOpen(f"a DATA_CHANNEL_OPEN must have at least {_HEADER.size} bytes, not {len(data)}")
        kind, channel_type, priority, reliability, label_size, protocol_size = _HEADER.unpack_from(data)
        reliability_type = channel_type & ~_IS_UNORDERED
        if kind != _OPEN or reliability_type > _LIFE_TIME:
            raise MalformedOpen(f"the type of a channel must be one of RFC 8832 section 5.1, not {channel_type:#04x}")
        label_end = _HEADER.size + label_size
        if len(data) < label_end + protocol_size:
            size = label_end + protocol_size
            raise MalformedOpen(
                f"a DATA_CHANNEL_OPEN with this label and protocol must have {size} bytes, not {len(data)}"
            )
        try:
            label = data[_HEADER.size : label_end].decode()
            protocol = data[label_end : label_end + protocol_size].decode()
        except UnicodeDecodeError as error:
            raise MalformedOpen("label and protocol must be UTF-8") from error
        return cls(
            label,
            protocol,
            not channel_type & _IS_UNORDERED,
            reliability if reliability_type == _MAX_RETRANSMITS else None,
            reliability if reliability_type == _LIFE_TIME else None,
            priority,
        )

    def serialize(self) -> bytes:
        """Serialise the message.

        Raises:
            ValueError: Both maxima are set, or the label or the protocol has more than 65,535 bytes.
        """
        if self.max_retransmits is not None and self.life_time is not None:
            raise ValueError("a channel must not have both a number of retransmissions and a lifetime")
        channel_type = 0 if self.ordered else _IS_UNORDERED
        reliability = 0
        if self.max_retransmits is not None:
            channel_type |= _MAX_RETRANSMITS
            reliability = self.max_retransmits
        elif self.life_time is not None:
            channel_type |= _LIFE_TIME
            reliability = self.life_time
        label, protocol = self.label.encode(), self.protocol.encode()
        longest = max(len(label), len(protocol))
        if longest > 0xFFFF:
            raise ValueError(f"label and protocol must have at most 65,535 bytes each, not {longest:,}")
        header = _HEADER.pack(_OPEN, channel_type, self.priority, reliability, len(label), len(protocol))
        return header + label + protocol


def is_open(data: bytes) -> bool:
    """Whether a message of DCEP is a DATA_CHANNEL_OPEN."""
    return data[:1] == bytes([_OPEN])


def is_ack(data: bytes) -> bool:
    """Whether a message of DCEP is a DATA_CHANNEL_ACK."""
    return data[:1] == ACK
