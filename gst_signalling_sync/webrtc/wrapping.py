"""Counters of RTP that begin again at 0: sequence numbers in 16 bits, timestamps in 32 bits (RFC 3550 section 5.1)."""

from __future__ import annotations

__all__ = ["step"]


def step(before: int, after: int, bits: int) -> int:
    """How far a counter has moved, the shorter way round.

    Args:
        before: Its value, or any that is equal to it in the lower bits.
        after: Its next value, likewise.
        bits: How wide it is.

    Returns:
        From ``-2 ** (bits - 1)`` to ``2 ** (bits - 1) - 1``.
    """
    half = 1 << (bits - 1)
    return ((after - before + half) & ((1 << bits) - 1)) - half
