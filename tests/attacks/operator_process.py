"""An operator's program: a session with the producer "robot", and the gaps in what it receives.

Its argument is the server's URI. It prints a line when it is connected. For each line of its standard input it prints, as JSON,
the longest gap between two messages and between two frames since the last time, in seconds. It ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from gst_signalling_sync import DataChannel, Session, connect
from gst_signalling_sync.errors import SignallingError


class Gaps:
    """The longest gap between events; used on two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._longest = 0.0
        self._count = 0

    def note(self) -> None:
        with self._lock:
            self._extend()
            self._last = time.monotonic()
            self._count += 1

    def take(self) -> dict[str, float]:
        """The longest gap since the last call, including one that has not ended, and the number of events."""
        with self._lock:
            self._extend()
            taken = {"gap": self._longest, "count": self._count}
            self._longest, self._count = 0.0, 0
            return taken

    def _extend(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._last)


def main() -> None:
    messages, frames = Gaps(), Gaps()
    with connect(sys.argv[1], name="robot") as session:

        @session.channel("state").message.connect
        def note(channel: DataChannel, data: str | bytes) -> None:
            messages.note()

        threading.Thread(target=watch, args=(session, frames), daemon=True).start()
        print("connected", flush=True)
        for _ in sys.stdin:
            print(json.dumps({"messages": messages.take(), "frames": frames.take()}), flush=True)


def watch(session: Session, frames: Gaps) -> None:
    while session.is_open:
        try:
            session.video.read(timeout=1)
        except SignallingError:
            continue
        frames.note()


if __name__ == "__main__":
    main()
