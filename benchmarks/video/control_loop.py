"""A robot's control loop at 500 Hz, in the producer's process: how late it is, and what the process costs meanwhile.

As a program (``python -m benchmarks.video.control_loop``) it runs alone in its process, which gives the floor.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from benchmarks.video.workload import ProducerMeasurement, Window, percentiles

__all__ = ["answer_windows"]

PERIOD: Final = 1 / 500
"""Seconds between two ticks."""


def answer_windows() -> None:
    """Run the loop on this thread during each window that standard input gives, and print its measurement.

    Returns when standard input ends.
    """
    for line in sys.stdin:
        print(_measure(Window.from_json(line)).to_json(), flush=True)


def _measure(window: Window) -> ProducerMeasurement:
    _sleep_until(window.start)
    started, process_before, loop_before = time.monotonic(), time.process_time(), time.thread_time()
    lateness = []
    deadline = window.start
    while deadline < window.end:
        _sleep_until(deadline)
        lateness.append(time.monotonic() - deadline)
        deadline += PERIOD
    loop_cpu = time.thread_time() - loop_before
    producer_cpu = time.process_time() - process_before - loop_cpu
    p50, p99 = percentiles(lateness)
    return ProducerMeasurement(
        cpu_cores=producer_cpu / (time.monotonic() - started),
        loop_p50_ms=p50 * 1e3,
        loop_p99_ms=p99 * 1e3,
        loop_max_ms=max(lateness) * 1e3,
    )


def _sleep_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        time.sleep(remaining)


if __name__ == "__main__":
    print("ready", flush=True)
    answer_windows()
