"""The audience of the soak: a process that records, and one whose consumers come and go.

Run as ``python -m benchmarks.soak.audience recorder|visitors URI FILE``. It ends with its standard input.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from typing import Final

from gst_signalling_sync import Consumer, connect

NAME: Final = "soak"

_VISITORS: Final = 3
_MAX_STAY_FRAMES: Final = 150
_PATIENCE_SECONDS: Final = 60.0


def record(uri: str, path: str) -> None:
    """Record until standard input ends."""
    with connect(uri, name=NAME) as session, session.record(path):
        print("recording", flush=True)
        sys.stdin.read()


def visit(uri: str, path: str) -> None:
    """Start and end a session every few seconds until standard input ends. Add a line to the file for each session."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stop = threading.Event()
    threads = [threading.Thread(target=_visit_again, args=(uri, log, stop)) for _ in range(_VISITORS)]
    for thread in threads:
        thread.start()
    print("visiting", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    os.close(log)


def _visit_again(uri: str, log: int, stop: threading.Event) -> None:
    chance = random.Random()
    with Consumer(uri, timeout=_PATIENCE_SECONDS) as consumer:
        while not stop.is_set():
            with consumer.start_session(name=NAME) as session:
                for _ in range(chance.randrange(1, _MAX_STAY_FRAMES)):
                    session.video.read()
                    if stop.is_set():
                        break
                session.audio.read(960)
            os.write(log, b"visit\n")


if __name__ == "__main__":
    {"recorder": record, "visitors": visit}[sys.argv[1]](*sys.argv[2:4])
