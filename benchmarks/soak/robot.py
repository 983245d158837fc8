"""A robot of the soak, which is killed and frozen. It writes down each message before it does anything else.

Run as ``python -m benchmarks.soak.robot URI FILE``. It adds a line to the file for each message, and ends with its standard
input.
"""

from __future__ import annotations

import os
import sys

from gst_signalling_sync import BroadcastChannel, Producer, Session

NAME = "robot"
LABEL = "orders"


def serve(uri: str, path: str) -> None:
    """Write down the messages until standard input ends."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    robot = Producer(uri, name=NAME)
    orders = robot.add_channel(LABEL)

    @orders.message.connect
    def take(channel: BroadcastChannel, session: Session, data: str) -> None:
        os.write(log, f"{data}\n".encode())

    with robot:
        print("ready", flush=True)
        sys.stdin.read()
    os.close(log)


if __name__ == "__main__":
    serve(*sys.argv[1:3])
