"""Shows a camera to any number of consumers: a producer that writes OpenCV's frames.

Run these in three terminals. `process_frames.py` is one of the consumers:

    gst-signalling-sync serve
    python examples/camera.py
    python examples/process_frames.py --name camera

It needs ``pip install opencv-python`` and a camera. Without one of them, it shows a moving square.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync import Producer

Frame = NDArray[np.uint8]

FPS = 30


def camera(number: int) -> Iterator[Frame]:
    """Yield the frames of a camera as OpenCV reads them: ``(height, width, 3)`` in BGR. Ends where there is no camera."""
    try:
        import cv2  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        print("OpenCV is not installed", flush=True)
        return
    capture = cv2.VideoCapture(number)
    try:
        while (read := capture.read())[0]:
            yield read[1]
    finally:
        capture.release()
    print(f"no frame from camera {number}", flush=True)


def moving_square(width: int = 640, height: int = 480, side: int = 80) -> Iterator[Frame]:
    """Yield frames with a yellow square that circles on blue, in real time."""
    for number in range(10**9):
        frame = np.full((height, width, 3), (160, 80, 0), np.uint8)
        angle = number / FPS
        left = round((width - side) * (1 + np.cos(angle)) / 2)
        top = round((height - side) * (1 + np.sin(angle)) / 2)
        frame[top : top + side, left : left + side] = (0, 220, 255)
        yield frame
        time.sleep(1 / FPS)


def main() -> None:
    """Show the camera until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="camera", help="what consumers find it by (default: %(default)s)")
    parser.add_argument("--camera", type=int, default=0, help="OpenCV's number of the camera (default: %(default)s)")
    options = parser.parse_args()

    producer = Producer(options.uri, name=options.name)
    video = producer.add_video(fps=FPS)
    with contextlib.suppress(KeyboardInterrupt), producer:
        print(f"serving as {options.name!r} at {producer.uri}", flush=True)
        for frame in camera(options.camera):
            video.write(frame)
        print("showing a square that moves", flush=True)
        for frame in moving_square():
            video.write(frame)


if __name__ == "__main__":
    main()
