"""Wrapping counters of RTP: sequence numbers in 16 bits, timestamps in 32 bits (RFC 3550 section 5.1)."""

from __future__ import annotations

__all__ = ["step"]


def step(before: int, after: int, bits: int) -> int:
    """The difference of two values of a counter, by the shorter way round.

    Args:
        before: The earlier value. Only its lower `bits` matter.
        after: The later value. Only its lower `bits` matter.
        bits: Width of the counter, in bits.

    Returns:
        The difference, from ``-2 ** (bits - 1)`` to ``2 ** (bits - 1) - 1``.
    """
    half = 1 << (bits - 1)
    return ((after - before + half) & ((1 << bits) - 1)) - half
