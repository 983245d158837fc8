"""`Encoding`: decides which frames of one stream are encoded, at which bitrate, frame rate and size. No clock."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

import av
from av.video.reformatter import VideoReformatter

from ..encoded_frame import EncodedFrame
from ..frame_conversion import to_yuv420p
from .bitrate import BitrateSteps, SharedBitrate
from .cadence import Cadence
from .chosen_encoder import ChosenEncoder
from .degradation import Degradation, DegradationPreference, Plan
from .fan_out import Sink
from .frame_dropper import FrameDropper
from .keyframe_requests import KeyframeRequests
from .video_encoder import default_bitrate

__all__ = ["FRAME_TOLERANCE", "MIN_BITRATE", "Encoding", "Order", "lowest_bitrate"]

MIN_BITRATE: Final = 30_000
"""Minimum bitrate of a source, in bit/s."""

FRAME_TOLERANCE: Final = 1.02
"""Factor by which frames may come faster than the frame rate: no camera's clock is exact."""

_MIN_PART: Final = 16
_ANY_BITRATE: Final = 10**12


def lowest_bitrate(highest: int) -> int:
    """The minimum if only the maximum is given: a sixteenth of it; both in bit/s."""
    return max(MIN_BITRATE, highest // _MIN_PART)


@dataclass(frozen=True, slots=True)
class Order:
    """How a frame must be encoded.

    Attributes:
        bitrate: Bitrate in bit/s.
        plan: The frame's size, and the frame rate among whose frames the bitrate is shared.
        keyframe: Whether the frame must be a keyframe.
    """

    bitrate: int
    plan: Plan
    keyframe: bool


class Encoding:
    """One stream of a source's frames, for all links that take it.

    Attributes:
        receivers: Links that get its frames.
        joining: Links that get them from the next keyframe on that is ordered.

    Args:
        encoder: The encoder.
        degradation: What is reduced if the bitrate is too low, see `Degradation`.
        is_slow: Whether it is for a slow group of links. Defaults to False.
    """

    def __init__(self, encoder: ChosenEncoder, degradation: DegradationPreference, is_slow: bool = False) -> None:
        self.encoder = encoder
        self.keyframes = KeyframeRequests()
        # Without limits, since the size is not known yet.
        self.bitrate = SharedBitrate(1, _ANY_BITRATE, is_slow)
        self.has_limits = False
        self.receivers: set[Sink] = set()
        self.joining: set[Sink] = set()
        self._steps = BitrateSteps()
        self._degradation = Degradation(degradation)
        self._cadence = Cadence()
        self._dropper = FrameDropper()
        self._reformatter = VideoReformatter()
        # When the next frame may be encoded, if the frame rate is reduced.
        self._due = 0.0
        # Orders of frames that the encoder holds, by their timestamps.
        self._orders: dict[int, Order] = {}
        # Capture times of the newest input and output frame; that of a repeated frame does not change.
        self._newest_in: float | None = None
        self._newest_out: float | None = None

    @property
    def holds_back(self) -> bool:
        """Whether the encoder returns the newest frame only when it gets another one."""
        return self._newest_in != self._newest_out

    def waits(self, behind: AbstractSet[Sink]) -> bool:
        """Whether frames wait on all links, so that no more should come; `behind` are the links on which frames wait."""
        # A link that joins would otherwise stay with a stream that is too much for it.
        return not self.joining and self.receivers <= behind

    def order(self, size: tuple[int, int], fps: float, limits: tuple[int, int] | None, now: float) -> Order | None:
        """Decide how a frame is encoded.

        Args:
            size: Width and height in pixels.
            fps: Maximum frame rate of the source, in frames per second.
            limits: Minimum and maximum in bit/s. None: by the size and the frame rate.
            now: Seconds on any clock that does not jump.

        Returns:
            The order. None: the frame is left out.
        """
        if limits is None:
            highest = default_bitrate(*size, fps)
            limits = lowest_bitrate(highest), highest
        self.has_limits = True
        self.bitrate.set_limits(*limits)
        if self.joining:
            # Again with every frame: a keyframe that the encoder makes by itself satisfies requests, but nobody joins with it.
            self.keyframes.demand()
        bitrate = self.bitrate.target()
        if not self.encoder.follows:
            bitrate = self._steps.step(bitrate, now)
        keyframe = self.keyframes.is_due(now) and not any(order.keyframe for order in self._orders.values())
        plan = self._degradation.plan(size, fps, bitrate, now)
        interval = 1 / plan.fps / FRAME_TOLERANCE
        if plan.fps < fps and now < self._due - interval / 4 and not keyframe:
            return None
        self._due = max(self._due, now - interval) + interval
        # For a frame that is left out too: otherwise the others would get its bits.
        self._cadence.add(now)
        if self._dropper.must_drop(now) and not keyframe:
            return None
        return Order(bitrate, replace(plan, fps=self._cadence.fps(plan.fps)), keyframe)

    def encode(self, frame: av.VideoFrame, order: Order, timestamp: int, captured: float) -> list[EncodedFrame]:
        """Encode a frame.

        Args:
            frame: A frame in yuv420p, of any size.
            order: How to encode it.
            timestamp: RTP timestamp in ticks of 90 kHz, higher than the last one.
            captured: Capture time, for the result.

        Returns:
            The access units that are ready, of this frame or of earlier ones.

        Raises:
            av.FFmpegError: The encoder failed; `restart` it before the next frame.
        """
        plan = order.plan
        if plan.size != (frame.width, frame.height):
            frame = to_yuv420p(frame, self._reformatter, plan.size)
        self._orders[timestamp] = order
        self._newest_in = captured
        return self.encoder.encode(frame, timestamp, captured, order.bitrate, plan.fps, order.keyframe)

    def made(self, encoded: EncodedFrame, now: float) -> None:
        """Record a frame that the encoder returned.

        Args:
            encoded: The frame.
            now: Seconds on the clock of `order`.
        """
        self._newest_out = encoded.time
        order: Order | None = None
        for timestamp in [each for each in self._orders if each <= encoded.timestamp]:
            order = self._orders.pop(timestamp)
        if encoded.keyframe:
            self.keyframes.made(now)
        elif order is not None:
            self._dropper.encoded(8 * len(encoded.data), order.bitrate)
            self._degradation.encoded(8 * len(encoded.data), order.plan, order.bitrate, now)

    def restart(self) -> None:
        """Begin again, with a keyframe, because a frame was lost to which the next ones refer."""
        self._orders.clear()
        # A frame that failed is not encoded again until it is repeated.
        self._newest_in = self._newest_out
        self.encoder.restart()
