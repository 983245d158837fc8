"""Sends on what a camera's program writes to the standard input: H264, as it is."""

from gst_signalling_sync import Producer

robot = Producer(name="robot")
rate = {"framerate": "30"}  # H264 alone does not tell it.
camera = robot.add_player("pipe:0", name="front", format="h264", options=rate)
with robot:
    camera.wait()
