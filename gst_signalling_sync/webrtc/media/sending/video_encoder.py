"""`VideoEncoder`: encodes frames to access units. Each is used by one thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import Any, Final, NamedTuple

import av
from av.video.frame import PictureType

from ....errors import MediaError
from ..codecs import VIDEO
from ..codecs.codec import SendForm
from ..encoded_frame import VIDEO_CLOCK_RATE, EncodedFrame
from ..encoders import SOFTWARE
from ..encoders.kind import EncoderKind, EncoderSettings, OpenEncoder, RateChange
from ..ffmpeg_in_children import keep_in_child

__all__ = ["VideoEncoder", "default_bitrate"]

logger = logging.getLogger(__name__)

_BITS_PER_PIXEL: Final = 0.08
"""Bits per pixel of a moving scene in good quality, by a rule of thumb for either codec."""

_MIN_DEFAULT: Final = 100_000

_FOLLOWED: Final = (0.5, 4.0)
"""Range of bitrates that an open codec follows, as multiples of the one it was opened with. Its buffer keeps its size in bits:
below the range it would let too long bursts through, above it would hardly allow frames of different sizes."""

_SMALL_CHANGE: Final = 0.2
"""Change of the bitrate, as a part of it, for which a keyframe that comes anyway does not open the codec again; and change of
the frame rate that is not worth a keyframe."""


def default_bitrate(width: int, height: int, fps: float) -> int:
    """The bitrate of a source without limits.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        fps: Frames per second.

    Returns:
        The bitrate in bit/s: 0.08 bit per pixel and frame.
    """
    return max(_MIN_DEFAULT, round(width * height * fps * _BITS_PER_PIXEL))


class _Held(NamedTuple):
    pts: int
    timestamp: int
    time: float


class VideoEncoder:
    """Encodes the frames of one source in one codec, in real time: it skips no frame, and software holds none back.

    Changes of the bitrate and of the frame rate cost no keyframe if the encoder `follows` them. FFmpeg does not pass a new
    bitrate to libvpx, but libvpx gives each frame a share of the bitrate by its duration. So libvpx gets a longer duration for
    a higher bitrate, and a shorter one for a lower bitrate. libx264 gets the bitrate. An encoder is opened again, which begins
    with a keyframe, if the size of the frames changes, or if the bitrate changes by more than the encoder follows.

    The output of hardware is parsed: keyframes get their parameter sets, and a stream of a profile that was not negotiated is
    refused.

    Args:
        form: Form of the codec.
        kind: The encoder. Defaults to software.
    """

    def __init__(self, form: SendForm, kind: EncoderKind = SOFTWARE) -> None:
        keep_in_child(self)
        self._codec = VIDEO[form.codec]
        self._form = form
        self._kind = kind
        self._reader = self._codec.unit_reader() if kind.is_hardware else None
        self._rate_change = kind.rate_change(self._codec)
        self._encoder: OpenEncoder | None = None
        # The settings that it was opened with or got since.
        self._size = (0, 0)
        self._bitrate = 0
        self._fps = self._opened_fps = 0.0
        self._next = 0
        self._held: deque[_Held] = deque()
        self.openings = 0

    def encode(
        self, frame: av.VideoFrame, timestamp: int, time: float, bitrate: int, fps: float, keyframe: bool
    ) -> list[EncodedFrame]:
        """Encode a frame.

        Args:
            frame: A frame in yuv420p; its `pict_type` is overwritten.
            timestamp: RTP timestamp in ticks of `VIDEO_CLOCK_RATE`, higher than the last one.
            time: Capture time, for the result.
            bitrate: Bitrate from here on, in bit/s.
            fps: Frames per second among which it is shared.
            keyframe: Whether this frame must be a keyframe.

        Returns:
            The access units that are ready: of software, that of this frame; of hardware, possibly those of earlier frames, or
            none.

        Raises:
            av.FFmpegError: The encoder failed; `restart` it before the next frame.
            ValueError: This PyAV lacks the encoder.
            MediaError: Its output cannot be sent.
        """
        frame = self._kind.fitted(self._codec, frame)
        encoder = self._prepared((frame.width, frame.height), bitrate, fps, keyframe)
        # With the true times, libvpx doubles the bits of frames for a second after a frame was left out.
        frame.pts = self._next
        frame.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        frame.duration = self._pass_on(encoder, bitrate, fps)
        self._held.append(_Held(self._next, timestamp, time))
        self._next += frame.duration
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = encoder.encode(frame)
        return [made for _, together in groupby(packets, lambda each: each.pts) for made in self._made(list(together))]

    def restart(self) -> None:
        """Begin again, with a keyframe, because a frame was lost to which the next ones refer."""
        self._encoder = None
        self._held.clear()

    @property
    def follows(self) -> bool:
        """Whether changes of the bitrate, within wide limits, and of the frame rate cost no keyframe."""
        return self._rate_change is RateChange.FREE

    def _made(self, packets: list[av.Packet[Any]]) -> Iterator[EncodedFrame]:
        """The frames to send from the packets of one frame."""
        data = b"".join(map(bytes, packets))
        keyframe = any(packet.is_keyframe for packet in packets)
        if self._reader is not None and data:
            unit = self._reader.read(data)
            if unit is not None and not self._codec.is_promised(unit.format):
                raise MediaError(
                    f"it makes {self._codec.name} of profile {unit.format.profile}, which was not negotiated"
                )
            data, keyframe = (b"", False) if unit is None else (unit.data, unit.keyframe)
        if not data or not self._held:
            return
        held = self._held.popleft()
        while self._held and held.pts < (packets[0].pts or 0):
            held = self._held.popleft()
        yield EncodedFrame(self._codec.name, data, held.timestamp, keyframe, held.time)

    def _prepared(self, size: tuple[int, int], bitrate: int, fps: float, keyframe: bool) -> OpenEncoder:
        """The encoder, opened again or given a new bitrate if needed."""
        is_near = self._is_near(bitrate, fps)
        if self._encoder is not None and size == self._size:
            if self._rate_change is RateChange.IN_PLACE:
                if not is_near:
                    self._bitrate, self._fps = bitrate, fps
                    # It continues to share the bitrate among the frame rate that it was opened for.
                    self._kind.set_bitrate(self._encoder, self._codec, round(bitrate * self._opened_fps / fps))
                return self._encoder
            if is_near and not (keyframe and abs(bitrate - self._bitrate) > _SMALL_CHANGE * self._bitrate):
                return self._encoder
        self._size, self._bitrate, self._fps, self._opened_fps = size, bitrate, fps, fps
        # The old encoder is closed first: some devices have room for one only.
        self.restart()
        self._encoder = self._kind.open(EncoderSettings(self._codec, size, fps, bitrate, dict(self._form.options)))
        self.openings += 1
        logger.debug("%s: %dx%d, %d bit/s", self._kind.name_for(self._codec), *size, bitrate)
        return self._encoder

    def _is_near(self, bitrate: int, fps: float) -> bool:
        if not self.follows:
            return bitrate == self._bitrate and abs(fps - self._fps) <= _SMALL_CHANGE * self._fps
        lowest, highest = _FOLLOWED
        return lowest * self._bitrate <= bitrate <= highest * self._bitrate

    def _pass_on(self, encoder: OpenEncoder, bitrate: int, fps: float) -> int:
        """Give the next frame its share of the bitrate; return the duration in ticks that the codec is told."""
        duration = VIDEO_CLOCK_RATE / self._fps
        part = bitrate / fps / (self._bitrate / self._fps)
        if self._kind.follows_durations(self._codec):
            return max(1, round(duration * part))
        if self.follows:
            self._kind.set_bitrate(encoder, self._codec, round(self._bitrate * part))
        return round(duration)
