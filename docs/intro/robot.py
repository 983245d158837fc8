"""A robot with a camera and two commands."""

import time

import numpy as np

from gst_signalling_sync import Producer

robot = Producer(name="robot")
camera = robot.add_video(fps=15)
commands = robot.add_channel("commands")
steps = {"left": -4, "stop": 0, "right": 4}
step = 4


@commands.message.connect
def on_command(channel, session, data):
    global step
    step = steps.get(data, step)
    channel.send(f"the robot heard {data!r}", session=session)


def draw(position):
    frame = np.full((240, 320, 3), 40, np.uint8)
    frame[90:150, position : position + 60] = (0, 160, 255)  # blue, green, red
    return frame


with robot:
    print("the robot is registered", flush=True)
    position = 0
    while True:
        position = (position + step) % 260
        camera.write(draw(position))
        time.sleep(1 / 15)
