"""A robot with two cameras and the angles of two joints, 100 times a second, each with its time.

In three terminals, with `dataset.py` as the one that learns from it:

    gst-signalling-sync serve
    python examples/robot.py
    python examples/dataset.py --seconds 10

Both cameras see an arm that goes round; the joints are where it is. So whoever puts frames and angles together by their times
can check it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import threading
import time

import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync import Producer, VideoSource

FPS = 30
STATES_PER_SECOND = 100
WIDTH, HEIGHT, HAND = 320, 240, 40
COLOURS = {"left": (0, 220, 255), "right": (255, 120, 0)}
"""Of the hand, in BGR, by the camera's name."""


def angles(now: float) -> tuple[float, float]:
    """The joints' angles in radians at a moment of `time.monotonic`: one goes round, the other swings."""
    return math.remainder(now, math.tau), math.sin(now)


def view(camera: str, now: float) -> NDArray[np.uint8]:
    """What a camera sees at a moment: the hand on its way round."""
    seen = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    first, _ = angles(now)
    left = round((WIDTH - HAND) / 2 + 80 * math.cos(first))
    top = round((HEIGHT - HAND) / 2 + 80 * math.sin(first))
    seen[top : top + HAND, left : left + HAND] = COLOURS[camera]
    return seen


def film(camera: str, video: VideoSource, stop: threading.Event) -> None:
    """Write what a camera sees until it is stopped."""
    while not stop.wait(1 / FPS):
        now = time.monotonic()
        # A driver that knows better when the frame was captured says so.
        video.write(view(camera, now), captured=now)


def main() -> None:
    """Serve consumers until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="robot", help="what consumers find it by (default: %(default)s)")
    options = parser.parse_args()

    producer = Producer(options.uri, name=options.name)
    videos = {camera: producer.add_video(name=camera, fps=FPS) for camera in COLOURS}
    # A state that was lost is of no use later. Each tells when it was sent.
    joints = producer.add_channel("joints", ordered=False, max_retransmits=0, dated=True)
    stop = threading.Event()
    cameras = [threading.Thread(target=film, args=(camera, video, stop)) for camera, video in videos.items()]
    with contextlib.suppress(KeyboardInterrupt), producer:
        for thread in cameras:
            thread.start()
        try:
            print(f"serving as {options.name!r} at {producer.uri}", flush=True)
            while True:
                time.sleep(1 / STATES_PER_SECOND)
                joints.send(json.dumps(angles(time.monotonic())))
        finally:
            stop.set()
            for thread in cameras:
                thread.join()


if __name__ == "__main__":
    main()
