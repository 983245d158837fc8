"""The dates of messages on the wire.

Peers that announce the in-band channel (`protocol.control`) read dates; others get none. A dated message has a payload
protocol identifier of its own (RFC 9260 section 3.3.1), and its payload begins with the sender's monotonic clock in
microseconds, 8 bytes, big endian. That tells its age (`message_age`). Where the channel asks for the time too, the sender's
Unix time follows, likewise.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["IDENTIFIERS", "DatedPayload", "Dating", "dated", "undated"]


class Dating(Enum):
    """What the peer is told of when a message was sent."""

    NONE = 0
    AGE = 1
    """By the monotonic clock, from which its age follows."""

    TIME = 2
    """By the monotonic clock, and as Unix time."""


class DatedPayload(NamedTuple):
    """What a dated message is made of.

    Attributes:
        data: The message, in UTF-8 where it is a text; empty where it is.
        is_text: Whether it is a text.
        sent: Seconds, on the sender's monotonic clock.
        sent_at: The same moment as Unix time, by the sender's clock; None: not told.
    """

    data: bytes
    is_text: bool
    sent: float
    sent_at: float | None


# In the range that IANA leaves to whoever comes first.
_IDENTIFIERS: Final = {
    (True, False): 0x67737301,
    (False, False): 0x67737302,
    (True, True): 0x67737303,
    (False, True): 0x67737304,
}
"""By whether it is a text, and whether it tells the time."""

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
        identifier: One of `IDENTIFIERS`.
        payload: As it arrived.

    Returns:
        The message; None where it is too short for its dates.
    """
    is_text, tells_time = _KINDS[identifier]
    form = _TIME if tells_time else _AGE
    if len(payload) < form.size:
        return None
    sent, *sent_at = (each / 1e6 for each in form.unpack_from(payload))
    return DatedPayload(payload[form.size :], is_text, sent, sent_at[0] if sent_at else None)


def _microseconds(seconds: float) -> int:
    # A clock that nobody has set may show a time before 1970.
    return max(0, round(seconds * 1e6))
