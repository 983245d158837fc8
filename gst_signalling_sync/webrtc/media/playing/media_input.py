"""`MediaInput`: an input that FFmpeg opens for a user's path: a file, a camera, or a stream from the network."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import av
from av.audio.stream import AudioStream
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ....errors import MediaError
from ..ffmpeg_in_children import keep_in_child
from .pipe_input import PipeInput

__all__ = ["OPEN_SECONDS", "READ_SECONDS", "Location", "MediaInput", "Span", "Wish"]

logger = logging.getLogger(__name__)

OPEN_SECONDS: Final = 10.0
"""Maximum time in seconds in which a camera or a server must begin."""

READ_SECONDS: Final = 5.0
"""Maximum silence of a stream in seconds, after which it has broken off; so a read can outlast `Player.close` by this."""

_MAX_ERRORS: Final = 100
"""Consecutive damaged packets after which an input is given up."""

_TAGS: Final[dict[str, Any]] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Lets a file play even if a tag is not UTF-8; PyAV 19 and newer need no option for that."""

_TEXT_FORMATS: Final = ("tty", "bin")
"""FFmpeg takes any file with the name of a text file for an image made of characters."""

_RTSP_CHOICES: Final = ("rtsp_transport", "rtsp_flags")
_RTSP_DEFAULTS: Final = {"rtsp_flags": "prefer_tcp"}

_CAPTURE_FORMATS: Final = ("avfoundation", "dshow", "gdigrab", "v4l2", "x11grab")
"""Formats of devices and screens, which can be asked for a size and a frame rate."""

_SEGMENTED_FORMATS: Final = ("hls", "dash")
"""Formats of streams that have no end, but bring seconds at a time."""

_ADVICE: Final = {
    errno.ENOENT: "check the path",
    errno.EACCES: "allow this user to read it; for a camera, by the group video",
    errno.EBUSY: "end the other program that uses it",
    errno.EISDIR: "name a file in it",
    errno.ECONNREFUSED: "check the address, and that a server runs there",
    errno.EIO: "the device or the connection is gone",
    errno.ETIMEDOUT: "check the address, and that it is sending",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The wanted properties of video, whatever the input has.

    Attributes:
        size: Width and height in pixels; None: as in the input.
        fps: Maximum frame rate, in frames per second; None: as in the input.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None

    @property
    def options(self) -> dict[str, str]:
        """The options for a device, by FFmpeg's names."""
        options = {}
        if self.size is not None:
            options["video_size"] = "{}x{}".format(*self.size)
        if self.fps is not None:
            options["framerate"] = f"{self.fps:g}"
        return options


_AS_IT_IS: Final = Wish()


@dataclass(frozen=True, slots=True)
class Location:
    """The location of media.

    Attributes:
        url: URL for FFmpeg.
        format: FFmpeg's name of the input format; None: recognized by its content.
        is_file: Whether it is a regular file, which is read without waiting.
        is_remote: Whether it is on the network.
        name: Name for messages, without a password.
        pipe: Path or descriptor of a pipe; None: it is not a pipe.
        options: Options of the input format, by FFmpeg's names.
    """

    url: str
    format: str | None
    is_file: bool
    is_remote: bool
    name: str
    pipe: str | int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        format: str | None = None,
        options: Mapping[str, str] | None = None,
        wish: Wish = _AS_IT_IS,
    ) -> Self:
        """Distinguish a file, a camera and a URL.

        Args:
            path: Path of a file or a camera, or a URL.
            format: FFmpeg's name of the input format. Defaults to None: recognized by its content.
            options: Options of the input format, by FFmpeg's names. Defaults to None: no options.
            wish: Wanted properties, for which a device is asked unless the options say otherwise. Defaults to none.

        Raises:
            TypeError: `path` is not a path, or an option is not a string.
            MediaError: There is no such file.
        """
        text = os.fspath(path)
        if not isinstance(text, str):
            raise TypeError(f"path must be a str or an os.PathLike of one, not {type(text).__name__}")
        given = dict(options or {})
        if not all(isinstance(each, str) for pair in given.items() for each in pair):
            raise TypeError(f"options must have strings as names and values, as FFmpeg takes them, not {options!r}")
        # Packets lost over UDP would be missing in a stream that is passed on, so UDP must be asked for.
        if text.startswith(("rtsp:", "rtsps:")) and given.keys().isdisjoint(_RTSP_CHOICES):
            given = {**_RTSP_DEFAULTS, **given}
        if format in _CAPTURE_FORMATS:
            given = {**wish.options, **given}
        try:
            mode = os.stat(text.removeprefix("file:")).st_mode
        except (OSError, ValueError) as error:
            # FFmpeg opens names that are in no directory: URLs, and numbered images.
            if "\0" in text or not re.match(r"[A-Za-z][\w+.-]+:|[^%]*%\d*d", text):
                raise MediaError(f"cannot open {text!r}: {_reason(error)}") from None
            if pipe := re.fullmatch(r"pipe:(\d{0,9})", text):
                return cls(text, format, False, False, text, int(pipe[1] or 0), given)
            name = re.sub(r"(?<=://)[^/@]*@", "", text)
            return cls(text, format, False, "://" in text, name, None, given)
        if stat.S_ISCHR(mode):
            return cls(text, format or "v4l2", False, False, text, None, {**wish.options, **given})
        file = text.removeprefix("file:")
        # Without the prefix, FFmpeg would take a name with a colon for a URL.
        pipe_path = file if stat.S_ISFIFO(mode) else None
        return cls(f"file:{file}", format, stat.S_ISREG(mode), False, text, pipe_path, given)


@dataclass(frozen=True, slots=True)
class Span:
    """The range of an input's timestamps, as the input declares it.

    Attributes:
        begin: First timestamp in seconds; None: unknown.
        seconds: Duration in seconds; 0: unknown.
    """

    begin: float | None
    seconds: float


class MediaInput:
    """The video and audio of a file, a camera or a stream. Used by one thread at a time.

    Attributes:
        video: The video stream; None: there is none.
        audio: The audio stream; None: there is none.
        is_live: Whether its frames come when they happen, without an end.
        begin: First timestamp in seconds; None: unknown.

    Args:
        location: Location of the media.
        stop: When set, ends the reading of a pipe. Defaults to None.

    Raises:
        MediaError: The input cannot be opened, or has neither video nor audio that can be decoded.
    """

    def __init__(self, location: Location, stop: threading.Event | None = None) -> None:
        keep_in_child(self)
        self._location = location
        self._pipe: PipeInput | None = None
        # A pipe may be silent for as long as its writer likes.
        timeout = None if location.is_file or location.pipe is not None else (OPEN_SECONDS, READ_SECONDS)
        try:
            if location.pipe is not None:
                self._pipe = PipeInput(location.pipe, stop or threading.Event())
            self._container = av.open(
                self._pipe or location.url, "r", location.format, dict(location.options), timeout=timeout, **_TAGS
            )
        except (av.FFmpegError, ValueError, OSError) as error:
            if self._pipe is not None:
                self._pipe.close()
            raise MediaError(f"cannot open {location.name}: {_reason(error)}") from None
        streams = self._container.streams
        self.video = next((stream for stream in streams.video if _is_playable(stream)), None)
        self.audio = next((stream for stream in streams.audio if _is_playable(stream)), None)
        format_name = self._container.format.name
        if format_name in _TEXT_FORMATS or (self.video is None and self.audio is None):
            described = self._describe_streams()
            self.close()
            raise MediaError(
                f"cannot play {location.name}: it has neither video nor audio that can be decoded here; {described}"
            )
        self.is_live = (
            not location.is_file and self._container.duration is None and format_name not in _SEGMENTED_FORMATS
        )
        begin = self._container.start_time
        self.span = Span(
            None if begin is None else begin / av.time_base, (self._container.duration or 0) / av.time_base
        )

    def packets(self) -> Iterator[av.Packet[Stream]]:
        """Yield the packets of both streams in order, and at the end an empty packet for each stream.

        Raises:
            MediaError: The input broke off.
        """
        streams = [stream for stream in (self.video, self.audio) if stream is not None]
        errors = 0
        while True:
            try:
                for packet in self._container.demux(streams):
                    yield packet
                    errors = 0
                return
            except IndexError:
                # At the end, PyAV fails on streams that appeared on the way, after the empty packets of the known ones.
                return
            except av.FFmpegError as error:
                errors += 1
                if not isinstance(error, av.InvalidDataError) or errors > _MAX_ERRORS:
                    raise MediaError(f"{self._location.name} broke off: {_reason(error)}") from None
                logger.warning("%s: skipped data that cannot be read: %s", self._location.name, error.strerror)

    def close(self) -> None:
        """Release the file, the device or the pipe; idempotent."""
        self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def _describe_streams(self) -> str:
        if self._container.format.name in _TEXT_FORMATS:
            return "FFmpeg takes it for text"
        described = [
            f"{stream.type} ({stream.codec_context.name if stream.codec_context else 'unknown codec'})"
            for stream in self._container.streams
        ]
        return f"it has {', '.join(described) or 'nothing'}"


def _is_playable(stream: VideoStream | AudioStream) -> bool:
    # Contrary to the type stubs, it is None if there is no decoder.
    if stream.codec_context is None or stream.disposition & Disposition.attached_pic:
        return False
    if isinstance(stream, VideoStream):
        return stream.codec_context.width > 0 and stream.codec_context.height > 0
    return stream.codec_context.sample_rate > 0


def _reason(error: Exception) -> str:
    """The message of FFmpeg or the system, and what to do."""
    if isinstance(error, av.ExitError):
        return f"nothing came in time; {_ADVICE[errno.ETIMEDOUT]}"
    number = getattr(error, "errno", None)
    said = getattr(error, "strerror", None) or str(error)
    if isinstance(error, av.InvalidDataError | av.EOFError):
        return f"{said}: it is damaged, or of no format that FFmpeg knows"
    if number in _ADVICE:
        return f"{said}; {_ADVICE[number]}"
    return said
