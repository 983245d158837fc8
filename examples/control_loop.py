"""A 100 Hz control loop that a data channel feeds. The newest command wins, and the loop waits for nothing but its next tick.

Run these in three terminals. At its end, the loop prints how late its ticks were:

    gst-signalling-sync serve
    python examples/control_loop.py --seconds 20
    python examples/joystick.py --seconds 15
"""

from __future__ import annotations

import argparse
import contextlib
import time

from gst_signalling_sync import BroadcastChannel, Producer, Session, WaitTimeout

PERIOD = 0.01
"""Seconds between two ticks."""

SMOOTHING = 0.2
"""The part of the distance to its target that the arm moves in one tick."""


class Target:
    """The position that the arm moves to. The callback thread writes it; the control loop reads it."""

    def __init__(self) -> None:
        # Assigning an attribute is atomic in Python, so that one writer and one reader need no lock.
        self.newest = 0.0
        self.count = 0

    def on_command(self, channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        """Take a command, a number as a string. Another string changes nothing, and the library logs the error."""
        self.newest = float(data)
        self.count += 1


def run(target: Target, state: BroadcastChannel, seconds: float, lateness: list[float]) -> None:
    """Move towards the newest target at each tick, and note by how many seconds the tick was late."""
    position = 0.0
    start = time.monotonic()
    for number in range(round(seconds / PERIOD)):
        due = start + number * PERIOD
        time.sleep(max(0.0, due - time.monotonic()))
        lateness.append(time.monotonic() - due)

        position += SMOOTHING * (target.newest - position)
        # A consumer that is too slow for 100 Hz misses this state and gets a later one.
        with contextlib.suppress(WaitTimeout):
            state.send(f"{position:.4f}", timeout=0)


def summary(lateness: list[float]) -> list[tuple[str, float]]:
    """The median, the 99th percentile and the maximum, each with its name."""
    ordered = sorted(lateness) or [0.0]
    return [(name, ordered[int(part * (len(ordered) - 1))]) for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))]


def main() -> None:
    """Run the loop, and print how late it was."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to run (default: %(default)g)")
    options = parser.parse_args()

    target = Target()
    producer = Producer(options.uri, name="arm")
    # Only the newest command and state count: a lost one is not sent again, and a later one does not wait for it.
    commands = producer.add_channel("commands", ordered=False, max_retransmits=0)
    state = producer.add_channel("state", ordered=False, max_retransmits=0)
    commands.message.connect(target.on_command)

    lateness: list[float] = []
    with contextlib.suppress(KeyboardInterrupt), producer:
        print(f"running at {1 / PERIOD:g} Hz, waiting for commands at {producer.uri}", flush=True)
        run(target, state, options.seconds, lateness)
    print(f"{target.count} commands in {len(lateness)} ticks")
    print("late by " + ", ".join(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in summary(lateness)))


if __name__ == "__main__":
    main()
