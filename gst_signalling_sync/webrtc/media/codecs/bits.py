"""`Bits`: reads the bits of a bitstream header."""

from __future__ import annotations

__all__ = ["Bits"]

_MAX_PREFIX = 32


class Bits:
    """Reads bits, the most significant bit of each byte first.

    Args:
        data: A header; short, since all of it becomes one number.
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        """Read bits as an unsigned number.

        Raises:
            IndexError: There are fewer bits.
        """
        self._left -= count
        if self._left < 0:
            raise IndexError("the header is cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """Read an Exp-Golomb number, ``ue(v)`` of H.264 and H.265.

        Raises:
            IndexError: The number is cut off, or has more than 32 bits.
        """
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _MAX_PREFIX:
                raise IndexError("the number is too long")
        return (1 << zeros | self.read(zeros)) - 1

    def signed_exp_golomb(self) -> int:
        """Read a signed Exp-Golomb number, ``se(v)`` of H.264 and H.265.

        Raises:
            IndexError: As in `exp_golomb`.
        """
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
