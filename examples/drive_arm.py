"""Drives `arm.py`, lets go of it, sends it home, and stops it on the way. Prints how long the stop took.

Run these in three terminals:

    gst-signalling-sync serve
    python examples/arm.py
    python examples/drive_arm.py
"""

from __future__ import annotations

import argparse
import time

from gst_signalling_sync import connect

PERIOD = 0.02
"""Seconds between two commands."""


def main() -> None:
    """Drive for 1 s, wait for the dead man's switch, then stop the motion home after 0.3 s."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    options = parser.parse_args()

    with connect(options.uri, name="safe-arm") as session:
        drive, motions, stop = (session.channel(label) for label in ("drive", "motions", "stop"))

        # A stop, or the end of the previous session, has locked the arm.
        motions.send("release")
        print("the arm is", motions.recv(), flush=True)

        print("driving", flush=True)
        for _ in range(round(1 / PERIOD)):
            drive.send("1.0")
            time.sleep(PERIOD)
        print("letting go", flush=True)
        time.sleep(1.0)

        motions.send("home")
        time.sleep(0.3)
        begin = time.monotonic()
        stop.send("now")
        print(stop.recv(), f"{1e3 * (time.monotonic() - begin):.0f} ms after the stop", flush=True)
        print("the way home ended:", motions.recv(), flush=True)


if __name__ == "__main__":
    main()
