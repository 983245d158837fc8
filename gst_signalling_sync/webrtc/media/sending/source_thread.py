"""`SourceThread`: the thread in which a source encodes, for as long as anybody takes what it makes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ....threads.waiting import Deadline

__all__ = ["SourceThread"]

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 1.0
"""After an exception that escaped from what the thread does, so that one that comes again and again costs little."""


class SourceThread:
    """One thread at a time: who leaves and comes back while it is at work finds it still there.

    Two at once would mix what they encode, and a receiver would get the last frame of the one after the first of the other.
    `ensure` and `leave` are called with the source's lock held.

    Args:
        name: Of the thread; ``gss-`` is put before it.
    """

    def __init__(self, name: str) -> None:
        self._name = f"gss-{name}"
        self._thread: threading.Thread | None = None
        self._is_running = False

    @property
    def is_running(self) -> bool:
        """Whether it is at work, or waits for some."""
        return self._is_running

    def ensure(self, main: Callable[[], None]) -> None:
        """Start it, unless it runs.

        Args:
            main: What it does, until it has called `leave`. It is called again after an exception, which is logged: a thread
                that is gone would leave a source that looks alive and sends nothing.
        """
        if self._is_running:
            return
        thread = threading.Thread(target=self._run, args=(main, self._thread), name=self._name, daemon=True)
        thread.start()
        self._thread = thread
        self._is_running = True

    def leave(self) -> None:
        """Take note that nobody is there to work for; on the thread, which ends now."""
        self._is_running = False

    def join(self, deadline: Deadline) -> bool:
        """Wait until it has ended; on a caller's thread.

        Returns:
            Whether it has.
        """
        thread = self._thread
        if thread is None:
            return True
        thread.join(deadline.remaining())
        return not thread.is_alive()

    def _run(self, main: Callable[[], None], previous: threading.Thread | None) -> None:
        if previous is not None:
            # It is just about to return; then waiting for this one is waiting for both.
            previous.join()
        while True:
            try:
                return main()
            except Exception:
                logger.exception("%s: internal error; it goes on in %g s", self._name, _PAUSE_SECONDS)
                time.sleep(_PAUSE_SECONDS)
