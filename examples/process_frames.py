"""Measures a producer's video with numpy in real time: prints every second how bright it is, and how much of it moves.

Run these in three terminals. Any producer with video will do:

    gst-signalling-sync serve
    python examples/camera.py
    python examples/process_frames.py --name camera
"""

from __future__ import annotations

import argparse
import contextlib
import time

import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync import connect

STEP = 4
"""Every fourth pixel of every fourth row is measured."""

CHANGED = 25
"""Grey levels by which a pixel must change to count as moved."""


def moved(before: NDArray[np.int16] | None, grey: NDArray[np.int16]) -> float:
    """The part of the frame that has changed, 0 to 1."""
    if before is None or before.shape != grey.shape:
        return 0.0
    return float((np.abs(grey - before) > CHANGED).mean())


def main() -> None:
    """Measure until Ctrl-C, or until the producer ends the session."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="camera", help="of the producer, waited for (default: %(default)s)")
    options = parser.parse_args()

    with contextlib.suppress(KeyboardInterrupt), connect(options.uri, name=options.name) as session:
        before: NDArray[np.int16] | None = None
        motion: list[float] = []
        since = time.monotonic()
        # A loop that is slower than the camera gets fewer frames, and never an old one.
        for frame in session.video:
            grey = frame[::STEP, ::STEP].mean(axis=2).astype(np.int16)
            motion.append(moved(before, grey))
            before = grey
            elapsed = time.monotonic() - since
            if elapsed >= 1:
                height, width, _ = frame.shape
                print(
                    f"{len(motion) / elapsed:.1f} fps of {width}x{height},"
                    f" brightness {grey.mean():.0f}, motion {100 * np.mean(motion):.1f} %",
                    flush=True,
                )
                motion.clear()
                since += elapsed


if __name__ == "__main__":
    main()
