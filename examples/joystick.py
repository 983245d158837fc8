"""Feeds `control_loop.py`: sends it a target 50 times a second, and prints the arm's position once a second.

Run these in three terminals:

    gst-signalling-sync serve
    python examples/control_loop.py --seconds 20
    python examples/joystick.py --seconds 15
"""

from __future__ import annotations

import argparse
import contextlib
import math
import time

from gst_signalling_sync import ChannelClosed, DataChannel, connect

PERIOD = 0.02
"""Seconds between two commands."""


def main() -> None:
    """Move the arm back and forth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to play (default: %(default)g)")
    options = parser.parse_args()

    position = "unknown"

    def on_state(channel: DataChannel, data: str | bytes) -> None:
        nonlocal position
        position = str(data)

    # The control loop may end first.
    with contextlib.suppress(ChannelClosed, KeyboardInterrupt), connect(options.uri, name="arm") as session:
        session.channel("state").message.connect(on_state)
        commands = session.channel("commands")
        for number in range(round(options.seconds / PERIOD)):
            target = math.sin(number * PERIOD)
            commands.send(f"{target:.4f}")
            if number % round(1 / PERIOD) == 0:
                print(f"target {target:.4f}, position {position}", flush=True)
            time.sleep(PERIOD)


if __name__ == "__main__":
    main()
