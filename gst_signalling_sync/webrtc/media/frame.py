"""`Frame`: a received frame of video with what is known of its age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame of video as `VideoReceiver.read_frame` gives it.

    ::

        frame = session.video.read_frame()
        if frame.repeated:
            print("the camera has written nothing new")
        elif frame.captured_at is not None and (offset := session.clock_offset) is not None:
            age = time.time() - (frame.captured_at - offset.seconds)
            print(f"{age:.3f} s old, give or take {offset.uncertainty:.3f} s")

    Attributes:
        array: As of `VideoReceiver.read`; the caller's own.
        captured_at: When it was captured, as Unix time by the sender's clock. None while that is not known: a sender that does
            not tell it with the frame (abs-capture-time) tells it by its first RTCP report, within some seconds.
        received_at: When all of it had arrived, as Unix time by this machine's clock.
        number: Counts the decoded frames of the track from 0; a step of more than 1 from frame to frame tells how many others
            were replaced before they were read.
        repeated: True: the sender sent its last frame again, because its source wrote nothing new. False: it is another one.
            None: unknown, because the sender does not tell capture times with its frames, as peers other than this
            library's may not.
    """

    array: NDArray[np.uint8]
    captured_at: float | None
    received_at: float
    number: int
    repeated: bool | None
