"""`FrameNumbers`: numbers the frames of streams that a receiver may change between (RFC 7741 and RFC 9628, section 4.2)."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["PICTURE_IDS", "FrameNumbers"]

PICTURE_IDS: Final = 1 << 15
"""Number of PictureIDs of 15 bits."""


class FrameNumbers:
    """The PictureIDs of all streams of one form.

    Receivers take a gap for lost frames, and libwebrtc drops what it has buffered if the numbers go back. So each frame of a
    stream has the number after that of the frame before, but a keyframe has a higher one than all frames so far, those of the
    other streams included. A receiver changes to another stream at a keyframe, so it sees the numbers rise.
    """

    def __init__(self) -> None:
        self._highest = random.randrange(PICTURE_IDS)

    def after(self, last: int | None, keyframe: bool) -> int:
        """The number of the next frame of a stream, whose last 15 bits are the PictureID.

        Args:
            last: Number of the frame before; None: there is none.
            keyframe: Whether it is a keyframe.
        """
        number = (self._highest if keyframe or last is None else last) + 1
        self._highest = max(self._highest, number)
        return number
