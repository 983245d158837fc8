"""The media client of reachy_mini's programs, with the same names, on this library instead of GStreamer.

    media = ReachyMiniMedia(signaling_host="reachy-mini.local")
    media.open()
    frame = media.read()

``python examples/reachy_mini_media.py [HOST]`` reads frames until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import sys

import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync import Consumer, Session, WaitTimeout


class ReachyMiniMedia:
    """A robot's video, sound and speaker. Only `open` and `close` block for more than 20 ms."""

    SAMPLE_RATE, CHANNELS = 16000, 2

    def __init__(self, peer_id: str = "", signaling_host: str = "127.0.0.1", signaling_port: int = 8443) -> None:
        self._peer_id = peer_id or None
        self._consumer = Consumer(host=signaling_host, port=signaling_port)
        self._speaker = self._consumer.add_audio(self.SAMPLE_RATE, self.CHANNELS, low_delay=True)
        self._session: Session | None = None
        self.resolution = (1280, 720)

    def open(self) -> None:
        """Connect. A session that is lost is started again."""
        self._session = self._consumer.start().start_session(self._peer_id, resume=True)

    def close(self) -> None:
        """End the session and disconnect."""
        self._consumer.close()

    def read(self) -> NDArray[np.uint8] | None:
        """The newest frame in BGR, of the size `resolution`; None: no frame came within 20 ms."""
        try:
            return self._session.video.read(timeout=0.02, size=self.resolution) if self._session else None
        except WaitTimeout:
            return None

    def get_audio_sample(self) -> NDArray[np.float32] | None:
        """The sound that has come since the last call, ``(samples, 2)``; None: no sound has come."""
        if self._session is None:
            return None
        samples = self._session.audio.read_available(rate=self.SAMPLE_RATE, channels=self.CHANNELS, dtype="float32")
        return samples if len(samples) else None

    def push_audio_sample(self, data: NDArray[np.float32]) -> None:
        """Have the robot play sound of the shape ``(samples,)`` or ``(samples, 2)``."""
        self._speaker.write(data)

    def clear_player(self) -> None:
        """Drop the sound that the robot has not played yet."""
        self._speaker.clear()


if __name__ == "__main__":
    media = ReachyMiniMedia(signaling_host=(*sys.argv, "127.0.0.1")[1])
    media.open()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            if (frame := media.read()) is not None:
                print(f"a frame of {frame.shape}", flush=True)
    media.close()
