"""What the demo's producer has in place of a camera and a microphone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from .picture import MovingPicture
from .tone import RATE, Tone

if TYPE_CHECKING:
    from ... import Producer

__all__ = ["Camera"]

_FPS: Final = 30


class Camera:
    """Sends the moving picture and the tone to all sessions, from a thread of its own.

    Args:
        producer: Not started yet, so that every session gets both tracks.
        frequency: Of the tone, in Hertz.
        stop: Set when it is to end.
    """

    def __init__(self, producer: Producer, frequency: int, stop: threading.Event) -> None:
        self._video = producer.add_video(fps=_FPS)
        self._audio = producer.add_audio(rate=RATE)
        self._tone = Tone(frequency)
        self._stop = stop
        self._thread = threading.Thread(target=self._film, name="demo-camera", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _film(self) -> None:
        picture = MovingPicture()
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self._video.write(picture.draw(now))
            self._audio.write(self._tone.next(RATE // _FPS))
            # Not behind time by more than one interval, so that no burst makes up for a pause.
            due = max(due + 1 / _FPS, now)
