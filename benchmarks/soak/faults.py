"""`Faults`: breaks the parts of the soak one after another, and lets each come back."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from benchmarks.processes import Process, free_port, running
from benchmarks.tcp_relay import TcpRelay

__all__ = ["Child", "Faults"]

_START_SECONDS: Final = 30.0
_SERVER_AWAY_SECONDS: Final = 1.0
_FROZEN_SECONDS: Final = 2.5


class Child:
    """A process that can be killed and started again with the same arguments.

    Args:
        arguments: The interpreter's. The process prints a line when it is ready.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._stack = ExitStack()
        self._process: Process | None = None

    def start(self) -> str:
        """Start the process.

        Returns:
            The line that it printed.
        """
        self._process = self._stack.enter_context(running([sys.executable, *self._arguments]))
        return self._process.read_line(_START_SECONDS)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process by SIGKILL, so that its peers are told nothing."""
        self.send_signal(signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Ask the process to end, and wait until it has."""
        self._stack.close()


class Faults:
    """A signalling server, a relay to it, and the processes that use it. Each is broken in turn.

    Args:
        folder: The folder for the processes' files.
    """

    def __init__(self, folder: Path) -> None:
        self.orders = folder / "orders.txt"
        """The messages that the robots wrote down."""
        self.visits = folder / "visits.txt"
        """A line for each session of the visitors that was opened and closed without an error."""
        self.recording = folder / "soak.mkv"
        self.counts: Counter[str] = Counter()
        """Number of faults so far, by their names."""
        self.kills: list[float] = []
        """When a robot was killed, by `time.monotonic`, in seconds."""
        self._stack = ExitStack()
        # The port is fixed, so that the server comes back at the same address.
        self._server = Child("-m", "benchmarks.embedded_server", str(free_port()))
        self._robot: Child | None = None
        self._visitors: Child | None = None
        self._relay: TcpRelay | None = None

    @property
    def uri(self) -> str:
        """The server's, through the relay."""
        assert self._relay is not None
        return self._relay.uri

    def __enter__(self) -> Self:
        self._stack.callback(self._server.end)
        uri = self._server.start()
        self._relay = self._stack.enter_context(TcpRelay(uri))
        self._robot = self._begin("robot", uri, str(self.orders))
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all processes that still run, in order; idempotent."""
        self._stack.close()

    def begin_audience(self) -> None:
        """Begin the recording and the visitors' sessions. The producer must be there."""
        assert self._relay is not None
        self._begin("audience", "recorder", self._relay.server_uri, str(self.recording))
        self._visitors = self._begin("audience", "visitors", self._relay.server_uri, str(self.visits))

    @contextmanager
    def happening(self, every: float | None) -> Iterator[None]:
        """Break one part after another, and let it come back, until the block ends.

        Args:
            every: Seconds between two faults; None: nothing breaks.

        Raises:
            ChildProcessError: A part did not come back.
        """
        if every is None:
            yield
            return
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            happening = pool.submit(self._happen, every, stop)
            try:
                yield
            finally:
                stop.set()
        happening.result()

    def _happen(self, every: float, stop: threading.Event) -> None:
        due = time.monotonic()
        for name, fault in self._in_turn():
            due += every
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            fault()
            self.counts[name] += 1

    def _in_turn(self) -> Iterator[tuple[str, Callable[[], None]]]:
        faults: Sequence[tuple[str, Callable[[], None]]] = (
            ("server killed", self._kill_server),
            ("robot killed", self._kill_robot),
            ("signalling cut", self._cut),
            ("robot frozen", self._freeze_robot),
            ("consumers killed", self._kill_visitors),
        )
        return itertools.cycle(faults)

    def _kill_server(self) -> None:
        self._server.kill()
        time.sleep(_SERVER_AWAY_SECONDS)
        self._server.start()

    def _kill_robot(self) -> None:
        assert self._robot is not None
        self.kills.append(time.monotonic())
        self._robot.kill()
        self._robot.start()

    def _cut(self) -> None:
        assert self._relay is not None
        self._relay.cut()

    def _freeze_robot(self) -> None:
        assert self._robot is not None
        self._robot.send_signal(signal.SIGSTOP)
        time.sleep(_FROZEN_SECONDS)
        self._robot.send_signal(signal.SIGCONT)

    def _kill_visitors(self) -> None:
        assert self._visitors is not None
        self._visitors.kill()
        self._visitors.start()

    def _begin(self, module: str, *arguments: str) -> Child:
        child = Child("-m", f"benchmarks.soak.{module}", *arguments)
        self._stack.callback(child.end)
        child.start()
        return child
