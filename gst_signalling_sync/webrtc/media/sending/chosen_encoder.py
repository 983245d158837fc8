"""`ChosenEncoder`: encodes by hardware while that works, and by software from then on, without a frozen frame.

The driver is called on a thread of its own, because it may never return. The source's thread waits for it for a limited time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import av

from ....errors import MediaError
from ..codecs import VIDEO
from ..codecs.codec import SendForm
from ..encoded_frame import EncodedFrame
from ..encoders import SOFTWARE, EncoderKind, HardwareKind
from ..encoders.check import EncoderCheck
from .encoder_choice import give_up, is_given_up, why
from .encoder_thread import EncoderEnded, EncoderStuck, EncoderThread
from .video_encoder import VideoEncoder

__all__ = ["ChosenEncoder", "EncoderInUse"]

logger = logging.getLogger(__name__)

_CALL_SECONDS: Final = 0.8
"""Maximum time for a frame: the video is frozen meanwhile."""


_CLOGGED_AGAIN_SECONDS: Final = 10.0
"""An encoder that holds too many frames again this soon after it was opened again is too slow."""


class EncoderInUse(NamedTuple):
    """The encoder of a stream.

    Attributes:
        name: FFmpeg's name of the encoder.
        is_hardware: Whether it is hardware, which takes little processor time.
    """

    name: str
    is_hardware: bool


class _Fault(Exception):
    """An encoder breaks its contract."""


class ChosenEncoder:
    """The encoder of one form of a source's frames. Used by the source's thread; `close` by any thread.

    Args:
        form: Form of the codec.
        kind: Hardware to encode with. Defaults to None: software.
        thread: Thread on which hardware is called. Defaults to None: software.
        on_failure: Called once with the failure after which software takes over. Defaults to nothing.
    """

    def __init__(
        self,
        form: SendForm,
        kind: HardwareKind | None = None,
        thread: EncoderThread | None = None,
        on_failure: Callable[[MediaError], None] = lambda error: None,
    ) -> None:
        self._form = form
        self._codec = VIDEO[form.codec]
        self._on_failure = on_failure
        self._kind: EncoderKind = SOFTWARE
        self._thread: EncoderThread | None = None
        if kind is not None and thread is not None and kind.takes(form):
            self._kind, self._thread = kind, thread
        self._encoder = VideoEncoder(form, self._kind)
        self._check = EncoderCheck()
        self._size = (0, 0)
        self._begins_again = False
        self._cleared_at = float("-inf")

    @property
    def in_use(self) -> EncoderInUse:
        """The encoder in use."""
        return EncoderInUse(self._kind.name_for(self._codec), self._kind.is_hardware)

    @property
    def follows(self) -> bool:
        """See `VideoEncoder.follows`."""
        return self._encoder.follows

    def encode(
        self, frame: av.VideoFrame, timestamp: int, time: float, bitrate: int, fps: float, keyframe: bool
    ) -> list[EncodedFrame]:
        """Encode a frame; see `VideoEncoder.encode`.

        Raises:
            av.FFmpegError: Software failed; `restart` it before the next frame.
        """
        begins_again, self._begins_again = self._begins_again, False
        keyframe = keyframe or begins_again
        if self._thread is not None:
            try:
                return self._encode_in_hardware(self._thread, frame, timestamp, time, bitrate, fps, keyframe)
            except EncoderEnded:
                return []
            except Exception as error:  # noqa: BLE001 - reported; a driver may fail in any way
                self._fall_back(self._thread, error)
        elif begins_again:
            self._encoder.restart()
        return self._encoder.encode(frame, timestamp, time, bitrate, fps, keyframe)

    def restart(self) -> None:
        """Begin again, with a keyframe, because a frame was lost to which the next ones refer."""
        self._begins_again = True

    def close(self) -> None:
        """Release the device, soon; on any thread."""
        if self._thread is not None:
            self._thread.end(self._encoder.restart)

    def _encode_in_hardware(
        self,
        thread: EncoderThread,
        frame: av.VideoFrame,
        timestamp: int,
        captured: float,
        bitrate: int,
        fps: float,
        keyframe: bool,
    ) -> list[EncodedFrame]:
        if is_given_up(self.in_use.name):
            raise EncoderStuck("its driver did not return before, in this process")
        encoder = self._encoder
        openings, size = encoder.openings, (frame.width, frame.height)

        def call() -> list[EncodedFrame]:
            return encoder.encode(frame, timestamp, captured, bitrate, fps, keyframe)

        made = thread.call(call, _CALL_SECONDS)
        if encoder.openings != openings:
            self._check.reopened(size != self._size)
            self._size = size
        self._check.put(timestamp, keyframe or encoder.openings != openings, bitrate / fps, time.monotonic())
        for each in made:
            self._check.came(each.timestamp, each.keyframe, 8 * len(each.data))
        now = time.monotonic()
        if self._check.is_clogged:
            if now - self._cleared_at < _CLOGGED_AGAIN_SECONDS:
                raise _Fault(f"it is too slow: it holds back {self._check.holds_back} frames again")
            self._cleared_at = now
            thread.call(encoder.restart, _CALL_SECONDS)
            logger.debug("%s is opened again, because it held back too many frames", self.in_use.name)
            return made
        fault = self._check.fault(now)
        if fault is not None:
            raise _Fault(fault)
        return made

    def _fall_back(self, thread: EncoderThread, error: Exception) -> None:
        name = self._kind.name_for(self._codec)
        if isinstance(error, EncoderStuck):
            give_up(name)
        thread.end(self._encoder.restart)
        self._kind, self._thread = SOFTWARE, None
        self._encoder = VideoEncoder(self._form)
        self._on_failure(MediaError(f"{name} failed: {why(error)}"))
