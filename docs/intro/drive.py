"""Sends commands to the robot, and saves what its camera sees."""

from gst_signalling_sync import connect, save_still

with connect(name="robot") as session:
    commands = session.channel("commands")
    for command in ("left", "right", "stop"):
        commands.send(command)
        print(commands.recv())

    frame = session.video.read()
    print(frame.shape, frame.dtype)
    save_still("robot.png", frame)
