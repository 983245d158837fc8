"""`Frame`: a received video frame with its capture time, arrival time and number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A video frame as `VideoReceiver.read_frame` returns it.

    ::

        frame = session.video.read_frame()
        if frame.repeated:
            print("the camera has written nothing new")
        elif frame.captured_at is not None and (offset := session.clock_offset) is not None:
            age = time.time() - (frame.captured_at - offset.seconds)
            print(f"{age:.3f} s old, give or take {offset.uncertainty:.3f} s")

    Attributes:
        array: The pixels, in the shape that `VideoReceiver.read` gives. The array belongs to the caller.
        captured_at: Capture time as Unix time, by the sender's clock. None while it is unknown: a sender without the header
            extension abs-capture-time announces its clock in its first RTCP sender report, within some seconds.
        received_at: Unix time when the whole frame had arrived, by this machine's clock.
        number: Number of the decoded frame in its track, from 0. A step of more than 1 between two frames that are read means
            that the frames in between were replaced before they were read.
        repeated: True: the sender sent its last frame again, because its source wrote no new one. False: the frame is new.
            None: unknown, because the sender does not send abs-capture-time; peers other than this library's may not.
    """

    array: NDArray[np.uint8]
    captured_at: float | None
    received_at: float
    number: int
    repeated: bool | None
