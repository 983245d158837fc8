"""`Viewer`: the demo's consumer of video and sound, which measures both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gst_signalling_sync

from ... import SessionClosed, SignallingError, WaitTimeout
from .pattern import seconds_since
from .tone import RATE, frequency_of

if TYPE_CHECKING:
    from ... import Session

__all__ = ["Viewer"]

_LISTEN_SECONDS: Final = 0.25
_SAVE_SECONDS: Final = 3.0


class Viewer:
    """Reads video and sound, in two threads, until the session ends.

    Args:
        session: A connected session.
        timeout: Seconds that a frame, and sound, may take to come.
    """

    def __init__(self, session: Session, timeout: float) -> None:
        self._video = session.video
        self._audio = session.audio
        self._timeout = timeout
        self._has_seen = threading.Event()
        # Guards the following, which the threads write and `figures` reads.
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._frames = 0
        self._tone: float | None = None
        self._error: SignallingError | None = None

    def start(self) -> None:
        """Start both threads."""
        for name, work in (("eyes", self._watch), ("ears", self._listen)):
            threading.Thread(target=self._run, args=(work,), name=f"demo-{name}", daemon=True).start()

    def figures(self) -> dict[str, Any]:
        """The figures since the last call.

        Returns:
            `frames`: the number of frames so far; `latencies`: those of new frames, in seconds from drawing one to having it as
            an array; `tone`: the last frequency in hertz, None for silence.

        Raises:
            SignallingError: No frame or sound came in time.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            latencies, self._latencies = self._latencies, []
            return {"frames": self._frames, "latencies": latencies, "tone": self._tone}

    def save(self, file: Path) -> None:
        """Save the latest frame; wait for the first one if there is no frame yet.

        Args:
            file: The file to write.

        Raises:
            WaitTimeout: No frame came.
            OSError: The file cannot be written.
        """
        self._has_seen.wait(_SAVE_SECONDS)
        frame = self._video.latest()
        if frame is None:
            raise WaitTimeout(f"cannot save a frame as {file}: no frame came within {_SAVE_SECONDS:g} s")
        gst_signalling_sync.save_still(file, frame)

    def _watch(self) -> None:
        while True:
            frame = self._video.read("gray8", timeout=self._timeout)
            seconds = seconds_since(frame, time.monotonic())
            with self._lock:
                self._frames += 1
                self._has_seen.set()
                # A damaged frame counts, but its time is unreadable.
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
