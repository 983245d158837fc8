"""Runs the soak: a producer and a consumer whose session is resumed, in this process; the others in processes of their own."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.soak import audience, robot
from benchmarks.soak.faults import Faults
from benchmarks.soak.messages import Account, Sender, account
from benchmarks.soak.scene import offsets_of, performing
from gst_signalling_sync import Producer, Retry, connect
from gst_signalling_sync.threads.loop_thread import LoopThread

__all__ = ["SoakResult", "run"]

_SAMPLE_SECONDS: Final = 5.0
_OFFSETS: Final = 20
_LEFT_SECONDS: Final = 5.0
_ARRIVAL_SECONDS: Final = 20.0
_QUICK: Final = Retry(maximum=1.5)


@dataclass(frozen=True)
class SoakResult:
    """The result of a soak.

    Attributes:
        seconds: Length of the soak.
        faults: Number of faults, by their names.
        visits: Number of sessions of the visitors that were opened and closed without an error.
        messages: The account of the messages to the robot.
        memory: Resident set size of this process in MiB, every five seconds.
        warm_up: Number of entries of `memory` that belong to the warm-up.
        left: Names of threads and targets of descriptors that were left when all was closed.
        recorded: Seconds of the recording from its first flash to its last one.
        offset_at_begin: Seconds by which the sound lags the video, the median of the first twenty flashes.
        offset_at_end: The same for the last twenty flashes.
    """

    seconds: float
    faults: dict[str, int]
    visits: int
    messages: Account
    memory: list[float]
    warm_up: int
    left: list[str]
    recorded: float
    offset_at_begin: float
    offset_at_end: float

    @property
    def growth(self) -> float:
        """MiB from the median of the first quarter after the warm-up to that of the last quarter."""
        after = self.memory[self.warm_up :]
        quarter = max(1, len(after) // 4)
        return median(after[-quarter:]) - median(after[:quarter])


def run(
    minutes: float, warm_up_minutes: float, fault_every: float | None, progress: Callable[[str], None]
) -> SoakResult:
    """Stream while consumers come and go, one consumer records, and a part breaks every few seconds.

    Args:
        minutes: Length of the soak.
        warm_up_minutes: Minutes of the soak before memory counts.
        fault_every: Seconds between two faults; None: nothing breaks.
        progress: Called with what happens.

    Returns:
        The result.

    Raises:
        ChildProcessError: Another process did not start or did not come back.
    """
    memory: list[float] = []
    # libuv keeps a pipe from its first loop to the end of the process.
    LoopThread("first").close()
    descriptors = _descriptors()
    with tempfile.TemporaryDirectory() as folder, Faults(Path(folder)) as faults:
        producer = Producer(faults.uri, name=audience.NAME, retry=_QUICK)
        with (
            producer,
            performing(producer.add_video(), producer.add_audio()),
            connect(faults.uri, name=robot.NAME, retry=_QUICK, resume=True, resend=True) as session,
        ):
            faults.begin_audience()
            sender = Sender(session.channel(robot.LABEL))
            with sender.running():
                _stream(faults, minutes * 60, fault_every, memory, progress)
            _wait_until_arrived(faults, len(sender.sent))
        messages = account(sender.sent, map(int, faults.orders.read_text().split()), faults.kills)
        visits = len(faults.visits.read_text().split())
        counts = dict(faults.counts)
        faults.end()
        left = _left(descriptors)
        progress("reading the recording")
        offsets = offsets_of(faults.recording)
    return SoakResult(
        seconds=minutes * 60,
        faults=counts,
        visits=visits,
        messages=messages,
        memory=memory,
        warm_up=round(warm_up_minutes * 60 / _SAMPLE_SECONDS),
        left=left,
        recorded=offsets[-1][0] - offsets[0][0],
        offset_at_begin=median(offset for _, offset in offsets[:_OFFSETS]),
        offset_at_end=median(offset for _, offset in offsets[-_OFFSETS:]),
    )


def _stream(
    faults: Faults, seconds: float, fault_every: float | None, memory: list[float], progress: Callable[[str], None]
) -> None:
    with faults.happening(fault_every):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            memory.append(_resident_mebibytes())
            if len(memory) % 12 == 1:
                progress(f"{left:.0f} s to go, {memory[-1]:.1f} MiB, {sum(faults.counts.values())} faults")
            time.sleep(min(left, _SAMPLE_SECONDS))


def _wait_until_arrived(faults: Faults, count: int) -> None:
    # The last message arrives last. If it does not arrive, the account reports it.
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while str(count - 1) not in faults.orders.read_text().split()[-100:] and time.monotonic() < deadline:
        time.sleep(0.05)


def _resident_mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _left(before: Counter[str]) -> list[str]:
    deadline = time.monotonic() + _LEFT_SECONDS
    while True:
        threads = [each.name for each in threading.enumerate() if each.name.startswith("gss-")]
        left = threads + list((_descriptors() - before).elements())
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _descriptors() -> Counter[str]:
    found: Counter[str] = Counter()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found[os.readlink(each).split(":")[0]] += 1
        except FileNotFoundError:
            # This is the descriptor of the listing itself.
            continue
    return found
