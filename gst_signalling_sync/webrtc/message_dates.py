"""The dates of messages on the wire, with payload protocol identifiers of their own (RFC 9260 section 3.3.1).

Only peers that announce the control channel (`protocol.control`) get dated messages. The payload of a dated message begins with
the sender's monotonic clock in microseconds, 8 bytes, big endian, from which `message_age` computes its age. If the channel is
``dated``, the sender's Unix time follows in the same format.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["IDENTIFIERS", "DatedPayload", "Dating", "dated", "undated"]


class Dating(Enum):
    """The dates that messages have."""

    NONE = 0
    AGE = 1
    """The sender's monotonic clock, for the message's age."""

    TIME = 2
    """The sender's monotonic clock and Unix time."""


class DatedPayload(NamedTuple):
    """The parts of a dated message.

    Attributes:
        data: The message; a string is encoded in UTF-8.
        is_text: Whether the message is a string.
        sent: When it was sent, on the sender's monotonic clock, in seconds.
        sent_at: The same time as Unix time by the sender's clock; None: it is not told.
    """

    data: bytes
    is_text: bool
    sent: float
    sent_at: float | None


# In the range that IANA assigns on a first come, first served basis.
_IDENTIFIERS: Final = {
    (True, False): 0x67737301,
    (False, False): 0x67737302,
    (True, True): 0x67737303,
    (False, True): 0x67737304,
}
"""By whether the message is a string, and whether it has the Unix time."""

_KINDS: Final = {identifier: kind for kind, identifier in _IDENTIFIERS.items()}

IDENTIFIERS: Final = frozenset(_KINDS)
"""The payload protocol identifiers of dated messages."""

_AGE: Final = struct.Struct("!Q")
_TIME: Final = struct.Struct("!QQ")


def dated(message: DatedPayload) -> tuple[int, bytes]:
    """The payload protocol identifier and the payload of a dated message."""
    data, is_text, sent, sent_at = message
    identifier = _IDENTIFIERS[is_text, sent_at is not None]
    if sent_at is None:
        return identifier, _AGE.pack(_microseconds(sent)) + data
    return identifier, _TIME.pack(_microseconds(sent), _microseconds(sent_at)) + data


def undated(identifier: int, payload: bytes) -> DatedPayload | None:
    """Read a dated message.

    Args:
        identifier: Payload protocol identifier, one of `IDENTIFIERS`.
        payload: The payload.

    Returns:
        The message; None: the payload is too short for its dates.
    """
    is_text, tells_time = _KINDS[identifier]
    form = _TIME if tells_time else _AGE
    if len(payload) < form.size:
        return None
    sent, *sent_at = (each / 1e6 for each in form.unpack_from(payload))
    return DatedPayload(payload[form.size :], is_text, sent, sent_at[0] if sent_at else None)


def _microseconds(seconds: float) -> int:
    # A clock that was never set may show a time before 1970.
    return max(0, round(seconds * 1e6))
