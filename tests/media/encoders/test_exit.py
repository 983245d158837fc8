"""A program ends although the driver of its encoder never returns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np

from gst_signalling_sync import Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.media.encoders import HARDWARE
from tests.media.encoders.stand_in import StandIn

HARDWARE.clear()
HARDWARE["standin"] = kind = StandIn()
server = SignallingServer(port=0)
server.start()
robot = Producer(server.uri, name="robot")
camera = robot.add_video(encoder="h264_standin")
robot.start()
session = connect(server.uri, name="robot")
kind.fault = "hangs"
while not kind.has_hung.is_set():
    camera.write(np.zeros((240, 320, 3), np.uint8))
    kind.has_hung.wait(0.02)
print(session.video.read().shape)
"""


def test_program_ends_beside_a_driver_that_does_not_return() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (0, "(240, 320, 3)\n"), ran.stderr
