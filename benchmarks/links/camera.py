"""A robot's camera in a process of its own: ``python -m benchmarks.links.camera URI NAME WIDTH HEIGHT``."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np

from gst_signalling_sync import Producer

FPS = 30
NOISE = 5
"""Width of the frame divided by that of its corner of noise, as in GStreamer's test video."""


def main(uri: str, name: str, width: int, height: int) -> None:
    """Send moving colour bars with a corner of noise."""
    random = np.random.default_rng(1)
    bars = np.repeat(random.integers(0, 255, (1, 8, 3), dtype=np.uint8), width // 8, axis=1)
    frame = np.ascontiguousarray(np.broadcast_to(bars, (height, bars.shape[1], 3)))
    corner = (height // NOISE, width // NOISE, 3)
    ended = threading.Event()

    def end_with_input() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=end_with_input, daemon=True).start()
    with Producer(uri, name=name) as producer:
        source = producer.add_video(FPS)
        print("ready", flush=True)
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            frame = np.roll(frame, 2, axis=1)
            frame[: corner[0], : corner[1]] = random.integers(0, 255, corner, dtype=np.uint8)
            source.write(frame)
            due = max(due + 1 / FPS, time.monotonic() - 1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
