"""The media that a peer has received, as arrays for a test's assertions."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from ..helpers.media import frequency_of
from .gst_pipelines import AUDIO_FILE, FRAME_FILES, RATE
from .peer_process import PeerProcess

__all__ = ["Frame", "Received", "Samples", "SavedMedia"]

Frame = NDArray[np.uint8]
Samples = NDArray[np.int16]

_END_OF_PNG: Final = b"IEND\xae\x42\x60\x82"
_POLL_SECONDS: Final = 0.02
_SECONDS_TO_ANALYSE: Final = 0.3


class Received(ABC):
    """The frames and the sound that have arrived at a peer, with the same interface for each kind of peer."""

    @abstractmethod
    def frame(self) -> Frame | None:
        """The newest frame: ``(height, width, 3) uint8`` BGR; None: no frame has arrived yet."""

    @abstractmethod
    def samples(self, seconds: float) -> Samples | None:
        """The newest sound: ``(samples, 1) int16`` at 48 kHz; None: less than `seconds` has arrived."""

    @abstractmethod
    def codec(self, kind: str, timeout: float = 45.0) -> str:
        """Wait for a track, and return its codec.

        Args:
            kind: ``"video"`` or ``"audio"``.
            timeout: Seconds. Defaults to 45.

        Returns:
            ``"VP8"``, ``"H264"``, ``"VP9"``, ``"OPUS"``.
        """

    @abstractmethod
    def describe(self) -> str:
        """What helps to understand why nothing came, for error messages."""

    def wait_for_frame(self, recognise: Callable[[Frame], Any] = lambda frame: True, timeout: float = 45.0) -> Frame:
        """Wait until the newest frame meets a condition.

        Args:
            recognise: The condition. Defaults to any frame.
            timeout: Seconds. Defaults to 45.

        Returns:
            The frame: ``(height, width, 3) uint8`` BGR.

        Raises:
            TimeoutError: No frame met the condition in time.
        """
        last: Frame | None = None
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            frame = self.frame()
            if frame is not None and recognise(frame):
                return frame
            last = last if frame is None else frame
            time.sleep(_POLL_SECONDS)
        seen = "no frame at all" if last is None else f"the last is {last.shape}, on average {last.mean((0, 1))}"
        raise TimeoutError(f"not the expected frame within {timeout:g} s; {seen}; {self.describe()}")

    def wait_for_tone(self, frequency: float, tolerance: float = 5.0, timeout: float = 45.0) -> float:
        """Wait until the newest sound is a tone.

        Args:
            frequency: Frequency of the tone in Hz.
            tolerance: Maximum difference in Hz. Defaults to 5.
            timeout: Seconds. Defaults to 45.

        Returns:
            The frequency that was heard, in Hz.

        Raises:
            TimeoutError: The tone was not heard in time.
        """
        heard: float | None = None
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            samples = self.samples(_SECONDS_TO_ANALYSE)
            if samples is not None:
                heard = frequency_of(samples, RATE)
                if abs(heard - frequency) <= tolerance:
                    return heard
            time.sleep(_POLL_SECONDS)
        last = "no sound at all" if heard is None else f"the last was {heard:g} Hz"
        raise TimeoutError(f"no tone of {frequency:g} Hz within {timeout:g} s; {last}; {self.describe()}")


class SavedMedia(Received):
    """The media that a GStreamer peer writes to files, by `gst_pipelines.saving_branches`.

    Args:
        directory: The directory of the files.
        process: The peer, for its event ``track``.
    """

    def __init__(self, directory: Path, process: PeerProcess) -> None:
        self._directory = directory
        self._process = process
        self._codecs: dict[str, str] = {}

    def frame(self) -> Frame | None:
        for path in sorted(self._directory.glob(FRAME_FILES), reverse=True):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                # Only the newest files are kept.
                return None
            # The newest file may be incomplete.
            if content.endswith(_END_OF_PNG):
                return _decode_png(content)
        return None

    def samples(self, seconds: float) -> Samples | None:
        samples = self.all_samples()
        count = round(seconds * RATE)
        return samples[-count:] if len(samples) >= count else None

    def all_samples(self) -> Samples:
        """All sound since the beginning: ``(samples, 1) int16`` at 48 kHz."""
        try:
            content = (self._directory / AUDIO_FILE).read_bytes()
        except FileNotFoundError:
            content = b""
        return np.frombuffer(content[: len(content) // 2 * 2], np.dtype("<i2")).reshape(-1, 1)

    def codec(self, kind: str, timeout: float = 45.0) -> str:
        if kind not in self._codecs:
            self._codecs[kind] = self._process.wait_for("track", timeout, kind=kind)["codec"]
        return self._codecs[kind]

    def describe(self) -> str:
        files = len(list(self._directory.iterdir()))
        return f"{files} files; {self._process.describe()}"


def _decode_png(content: bytes) -> Frame:
    with av.open(io.BytesIO(content), "r", format="png_pipe") as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)
