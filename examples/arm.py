"""An arm that is safe to drive remotely: its stop waits for no motion, and it has a dead man's switch.

Run these in three terminals. `drive_arm.py` drives the arm, lets go of it, sends it home, and stops it on the way:

    gst-signalling-sync serve
    python examples/arm.py
    python examples/drive_arm.py

A callback thread calls its receivers one after another. Therefore `home`, which blocks for two seconds, runs on the thread
"motion", and `stop` runs on a thread of its own, on which nothing blocks.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time

from gst_signalling_sync import BroadcastChannel, ChannelClosed, Producer, Session, SessionClosed

PERIOD = 0.01
"""Seconds between two steps of a motion."""

DEAD_MAN_SECONDS = 0.3
"""Seconds without a command after which the arm stands still: the operator or the network may be gone."""

HOME_SECONDS = 2.0
"""Seconds that the motion home takes."""


class Arm:
    """One joint. `drive` and `stop` return at once; `home` blocks until the arm is at 0 or is stopped.

    A stop locks the arm until `release`: a command that was sent before the stop and arrives after it does nothing.
    """

    def __init__(self) -> None:
        self.position = 0.0
        self._speed = 0.0
        self._driven_at = float("-inf")
        self._is_stopped = threading.Event()

    def release(self) -> None:
        """Allow the arm to move again after a stop."""
        self._speed = 0.0
        self._is_stopped.clear()

    def drive(self, speed: float) -> None:
        """Move at a speed, in units per second, until the next command, for at most `DEAD_MAN_SECONDS`."""
        self._driven_at = time.monotonic()
        self._speed = speed

    def home(self) -> bool:
        """Move to 0.

        Returns:
            Whether the arm got to 0; False: it was stopped.
        """
        self._speed = 0.0
        step = -self.position * PERIOD / HOME_SECONDS
        for _ in range(round(HOME_SECONDS / PERIOD)):
            if self._is_stopped.wait(PERIOD):
                return False
            self.position += step
        self.position = 0.0
        return True

    def stop(self) -> None:
        """Stop every motion, and stand still until `release`."""
        self._is_stopped.set()

    def tick(self) -> None:
        """Move by one step; to be called every `PERIOD` seconds."""
        if not self._speed or self._is_stopped.is_set():
            return
        if time.monotonic() - self._driven_at > DEAD_MAN_SECONDS:
            self._speed = 0.0
            print(f"no command for {DEAD_MAN_SECONDS} s: standing still at {self.position:.2f}", flush=True)
        self.position += self._speed * PERIOD


def main() -> None:
    """Serve operators until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    options = parser.parse_args()

    arm = Arm()
    producer = Producer(options.uri, name="safe-arm")
    # An old drive command must not move the arm, not even after this process was frozen. A stop or a motion must not get lost.
    drive = producer.add_channel("drive", ordered=False, max_age=DEAD_MAN_SECONDS)
    motions = producer.add_channel("motions")
    stop = producer.add_channel("stop")

    @drive.message.connect
    def on_drive(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        arm.drive(float(data))

    @motions.message.connect(thread="motion")
    def on_motion(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        if data == "release":
            arm.release()
            channel.send("released", session=session)
        elif data == "home":
            # The operator may have left meanwhile.
            with contextlib.suppress(ChannelClosed, SessionClosed):
                channel.send("home" if arm.home() else "stopped", session=session)

    @stop.message.connect(thread="stop")
    def on_stop(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        arm.stop()
        channel.send(f"standing still at {arm.position:.2f}", session=session)
        print(f"stopped at {arm.position:.2f}", flush=True)

    @producer.session_ended.connect(thread="stop")
    def on_end(producer: Producer, session: Session, error: Exception | None) -> None:
        # No operator is left to stop the arm.
        arm.stop()

    with contextlib.suppress(KeyboardInterrupt), producer:
        print(f"waiting for an operator at {producer.uri}", flush=True)
        while True:
            time.sleep(PERIOD)
            arm.tick()


if __name__ == "__main__":
    main()
