"""The other processes of the soak: one that records all of it, and consumers that come and go.

Run as ``python -m benchmarks.soak.audience recorder|visitors URI [FILE]``; ends when its standard input does.
"""

from __future__ import annotations

import random
import sys
import threading
from typing import Final

from gst_signalling_sync import Consumer, connect

_VISITORS: Final = 3
_LONGEST_STAY_FRAMES: Final = 150


def record(uri: str, path: str) -> None:
    """Record until the standard input ends."""
    with connect(uri, name="soak") as session, session.record(path):
        print("recording", flush=True)
        sys.stdin.read()


def visit(uri: str) -> None:
    """Have sessions that begin and end every few seconds until the standard input ends."""
    stop = threading.Event()
    visits = [0] * _VISITORS
    threads = [threading.Thread(target=_visit_again, args=(uri, number, visits, stop)) for number in range(_VISITORS)]
    for thread in threads:
        thread.start()
    print("visiting", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(sum(visits), flush=True)


def _visit_again(uri: str, number: int, visits: list[int], stop: threading.Event) -> None:
    chance = random.Random(number)
    with Consumer(uri) as consumer:
        while not stop.is_set():
            with consumer.start_session(name="soak") as session:
                for _ in range(chance.randrange(1, _LONGEST_STAY_FRAMES)):
                    session.video.read()
                    if stop.is_set():
                        break
                session.audio.read(960)
            visits[number] += 1


if __name__ == "__main__":
    if sys.argv[1] == "recorder":
        record(*sys.argv[2:4])
    else:
        visit(sys.argv[2])
