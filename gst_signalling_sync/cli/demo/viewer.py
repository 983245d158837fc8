"""What the demo's consumers have in place of eyes and ears."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gst_signalling_sync

from ...errors import SessionClosed, SignallingError, WaitTimeout
from ...threads.interruptible import Event
from .picture import seconds_since
from .tone import RATE, frequency_of

if TYPE_CHECKING:
    from ... import Session

__all__ = ["Viewer"]

_LISTEN_SECONDS: Final = 0.25
_SAVE_SECONDS: Final = 3.0


class Viewer:
    """Watches and listens, in two threads, until the session ends.

    Args:
        session: Connected.
        timeout: Seconds that a picture, and sound, may take to come.
    """

    def __init__(self, session: Session, timeout: float) -> None:
        self._video = session.video
        self._audio = session.audio
        self._timeout = timeout
        self._has_seen = Event()
        # Guards what follows, which the threads write and `take` takes.
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._frames = 0
        self._tone: float | None = None
        self._error: SignallingError | None = None

    def start(self) -> None:
        """Begin."""
        for name, work in (("eyes", self._watch), ("ears", self._listen)):
            threading.Thread(target=self._run, args=(work,), name=f"demo-{name}", daemon=True).start()

    def take(self) -> dict[str, Any]:
        """What was seen and heard since the last call.

        Returns:
            The number of `frames`, so far; the `latencies` of those that are new, in seconds from drawing one to having it as
            an array; and the `tone` heard last in Hertz, None of silence.

        Raises:
            SignallingError: Nothing came in time, or it was not the demo's.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            latencies, self._latencies = self._latencies, []
            return {"frames": self._frames, "latencies": latencies, "tone": self._tone}

    def save(self, file: Path) -> None:
        """Keep the latest picture; wait for the first if there is none yet.

        Args:
            file: Where.

        Raises:
            WaitTimeout: None came.
            OSError: The file cannot be written.
        """
        self._has_seen.wait(_SAVE_SECONDS)
        picture = self._video.latest()
        if picture is None:
            raise WaitTimeout(f"no picture to keep as {file} came within {_SAVE_SECONDS:g} s")
        gst_signalling_sync.save_still(file, picture)

    def _watch(self) -> None:
        while True:
            picture = self._video.read("gray8", timeout=self._timeout)
            seconds = seconds_since(picture, time.monotonic())
            with self._lock:
                self._frames += 1
                self._has_seen.set()
                # One that was damaged on its way counts, but tells no time.
                if seconds is not None:
                    self._latencies.append(seconds)

    def _listen(self) -> None:
        while True:
            heard = frequency_of(self._audio.read(round(_LISTEN_SECONDS * RATE), timeout=self._timeout))
            with self._lock:
                self._tone = heard

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except SessionClosed:
            return
        except SignallingError as error:
            with self._lock:
                self._error = error
