"""A robot that sends the frames of two cameras, and 100 times a second the angles of two joints, all with their times.

Run these in three terminals. `dataset.py` records the robot:

    gst-signalling-sync serve
    python examples/robot.py
    python examples/dataset.py --seconds 10

Both cameras see a hand that circles by the angle of the first joint. So a program that matches frames and angles by their times
can check the result.
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
"""The colour of the hand in BGR, by the camera's name."""


def angles(now: float) -> tuple[float, float]:
    """The joints' angles in radians at a time of `time.monotonic`. The first rotates, the second swings."""
    return math.remainder(now, math.tau), math.sin(now)


def view(camera: str, now: float) -> NDArray[np.uint8]:
    """The frame of a camera at a time: the hand on its circle."""
    seen = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    first, _ = angles(now)
    left = round((WIDTH - HAND) / 2 + 80 * math.cos(first))
    top = round((HEIGHT - HAND) / 2 + 80 * math.sin(first))
    seen[top : top + HAND, left : left + HAND] = COLOURS[camera]
    return seen


def film(camera: str, video: VideoSource, stop: threading.Event) -> None:
    """Write the frames of a camera until `stop` is set."""
    while not stop.wait(1 / FPS):
        now = time.monotonic()
        # A camera driver that reports the capture time gives it here.
        video.write(view(camera, now), captured=now)


def main() -> None:
    """Serve consumers until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="robot", help="what consumers find it by (default: %(default)s)")
    options = parser.parse_args()

    producer = Producer(options.uri, name=options.name)
    videos = {camera: producer.add_video(name=camera, fps=FPS) for camera in COLOURS}
    # A lost state is not sent again, as a newer one follows. `dated` gives each state the time at which it was sent.
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
