"""The producer's process: ``python -m benchmarks.pass_through.producer WAY INPUT URI``.

It prints ``ready``. It answers each window on its standard input with the processor time per second of the source alone, and of
the whole process.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Final

from benchmarks.pass_through.film import FPS, access_units
from benchmarks.video.workload import PRODUCER, Window
from gst_signalling_sync import Producer

__all__ = ["ENCODED", "FROM_MEMORY", "PASSED"]

PASSED: Final = "passed through"
ENCODED: Final = "encoded again"
FROM_MEMORY: Final = "from memory"

_LOOP: Final = "gss-webrtc"


def main(way: str, source: str, uri: str) -> None:
    """Stream until standard input ends."""
    producer = Producer(uri, name=PRODUCER)
    if way == FROM_MEMORY:
        video = producer.add_encoded_video("H264", FPS)
        units = access_units(Path(source))
        threading.Thread(target=_write_all, args=(video.write, units), name="writer", daemon=True).start()
    else:
        producer.add_player(source, loop=True, pass_through=way == PASSED)
    with producer:
        print("ready", flush=True)
        for line in sys.stdin:
            window = Window.from_json(line)
            time.sleep(max(0.0, window.start - time.monotonic()))
            began, before = time.monotonic(), _processor_times()
            time.sleep(max(0.0, window.end - began))
            after, seconds = _processor_times(), time.monotonic() - began
            print(json.dumps([(late - early) / seconds for early, late in zip(before, after, strict=True)]), flush=True)


def _write_all(write: object, units: list[bytes]) -> None:
    assert callable(write)
    due = time.monotonic()
    while True:
        for unit in units:
            time.sleep(max(0.0, due - time.monotonic()))
            write(unit)
            due += 1 / FPS


def _processor_times() -> tuple[float, float]:
    """Processor time in seconds of all threads but the loop, which sends, and of the whole process."""
    (loop,) = (each for each in threading.enumerate() if each.name == _LOOP)
    assert loop.ident is not None
    whole = time.process_time()
    return whole - time.clock_gettime(time.pthread_getcpuclockid(loop.ident)), whole


if __name__ == "__main__":
    main(*sys.argv[1:])
