"""`Bits`: reads the bits of a bitstream's header."""

from __future__ import annotations

__all__ = ["Bits"]

_MAX_PREFIX = 32


class Bits:
    """Reads bits, the highest of each byte first.

    Args:
        data: A header; not long, since all of it is one number.
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number.

        Raises:
            IndexError: There are fewer.
        """
        self._left -= count
        if self._left < 0:
            raise IndexError("the header is cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """The next number as ``ue(v)`` of H.264 and H.265 has it.

        Raises:
            IndexError: It is cut off, or has more than 32 bits.
        """
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_PREFIX:
                raise IndexError("the number is too long")
        return (1 << zeros | self.take(zeros)) - 1

    def signed_exp_golomb(self) -> int:
        """The next number as ``se(v)`` of H.264 and H.265 has it.

        Raises:
            IndexError: As of `exp_golomb`.
        """
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
