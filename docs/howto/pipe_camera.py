"""Sends on what a camera's program writes to the standard input: H264, as it is."""

from gst_signalling_sync import Producer

robot = Producer(name="robot")
camera = robot.add_player("pipe:0", format="h264", options={"framerate": "30"}, name="front")
with robot:
    camera.wait()
