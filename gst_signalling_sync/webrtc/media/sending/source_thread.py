"""`SourceThread`: the thread on which a source encodes, while any session takes its track."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ....threads.waiting import Deadline

__all__ = ["PAUSE_SECONDS", "SourceThread"]

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""Pause after an unexpected exception, so that one that recurs costs little."""


class SourceThread:
    """One thread at a time. A session that leaves and comes back while the thread is busy uses the same thread.

    Two threads at once would mix their output, and a receiver would get the last frame of one after the first of the other.
    `ensure` and `leave` are called with the source's lock held.

    Args:
        name: Name of the thread, without the prefix ``gss-``.
    """

    def __init__(self, name: str) -> None:
        self._name = f"gss-{name}"
        self._thread: threading.Thread | None = None
        self._is_running = False

    @property
    def is_running(self) -> bool:
        """Whether it runs, busy or waiting."""
        return self._is_running

    def ensure(self, main: Callable[[], None]) -> None:
        """Start the thread, unless it runs.

        Args:
            main: The thread's function, which runs until it has called `leave`. It is called again after an exception, which is
                logged: without the thread, the source would look alive and send nothing.
        """
        if self._is_running:
            return
        thread = threading.Thread(target=self._run, args=(main, self._thread), name=self._name, daemon=True)
        thread.start()
        self._thread = thread
        self._is_running = True

    def leave(self) -> None:
        """Record that no session is left; on the thread, which ends now."""
        self._is_running = False

    def join(self, deadline: Deadline) -> bool:
        """Wait until the thread has ended; on a caller's thread.

        Returns:
            Whether it has ended.
        """
        thread = self._thread
        if thread is None:
            return True
        thread.join(deadline.remaining())
        return not thread.is_alive()

    def _run(self, main: Callable[[], None], previous: threading.Thread | None) -> None:
        if previous is not None:
            # It is about to return; so a wait for this thread is a wait for both.
            previous.join()
        while True:
            try:
                return main()
            except Exception:
                logger.exception("%s: internal error; it goes on in %g s", self._name, PAUSE_SECONDS)
                time.sleep(PAUSE_SECONDS)
