"""`EncodedVideoSource`: frames that were encoded elsewhere are sent unchanged to all sessions that take them."""

from __future__ import annotations

from ....signals import Signal
from .controlled_track import ControlledTrack
from .encoded_video_feed import EncodedVideoFeed

__all__ = ["EncodedVideoSource"]


class EncodedVideoSource(ControlledTrack):
    """A video track of a producer or consumer whose frames are already encoded; made by their `add_encoded_video`.

    ::

        video = producer.add_encoded_video("H264")


        @video.keyframe_wanted.connect
        def on_keyframe_wanted(source):
            encoder.force_keyframe()


        for access_unit in encoder:
            video.write(access_unit)

    A session gets the frames unchanged if its receiver takes the codec and, of H264, the profile. For other sessions they are
    decoded and encoded again, in VP8 or H264, while there are such sessions. This needs the processor time of `add_video`.

    If no receiver of `keyframe_wanted` is connected, a consumer that comes between two keyframes gets all frames since the last
    keyframe at once, as fast as its link allows.

    Signals:
        keyframe_wanted(source): A consumer has come or has lost frames, so the next frame should be a keyframe. The signal is
            repeated every second until a keyframe is written. Requests that come while a receiver runs are merged into one.
        bitrate_wanted(source, bits_per_second): The bitrate that the links carry has changed. A lower one is announced at once,
            a higher one at most once a second.

    Args:
        codec: ``"H264"`` or ``"VP8"``.
        fps: Maximum frame rate, in frames per second, by which the bitrate is judged. Defaults to 30.
        name: Name by which the peer knows the track, see `Producer.add_video`. Defaults to None: no name.
        encoder: Encoder for the sessions that cannot take the frames unchanged, as in `VideoSource`. Defaults to None:
            software.

    Raises:
        ValueError: The codec cannot be sent unchanged, the encoder is unknown, a number is out of range, or the name is not
            that of a track.
    """

    def __init__(self, codec: str, fps: float = 30, *, name: str | None = None, encoder: str | None = None) -> None:
        self._feed: EncodedVideoFeed = EncodedVideoFeed(codec, fps, name=name, encoder=encoder)
        super().__init__(self._feed)
        self.keyframe_wanted = Signal("The next frame should be a keyframe: ``(source)``.")
        self.bitrate_wanted = Signal("The links bear another bitrate: ``(source, bits_per_second)``.")

    @property
    def codec(self) -> str:
        """The codec of the frames."""
        return self._feed.codec

    @property
    def fps(self) -> float:
        """The maximum frame rate, in frames per second."""
        return self._feed.fps

    @property
    def frames_written(self) -> int:
        """Number of access units written."""
        return self._feed.frames_written

    @property
    def frames_encoded(self) -> int:
        """Number of frames that could be sent: those from the first keyframe on."""
        return self._feed.frames_encoded

    @property
    def frames_failed(self) -> int:
        """Number of times that receivers waited 3 s for a keyframe, plus frames that could not be decoded or encoded again."""
        return self._feed.frames_failed

    @property
    def failure(self) -> Exception | None:
        """Why receivers get no frames: a `MediaError` if no keyframe comes. None: nothing failed."""
        return self._feed.failure

    def write(self, access_unit: bytes, captured: float | None = None) -> None:
        """Send a frame to every session; returns at once.

        Parameter sets of H264 may come in an access unit of their own or with any keyframe: they are repeated with each
        keyframe. Frames before the first keyframe are left out, since no receiver can decode them.

        Args:
            access_unit: One encoded frame. Of H264: all its NAL units in the Annex B format (with start codes), and no B-frame.
                Of VP8: the frame.
            captured: Capture time in seconds, from `time.monotonic`. Receivers keep video in sync with audio by it. Defaults to
                now.

        Raises:
            TypeError: `access_unit` is not bytes-like.
            MediaError: It is not an access unit of the codec, is a B-frame, or is a keyframe without parameter sets. It is left
                out; the next ones may still be written.
            ValueError: `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.write(access_unit, captured)
