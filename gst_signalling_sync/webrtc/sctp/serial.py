"""Serial numbers (RFC 1982, RFC 9260 section 1.6) as integers that do not wrap.

A TSN of 32 bits and a stream sequence number of 16 bits wrap on the wire. Inside of an association they are integers without
a limit, so that they are compared and counted as any others; a number from the wire becomes the one nearest to a number that
is known.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SSN_MASK", "TSN_MASK", "nearest_ssn", "nearest_tsn"]

TSN_MASK: Final = 0xFFFFFFFF
SSN_MASK: Final = 0xFFFF

_HALF_OF_TSNS: Final = 0x80000000
_HALF_OF_SSNS: Final = 0x8000


def nearest_tsn(tsn: int, known: int) -> int:
    """The number that ends in the 32 bits of a TSN and is nearest to a known one."""
    return known + ((tsn - known + _HALF_OF_TSNS) & TSN_MASK) - _HALF_OF_TSNS


def nearest_ssn(ssn: int, known: int) -> int:
    """The number that ends in the 16 bits of a stream sequence number and is nearest to a known one."""
    return known + ((ssn - known + _HALF_OF_SSNS) & SSN_MASK) - _HALF_OF_SSNS
