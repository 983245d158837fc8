"""`Player`: plays a file, a camera or a stream to a producer or consumer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ....errors import MediaError
from ..frame_conversion import check_size
from ..sending.audio_source import AudioSource
from ..sending.encoded_audio_source import EncodedAudioSource
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_options import check_fps
from ..sending.video_source import VideoSource
from .media_input import Location, Wish
from .player_thread import PlayerThread

__all__ = ["Player", "thread_of"]

REMOVE_SECONDS: Final = 5.0
"""Default timeout of `Player.remove` in seconds: what FFmpeg may wait for a camera that has fallen silent."""


class Player:
    """Plays a file, a camera or a stream to a producer or consumer; made by their `add_player`.

    Every method may be called from any thread. A file plays in real time, by the ``pts`` of its frames and audio; its last
    frame stays at the end. A camera, or a URL without an end, is shown as it comes, the newest frame first.

    The constructor opens the input, and the producer or consumer plays it from its beginning when it starts; until then it
    stays open, so a pipe such as ``pipe:0``, the standard input, loses nothing. An input from the network is opened again if it
    had to wait for more than 5 s, as its server may have hung up. A producer or consumer that is closed and started again opens
    the input again; a pipe then continues with what its writer writes next.

    Example:
        film = robot.add_player("film.mp4")
        with robot:
            film.wait()  # until it has ended

    Args:
        path: A file, a camera such as ``/dev/video0``, or a URL: whatever FFmpeg opens.
        loop: Whether a file begins again at its end, without a gap, and a camera or stream that breaks off is opened again,
            every second. Defaults to False.
        name: Name of both tracks, see `Producer.add_video`. Defaults to None: no name.
        format: FFmpeg's name of the input format, such as ``"mjpeg"``. Defaults to None: FFmpeg recognizes it.
        options: Options of the input format, by FFmpeg's names, such as ``{"rtsp_transport": "udp"}``. Defaults to None: no
            options; RTSP uses TCP if the camera has it.
        pass_through: Whether H264 or VP8 video without B-frames, and Opus audio, are sent unchanged, see `EncodedVideoSource`.
            False: all is encoded, and its bitrate follows the links. Defaults to True.
        size: Width and height in pixels of the video that is sent. A device is asked for this size; video of another size is
            scaled, and therefore encoded. Defaults to None: the input's size.
        fps: Maximum frame rate, in frames per second. A device is asked for it; of an input with a higher rate, frames are left
            out, and the others encoded. Defaults to None: the input's rate, at most 60.
        encoder: Encoder of video that is encoded, as in `VideoSource`. Defaults to None: software.

    Raises:
        MediaError: The input cannot be opened, or has neither video nor audio that can be decoded.
        TypeError: `path` is not a path, or an option is not a string.
        ValueError: The name is not that of a track, the size or frame rate is out of range, or the encoder is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        loop: bool = False,
        *,
        name: str | None = None,
        format: str | None = None,
        options: Mapping[str, str] | None = None,
        pass_through: bool = True,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        encoder: str | None = None,
    ) -> None:
        check_size(size)
        if fps is not None:
            check_fps(fps)
        wish = Wish(size, fps)
        location = Location.of(path, format, options, wish)
        self._thread = PlayerThread(location, loop, name=name, pass_through=pass_through, wish=wish, encoder=encoder)

    def __repr__(self) -> str:
        return repr(self._thread)

    @property
    def sources(self) -> list[VideoSource | EncodedVideoSource | AudioSource | EncodedAudioSource]:
        """The sources that it writes to: one of video, one of audio, or both in this order."""
        return self._thread.sources

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._thread.playing

    @property
    def ended(self) -> bool:
        """Whether it has played to the end or broken off; see `error`."""
        return self._thread.ended

    @property
    def error(self) -> MediaError | None:
        """Why it broke off; None: it did not."""
        return self._thread.error

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has played to the end or was closed.

        Args:
            timeout: Seconds. Defaults to None: no timeout.

        Raises:
            WaitTimeout: It still plays, or was not started.
            MediaError: It broke off.
            RuntimeError: The player was inherited by `fork`.
        """
        self._thread.wait(timeout)

    def remove(self, timeout: float = REMOVE_SECONDS) -> None:
        """Remove its tracks from every session, as `VideoSource.remove`, and release the file or device; idempotent.

        Args:
            timeout: Seconds to wait for FFmpeg, as when the producer or consumer is closed. Defaults to 5.

        Raises:
            RuntimeError: The player was inherited by `fork`.
        """
        self._thread.remove(timeout)


def thread_of(player: Player) -> PlayerThread:
    """What plays the input, behind a player that users hold."""
    return player._thread
