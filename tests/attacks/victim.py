"""The server under attack, and what an honest peer and the robot beside it notice."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from ..raw_peer import RawPeer
from .helper_process import Helper
from .pace import Pace

__all__ = ["Victim"]

LATE_SECONDS = 0.010
"""How late the robot's 100 Hz loop may be at p99."""

LIST_SECONDS = 0.1
"""How long an honest peer may wait for the list at p99."""

QUESTION_SECONDS = 0.02
"""From one of its questions to the next."""


class Robot(Helper):
    """A robot's process, with a 100 Hz loop and an embedded server.

    Args:
        limits: Those of the server, and ``descriptors``; a rate is a list of two numbers. None: no server.
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
        """How long an honest peer waited for a list, each time; sorted.

        It is a list of nobody, as reading a long one takes the peer itself some time.

        Args:
            honest: Asks.
            times: How often. From 50 on the limit of its own rate holds it up, unless it asks at most ten times a second.
            pause: From one question to the next, in seconds.
        """
        waited, pace = [], Pace(pause)
        for _ in range(times):
            pace.wait()
            begin = time.monotonic()
            assert honest.request("listConsumers") == {"type": "listConsumers", "consumers": []}
            waited.append(time.monotonic() - begin)
        return sorted(waited)


class Victim(Robot):
    """A robot whose server is attacked, and one without a server, which shows what the machine alone does to a loop."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(limits)
        self._other = Robot(None)

    def assert_nobody_notices(self, honest: RawPeer, questions: int = 60, pause: float = QUESTION_SECONDS) -> None:
        """Ask for the list again and again; neither that nor the robot's loop may be late at p99.

        Args:
            honest: Asks.
            questions: How often.
            pause: From one question to the next, in seconds.
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
    """The smallest value that so many percent do not exceed.

    Args:
        ranked: Sorted values.
        percent: 0..100.
    """
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]
