"""The server under attack, and its effect on an honest peer and on the robot that embeds it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from ..helpers.raw_peer import RawPeer
from .helper_process import Helper
from .pace import Pace

__all__ = ["Victim"]

LATE_SECONDS = 0.010
"""Maximum lateness of the robot's 100 Hz loop at p99, in seconds."""

LIST_SECONDS = 0.1
"""Maximum that an honest peer waits for the list at p99, in seconds."""

QUESTION_SECONDS = 0.02
"""Seconds between two of its requests."""


class Robot(Helper):
    """A robot's process, with a 100 Hz loop and an embedded server.

    Args:
        limits: The server's limits, and ``descriptors``; a rate is a list of two numbers. None: no server.
    """

    def __init__(self, limits: dict[str, Any] | None) -> None:
        super().__init__("robot_process", json.dumps(limits))
        self.port = int(self.first_line)

    @property
    def uri(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def list_seconds(self, honest: RawPeer, times: int, pause: float = QUESTION_SECONDS) -> list[float]:
        """How long an honest peer waited for a list, for each request, sorted.

        The list is empty, because reading a long one takes the peer itself some time.

        Args:
            honest: The peer that asks.
            times: Number of requests. From 50 on the peer's rate limit delays it, unless it asks at most ten times a second.
            pause: Seconds between two requests.
        """
        waited, pace = [], Pace(pause)
        for _ in range(times):
            pace.wait()
            begin = time.monotonic()
            assert honest.request("listConsumers") == {"type": "listConsumers", "consumers": []}
            waited.append(time.monotonic() - begin)
        return sorted(waited)


class Victim(Robot):
    """A robot whose server is attacked, and a robot without a server, which shows the machine's own effect on a loop."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(limits)
        self._other = Robot(None)

    def assert_nobody_notices(self, honest: RawPeer, questions: int = 60, pause: float = QUESTION_SECONDS) -> None:
        """Ask for the list repeatedly. Neither the answers nor the robot's loop may be late at p99.

        Args:
            honest: The peer that asks.
            questions: Number of requests.
            pause: Seconds between two requests.
        """
        self.tell()
        self._other.tell()
        waited = self.list_seconds(honest, questions, pause)
        late, machine = self.tell()["late"], self._other.tell()["late"][-1]

        told = f"longest waits for a list: {waited[-3:]} s, the robot late by {late[-3:]} s, the machine by {machine} s"
        assert percentile(waited, 99) < LIST_SECONDS + machine, told
        assert percentile(late, 99) < LATE_SECONDS + machine, told

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._other.__exit__(kind, error, traceback)
        super().__exit__(kind, error, traceback)


def percentile(ranked: list[float], percent: float) -> float:
    """The smallest value that a percentage of the values does not exceed.

    Args:
        ranked: The values, sorted.
        percent: 0 to 100.
    """
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]
