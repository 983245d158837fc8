"""`choose_encoder`: chooses the encoder for the argument ``encoder`` of a source, and proves that a hardware encoder works.

An encoder that FFmpeg was built with may not work on this machine. So each is tried when the source is made: its first frames
are decoded and compared with the input.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from ....errors import MediaError
from ....threads.waiting import Deadline
from ..codecs import VIDEO
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..encoders import HardwareKind, listed_encoders
from ..frame_conversion import to_yuv420p
from ..receiving.video_decoder import VideoDecoder
from .encoder_thread import EncoderStuck, EncoderThread
from .video_encoder import VideoEncoder, default_bitrate

__all__ = ["EncoderChoice", "choose_encoder", "give_up", "given_up", "is_given_up", "prove", "why"]

logger = logging.getLogger(__name__)

_AUTO: Final = "auto"
_SOFTWARE_NAME: Final = "software"

_PROOF_SECONDS: Final = 3.0
"""Maximum time for the first frame, in which a driver loads what it needs."""

_CLOSE_SECONDS: Final = 1.0

_PROOF_SIZE: Final = (640, 480)
_PROOF_FPS: Final = 30
_PROOF_FRAMES: Final = 8
_GRID: Final = (16, 12)
_MAX_DIFFERENCE: Final = 24.0
"""Maximum difference between the means of the parts of a frame, of 255: real-time encoders blur details but keep their
place."""

given_up: Final[set[str]] = set()
"""Encoders whose driver did not return once: each further try would leave another thread behind."""


def is_given_up(name: str) -> bool:
    """Whether the driver of an encoder failed to return once in this process, so that it is not called again."""
    return name in given_up


def give_up(name: str) -> None:
    """Record that the driver of an encoder has not returned."""
    given_up.add(name)


@dataclass(frozen=True)
class EncoderChoice:
    """The encoders of a source.

    Attributes:
        codecs: Codecs of the source, those with a hardware encoder first.
        kinds: Hardware encoders by codec.
        failure: Why software is used although hardware was asked for; None: hardware was not asked for, or it works.
    """

    codecs: tuple[str, ...]
    kinds: dict[str, HardwareKind] = field(default_factory=dict)
    failure: MediaError | None = None


def choose_encoder(encoder: str | None, codecs: Sequence[str]) -> EncoderChoice:
    """Find the encoders of a source; takes up to some seconds if hardware is asked for.

    Args:
        encoder: None or ``"software"``; ``"auto"``: the first hardware encoder that works, if any; or FFmpeg's name of an
            encoder.
        codecs: Codecs of the source, the preferred one first.

    Raises:
        ValueError: This PyAV has no such encoder, or it encodes in none of `codecs`.
    """
    if encoder is None or encoder == _SOFTWARE_NAME:
        return EncoderChoice(tuple(codecs))
    listed = listed_encoders()
    if encoder == _AUTO:
        candidates = {name: entry for name, entry in listed.items() if entry[0] in codecs}
    else:
        candidates = {encoder: _named(encoder, listed, codecs)}
    kinds: dict[str, HardwareKind] = {}
    reasons: dict[str, str] = {}
    for name, (codec, kind) in candidates.items():
        if codec in kinds:
            continue
        try:
            prove(codec, kind)
        except Exception as error:  # noqa: BLE001 - reported; a driver may fail in any way
            reasons[name] = why(error)
        else:
            kinds[codec] = kind
    ordered = (*(each for each in codecs if each in kinds), *(each for each in codecs if each not in kinds))
    if kinds:
        logger.info("encoder=%r: %s", encoder, ", ".join(kind.name_for(VIDEO[name]) for name, kind in kinds.items()))
        return EncoderChoice(ordered, kinds)
    failure = MediaError(_no_hardware(encoder, reasons, candidates))
    logger.warning("%s; frames are encoded by software", failure)
    return EncoderChoice(ordered, failure=failure)


def _named(
    encoder: str, listed: dict[str, tuple[str, HardwareKind]], codecs: Sequence[str]
) -> tuple[str, HardwareKind]:
    if encoder not in listed:
        names = ", ".join(map(repr, (_SOFTWARE_NAME, _AUTO, *listed)))
        raise ValueError(f"encoder must be one of {names}, which this PyAV has, not {encoder!r}")
    codec, kind = listed[encoder]
    if codec not in codecs:
        raise ValueError(
            f"codecs must contain {codec!r} for encoder={encoder!r}, not only {', '.join(map(repr, codecs))}"
        )
    return codec, kind


def _no_hardware(encoder: str, reasons: dict[str, str], candidates: dict[str, tuple[str, HardwareKind]]) -> str:
    if not candidates:
        return f"encoder={encoder!r}: this PyAV has no encoder in hardware for these codecs"
    if len(candidates) == 1:
        ((name, reason),) = reasons.items()
        return f"{name} does not work: {reason}. It needs {candidates[name][1].needs}"
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return f"encoder={encoder!r}: no encoder in hardware works ({told})"


def why(error: Exception) -> str:
    """The reason of an error, for one line of the log."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, av.FFmpegError) and error.args and "avcodec_open2" in str(error):
        return f"it cannot be opened ({reason})"
    return str(reason)


def prove(codec: str, kind: HardwareKind) -> None:
    """Have an encoder encode frames, and compare its first one with the input.

    Args:
        codec: The codec.
        kind: The encoder.

    Raises:
        Exception: Any failure of the driver.
    """
    name = kind.name_for(VIDEO[codec])
    if is_given_up(name):
        raise EncoderStuck("its driver did not return before, in this process")
    thread = EncoderThread()
    encoders: list[VideoEncoder] = []

    def encode() -> None:
        encoder = VideoEncoder(VIDEO[codec].send_form({"packetization-mode": "1"}), kind)
        encoders.append(encoder)
        frame = _frame_with_edges()
        for number in range(_PROOF_FRAMES):
            made = encoder.encode(
                to_yuv420p(frame, VideoReformatter()),
                number * VIDEO_CLOCK_RATE // _PROOF_FPS,
                time.monotonic(),
                default_bitrate(*_PROOF_SIZE, _PROOF_FPS),
                _PROOF_FPS,
                number == 0,
            )
            if made:
                _compare(made[0], frame)
                return
        raise ValueError(f"it returned nothing for {_PROOF_FRAMES} frames")

    def close() -> None:
        for each in encoders:
            each.restart()

    try:
        thread.call(encode, _PROOF_SECONDS)
    except EncoderStuck:
        give_up(name)
        raise
    finally:
        # The device is released on the thread that opened it, before another encoder needs it.
        thread.end(close)
        if not is_given_up(name):
            thread.join(Deadline(_CLOSE_SECONDS))


def _frame_with_edges() -> av.VideoFrame:
    """A frame that differs from itself if its rows are shifted."""
    width, height = _PROOF_SIZE
    rows, columns = np.mgrid[0:height, 0:width]
    luma = 64 + 128 * ((rows // 120 + columns // 160) % 2)
    return av.VideoFrame.from_ndarray(np.repeat(luma[:, :, np.newaxis], 3, axis=2).astype(np.uint8), "bgr24")


def _compare(made: EncodedFrame, given: av.VideoFrame) -> None:
    if not made.keyframe:
        raise ValueError("its first frame is not a keyframe")
    frames = VideoDecoder().decode(made)
    if not frames:
        return
    difference = float(np.mean(np.abs(_means(frames[-1]) - _means(given))))
    if difference > _MAX_DIFFERENCE:
        raise ValueError("its first frame does not show what it was given")


def _means(frame: av.VideoFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    small = frame.reformat(*_GRID, format="gray", interpolation="AREA", threads=1)
    return small.to_ndarray().astype(np.float64)
