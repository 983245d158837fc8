"""How old a message is that a peer of this library has dated, without a common clock; and the date on the wire.

Peers that announce the in-band channel (`protocol.control`) read dates. A dated message has a payload protocol identifier of
its own (RFC 9260 section 3.3.1), and its payload begins with the sender's clock in microseconds, 8 bytes, big endian. Peers
that do not read dates get none.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["DATED_BINARY", "DATED_STRING", "MessageAges", "dated", "undated"]

DATED_STRING: Final = 0x67737301
"""Payload protocol identifier of a dated string, in the range that IANA leaves to whoever comes first."""

DATED_BINARY: Final = 0x67737302
"""Payload protocol identifier of dated bytes."""

_DATE: Final = struct.Struct("!Q")

_DRIFT: Final = 200e-6
"""Seconds by which two clocks may drift apart in a second; crystals do by a quarter of that."""


class MessageAges:
    """Tells a message's age from the quickest messages of the same peer, whose age counts as 0.

    What the quickest way takes is not part of the age, as it cannot be told from the difference of the clocks.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._at = 0.0

    def age(self, sent: float, now: float) -> float:
        """The age of a message that has just arrived.

        Args:
            sent: Seconds, on the sender's clock.
            now: Seconds, on this end's clock.

        Returns:
            Seconds, 0 or more.
        """
        offset = now - sent
        if self._offset is None:
            self._offset = offset
        else:
            # Where the clocks drift apart, the quickest message seems older each time.
            allowed = self._offset + _DRIFT * max(0.0, now - self._at)
            self._offset = min(allowed, offset)
        self._at = now
        return offset - self._offset


def dated(data: bytes, sent: float) -> bytes:
    """A payload with its date.

    Args:
        data: The payload.
        sent: Seconds, on the sender's clock.
    """
    return _DATE.pack(round(sent * 1e6)) + data


def undated(payload: bytes) -> tuple[bytes, float] | None:
    """The payload without its date, and the date in seconds; None where it is too short for one."""
    if len(payload) < _DATE.size:
        return None
    return payload[_DATE.size :], _DATE.unpack_from(payload)[0] / 1e6
