"""A robot's program with a producer, which sends 100 messages a second and a video of 30 frames a second.

Its arguments are the server's URI and ``SessionLimits`` as JSON (a rate is a list of two numbers). It prints its peer id, and
a line of JSON for each line of its standard input. It ends with its standard input.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
import threading
from typing import Any

import numpy as np

from gst_signalling_sync import Producer, Rate, SessionLimits
from gst_signalling_sync.errors import SignallingError
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from .pace import Pace
from .robot_process import Lines

PERIOD = 0.01
FPS = 30


def main() -> None:
    options: dict[str, Any] = json.loads(sys.argv[2])
    limits: dict[str, Any] = {
        name: Rate(*value) if isinstance(value, list) else value for name, value in options.items()
    }
    lines = Lines()
    logging.getLogger().addHandler(lines)
    producer = Producer(sys.argv[1], name="robot", limits=SessionLimits(**limits))
    channel = producer.add_channel("state", ordered=False, max_retransmits=0)
    video = producer.add_video(fps=FPS)
    with producer:

        def send_states() -> None:
            pace = Pace(PERIOD)
            while True:
                pace.wait()
                try:
                    channel.send(b"x" * 100, timeout=0)
                except SignallingError:
                    continue

        for function in (send_states, lambda: film(video)):
            threading.Thread(target=function, daemon=True).start()
        print(producer.peer_id, flush=True)
        for _ in sys.stdin:
            told = {
                "sessions": len(producer.sessions),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "log_lines": lines.count,
            }
            print(json.dumps(told), flush=True)


def film(video: VideoSource) -> None:
    frames = [np.full((240, 320, 3), shade, np.uint8) for shade in range(0, 256, 32)]
    pace = Pace(1 / FPS)
    for frame in itertools.cycle(frames):
        pace.wait()
        video.write(frame)


if __name__ == "__main__":
    main()
