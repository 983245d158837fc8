"""`Camera`: the demo's camera and microphone, a moving test pattern and a tone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from .pattern import MovingPattern
from .tone import RATE, Tone

if TYPE_CHECKING:
    from ... import Producer

__all__ = ["Camera"]

_FPS: Final = 30


class Camera:
    """Sends the moving pattern and the tone to all sessions, from its own thread.

    Args:
        producer: Not started yet, so that every session gets both tracks.
        frequency: Of the tone, in hertz.
        stop: Set when the camera must stop.
    """

    def __init__(self, producer: Producer, frequency: int, stop: threading.Event) -> None:
        self._video = producer.add_video(fps=_FPS)
        self._audio = producer.add_audio(rate=RATE)
        self._tone = Tone(frequency)
        self._stop = stop
        self._thread = threading.Thread(target=self._film, name="demo-camera", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def _film(self) -> None:
        pattern = MovingPattern()
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self._video.write(pattern.draw(now))
            self._audio.write(self._tone.next(RATE // _FPS))
            # At most one interval late, so that no burst follows a pause.
            due = max(due + 1 / _FPS, now)
