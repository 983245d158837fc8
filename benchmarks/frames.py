"""The cost of one frame from an array to packets, step by step, in processor time of the thread that does it.

Processor time is measured because a busy machine delays each step, but hardly makes it cost more.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Final

from av.video.reformatter import VideoReformatter
from pylibsrtp import Policy, Session
from rich.console import Console
from rich.table import Table

from benchmarks.video.scene import Scene
from gst_signalling_sync.webrtc.media.codecs import DEFAULT_VIDEO, VIDEO
from gst_signalling_sync.webrtc.media.encoded_frame import VIDEO_CLOCK_RATE
from gst_signalling_sync.webrtc.media.frame_conversion import to_frame, to_yuv420p
from gst_signalling_sync.webrtc.media.sending.video_encoder import VideoEncoder, default_bitrate

__all__ = ["FramesResult", "print_frames", "run"]

SIZES: Final = ((640, 480), (1280, 720))
_FPS: Final = 30
_ARRAYS: Final = 30
_SETTLING: Final = 30
_SRTP_KEY_BYTES: Final = 30
_RTP_HEADER: Final = bytes([0x80, 97, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])


@dataclass
class FramesResult:
    """Processor time per frame in microseconds, by the frame's size and the step, for each round."""

    rounds: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, size: tuple[int, int], step: str, microseconds: float) -> None:
        """Add the result of a round."""
        self.rounds.setdefault(f"{size[0]}x{size[1]}", {}).setdefault(step, []).append(microseconds)

    def to_json(self) -> str:
        """All results as JSON."""
        return json.dumps(asdict(self))


def run(rounds: int, frames: int, progress: Callable[[str], None]) -> FramesResult:
    """Measure each step.

    Args:
        rounds: Number of rounds.
        frames: Number of frames that each step is measured with in a round.
        progress: Called with what is being measured.
    """
    result = FramesResult()
    for number, size in itertools.product(range(rounds), SIZES):
        progress(f"round {number + 1} of {rounds}: {size[0]}x{size[1]}")
        _measure(result, size, frames)
    return result


def print_frames(console: Console, result: FramesResult) -> None:
    """Print the medians."""
    table = Table("step", title="One frame from an array to packets: microseconds of a processor, medians")
    for size in result.rounds:
        table.add_column(size, justify="right")
    for step in next(iter(result.rounds.values())):
        table.add_row(step, *(f"{median(steps[step]):.0f}" for steps in result.rounds.values()))
    console.print(table)
    console.print(
        "An encoder gets 0.08 bits per pixel, on one thread. Encryption is that of libsrtp alone, for one consumer; of a frame"
        " for n consumers it is the only step that costs n times as much, with the headers and the system call for each packet."
    )


def _measure(result: FramesResult, size: tuple[int, int], frames: int) -> None:
    scene = Scene(*size, "bgr24")
    arrays = [scene.take().copy() for _ in range(_ARRAYS)]
    reformatter = VideoReformatter()
    result.add(size, "copy the array", _cost(lambda n: to_frame(arrays[n]), frames))
    written = [to_frame(array) for array in arrays]
    result.add(size, "convert it to yuv420p", _cost(lambda n: to_yuv420p(written[n], reformatter), frames))
    converted = [to_yuv420p(frame, VideoReformatter()) for frame in written]
    bitrate = default_bitrate(*size, _FPS)
    for codec in DEFAULT_VIDEO:
        form = VIDEO[codec].send_form({"packetization-mode": "1"})
        encoder, pack, timestamps = VideoEncoder(form), form.new_packer(), itertools.count(0, VIDEO_CLOCK_RATE // _FPS)
        encoded: list[bytes] = []

        def encode(number: int) -> None:
            made = encoder.encode(converted[number], next(timestamps), 0.0, bitrate, _FPS, False)  # noqa: B023
            encoded.extend(each.data for each in made)  # noqa: B023

        result.add(size, f"encode it in {codec}", _cost(encode, frames))
        sent = encoded[-_ARRAYS:]
        result.add(size, f"pack it, {codec}", _cost(lambda n: pack(sent[n]), frames))  # noqa: B023
        payloads = [pack(data) for data in sent]
        srtp = Session(Policy(bytes(_SRTP_KEY_BYTES), ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        numbers = itertools.count()

        def encrypt(number: int) -> None:
            for payload in payloads[number]:  # noqa: B023
                sequence = (next(numbers) & 0xFFFF).to_bytes(2, "big")  # noqa: B023
                srtp.protect(_RTP_HEADER[:2] + sequence + _RTP_HEADER[4:] + payload)  # noqa: B023

        result.add(size, f"encrypt it, {codec}", _cost(encrypt, frames))


def _cost(step: Callable[[int], object], frames: int) -> float:
    """Microseconds per frame that a step takes on this thread and on the threads that work for it."""
    for number in range(_SETTLING):
        step(number % _ARRAYS)
    started = time.process_time()
    for number in range(frames):
        step(number % _ARRAYS)
    return (time.process_time() - started) / frames * 1e6
