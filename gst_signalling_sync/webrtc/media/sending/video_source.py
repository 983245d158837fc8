"""`VideoSource`: written frames are sent to all sessions, encoded once per codec, or twice if their links differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....errors import MediaError
from ..codecs import DEFAULT_VIDEO
from .controlled_track import ControlledTrack
from .degradation import DegradationPreference
from .video_feed import VideoFeed
from .video_options import Bitrate

__all__ = ["VideoSource"]


class VideoSource(ControlledTrack):
    """A video track of a producer or consumer; made by their `add_video`. `write` may be called from any thread.

    Example:
        camera = robot.add_video(fps=30, bitrate=(300_000, 2_000_000), name="front")
        with robot:
            camera.write(np.zeros((480, 640, 3), np.uint8))

    Args:
        fps: Maximum frame rate, in frames per second. Frames that are written faster are left out. Defaults to 30.
        codecs: Some of ``"VP8"``, ``"H264"``, ``"VP9"`` and ``"AV1"``, the preferred one first. Each session gets the first one
            that its peer takes. Defaults to ``"VP8"`` and ``"H264"``, which need the least processor time.
        bitrate: Maximum in bit/s, or ``(minimum, maximum)``. Defaults to None: 0.08 bit per pixel and frame.
        degradation: What is reduced if a link is too thin for the frames, see `Producer.add_video`. Defaults to ``"balanced"``.
        name: Name by which the peer knows the track, see `Producer.add_video`. Defaults to None: no name.
        encoder: ``"software"``; ``"auto"``: hardware if it works; or FFmpeg's name of an encoder; see `Producer.add_video`.
            Defaults to None: software.

    Raises:
        ValueError: A codec, the encoder or the preference is unknown, a number is out of range, or the name is not that of a
            track.
    """

    def __init__(
        self,
        fps: float = 30,
        codecs: Sequence[str] = DEFAULT_VIDEO,
        bitrate: Bitrate = None,
        *,
        degradation: DegradationPreference = "balanced",
        name: str | None = None,
        encoder: str | None = None,
    ) -> None:
        self._feed: VideoFeed = VideoFeed(fps, codecs, bitrate, degradation=degradation, name=name, encoder=encoder)
        super().__init__(self._feed)

    @property
    def fps(self) -> float:
        """The maximum frame rate, in frames per second."""
        return self._feed.fps

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs that may be sent, the preferred one first: one with hardware, if `encoder` asks for it and it works."""
        return self._feed.codecs

    @property
    def frames_written(self) -> int:
        """Number of frames written."""
        return self._feed.frames_written

    @property
    def frames_encoded(self) -> int:
        """Number of frames encoded. It does not grow while no session takes the track.

        A repeated frame counts again, and so does one that is encoded in another codec, or again for slow links.
        """
        return self._feed.frames_encoded

    @property
    def frames_failed(self) -> int:
        """Number of frames that could not be converted or encoded, per codec in use. They are logged, at most every 10 s."""
        return self._feed.frames_failed

    @property
    def failure(self) -> Exception | None:
        """Why the newest frame could not be sent; None: nothing failed."""
        return self._feed.failure

    @property
    def encoders(self) -> dict[str, str]:
        """FFmpeg's names of the encoders in use by codec, such as ``{"H264": "h264_nvenc"}``; empty while no session takes it.

        Slow links may get frames that software has encoded, see `Session.stats`.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        return self._feed.encoders

    @property
    def encoder_failure(self) -> MediaError | None:
        """Why software encodes although hardware was asked for; None: hardware was not asked for, or it works."""
        return self._feed.encoder_failure

    @property
    def bitrate(self) -> int | None:
        """Target bitrate in bit/s, the highest of all encoders in use; None while no session takes the track.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        return self._feed.bitrate

    def write(self, array: Any, format: str = "bgr24", *, captured: float | None = None) -> None:
        """Send a frame to every session; returns at once. The frame is copied, so the array may be used again.

        Nothing is queued: if frames come faster than they are encoded, or than `fps`, the newest one is sent. If no frame is
        written, the last one is repeated every second, and whenever a receiver needs a keyframe.

        Args:
            array: uint8 of shape ``(height, width, 3)`` for bgr24 and rgb24, ``(height, width)`` for gray8,
                ``(height * 3 / 2, width)`` for yuv420p; or an `av.VideoFrame`, whose ``pts`` is ignored. The size may change
                at any time. H264 has even sides: an odd last row or column is left out.
            format: ``"bgr24"``, ``"rgb24"``, ``"gray8"`` or ``"yuv420p"``; ignored for an `av.VideoFrame`. Defaults to
                ``"bgr24"``.
            captured: Capture time in seconds, from `time.monotonic`. Receivers keep video in sync with audio by it. Defaults to
                now.

        Raises:
            TypeError: `array` is neither an array of uint8 nor an `av.VideoFrame`.
            ValueError: The format is unknown, the shape is not the format's, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.write(array, format, captured=captured)
