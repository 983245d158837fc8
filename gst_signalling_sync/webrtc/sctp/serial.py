"""Serial numbers (RFC 1982, RFC 9260 section 1.6) as integers that do not wrap.

TSNs of 32 bits and stream sequence numbers of 16 bits wrap on the wire. Inside an association they are unlimited integers, so
that they are compared and counted like other integers. A number from the wire is converted to the nearest one to a known
number.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SSN_MASK", "TSN_MASK", "nearest_ssn", "nearest_tsn"]

TSN_MASK: Final = 0xFFFFFFFF
SSN_MASK: Final = 0xFFFF

_HALF_OF_TSNS: Final = 0x80000000
_HALF_OF_SSNS: Final = 0x8000


def nearest_tsn(tsn: int, known: int) -> int:
    """The integer nearest to a known TSN whose lower 32 bits are those of `tsn`."""
    return known + ((tsn - known + _HALF_OF_TSNS) & TSN_MASK) - _HALF_OF_TSNS


def nearest_ssn(ssn: int, known: int) -> int:
    """The integer nearest to a known stream sequence number whose lower 16 bits are those of `ssn`."""
    return known + ((ssn - known + _HALF_OF_SSNS) & SSN_MASK) - _HALF_OF_SSNS
