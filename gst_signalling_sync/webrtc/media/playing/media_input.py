"""`MediaInput`: what a user's path names, opened by FFmpeg: a file, a camera, or a stream from the network."""

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
"""How long a camera or a server may take to begin."""

READ_SECONDS: Final = 5.0
"""How long a stream may be silent before it counts as broken, hence how long a read can outlast `Player.close`."""

_MAX_ERRORS: Final = 100
"""Damaged packets in a row after which an input is given up."""

_TAGS: Final[dict[str, Any]] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Have a tag that is not UTF-8 not keep a file from being played; PyAV 19 and newer see to it themselves."""

_TEXT_FORMATS: Final = ("tty", "bin")
"""FFmpeg takes any file that is named like a text for an image made of letters."""

_RTSP_CHOICES: Final = ("rtsp_transport", "rtsp_flags")
_RTSP_DEFAULTS: Final = {"rtsp_flags": "prefer_tcp"}

_CAPTURE_FORMATS: Final = ("avfoundation", "dshow", "gdigrab", "v4l2", "x11grab")
"""What reads devices and screens, and can be asked for a size and a frame rate."""

_SEGMENTED_FORMATS: Final = ("hls", "dash")
"""These have no end, and yet they bring seconds at a time."""

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
    """How video is to be shown, however the input has it.

    Attributes:
        size: Width and height in pixels; None: as it is.
        fps: Frames per second at the most; None: as many as there are.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None

    @property
    def options(self) -> dict[str, str]:
        """What a device is asked for, by FFmpeg's names."""
        options = {}
        if self.size is not None:
            options["video_size"] = "{}x{}".format(*self.size)
        if self.fps is not None:
            options["framerate"] = f"{self.fps:g}"
        return options


_AS_IT_IS: Final = Wish()


@dataclass(frozen=True, slots=True)
class Location:
    """Where media are.

    Attributes:
        url: For FFmpeg.
        format: FFmpeg's name of what reads it; None: by its content.
        is_file: Whether it is a regular file, which is read without waiting.
        is_remote: Whether it is at an address on the network.
        name: For messages: without a password.
        pipe: The path or the descriptor of a pipe; None: it is none.
        options: Of what reads it, by FFmpeg's names.
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
        """Tell a file from a camera and from a URL.

        Args:
            path: Of a file or a camera, or a URL.
            format: FFmpeg's name of what reads it. None: by its content.
            options: Of that, by FFmpeg's names. None: none.
            wish: What a device is asked for where the options do not say it.

        Raises:
            TypeError: It is no path, or the options are no strings.
            MediaError: There is no such file.
        """
        text = os.fspath(path)
        if not isinstance(text, str):
            raise TypeError(f"a path is a str, not {type(text).__name__}")
        given = dict(options or {})
        if not all(isinstance(each, str) for pair in given.items() for each in pair):
            raise TypeError(f"options={options!r}: names and values must be strings, as FFmpeg takes them")
        # Packets that UDP loses would be missing in what is passed on; who asks for UDP gets it.
        if text.startswith(("rtsp:", "rtsps:")) and given.keys().isdisjoint(_RTSP_CHOICES):
            given = {**_RTSP_DEFAULTS, **given}
        if format in _CAPTURE_FORMATS:
            given = {**wish.options, **given}
        try:
            mode = os.stat(text.removeprefix("file:")).st_mode
        except (OSError, ValueError) as error:
            # FFmpeg has names of its own for what is in no directory: URLs, and numbered images.
            if "\0" in text or not re.match(r"[A-Za-z][\w+.-]+:|[^%]*%\d*d", text):
                raise MediaError(f"cannot open {text!r}: {_reason(error)}") from None
            if pipe := re.fullmatch(r"pipe:(\d{0,9})", text):
                return cls(text, format, False, False, text, int(pipe[1] or 0), given)
            name = re.sub(r"(?<=://)[^/@]*@", "", text)
            return cls(text, format, False, "://" in text, name, None, given)
        if stat.S_ISCHR(mode):
            return cls(text, format or "v4l2", False, False, text, None, {**wish.options, **given})
        file = text.removeprefix("file:")
        # Else FFmpeg would take a name with a colon for a URL.
        pipe_path = file if stat.S_ISFIFO(mode) else None
        return cls(f"file:{file}", format, stat.S_ISREG(mode), False, text, pipe_path, given)


@dataclass(frozen=True, slots=True)
class Span:
    """The time stamps that an input says it has.

    Attributes:
        begin: The first one, in seconds; None: unknown.
        seconds: From the first to the last; 0: unknown.
    """

    begin: float | None
    seconds: float


class MediaInput:
    """The video and the audio of a file, a camera or a stream. Belongs to one thread at a time.

    Attributes:
        video: What is to be shown; None: there is nothing.
        audio: What is to be heard; None: there is nothing.
        is_live: Whether it brings everything when it happens, and has no end.
        begin: Seconds on its own clock; None: unknown.

    Args:
        location: Where they are.
        stop: Ends what comes through a pipe, when it is set.

    Raises:
        MediaError: It cannot be opened, or has neither video nor audio that can be decoded.
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
        """What it consists of, in its order, and at the end an empty packet for each stream.

        Raises:
            MediaError: It broke off.
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
                # PyAV trips at the end over streams that turned up on the way, after the empty packets of ours.
                return
            except av.FFmpegError as error:
                errors += 1
                if not isinstance(error, av.InvalidDataError) or errors > _MAX_ERRORS:
                    raise MediaError(f"{self._location.name} broke off: {_reason(error)}") from None
                logger.warning("%s: skipped what cannot be read: %s", self._location.name, error.strerror)

    def close(self) -> None:
        """Give the file, the device or the pipe back; idempotent."""
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
    # The type stubs do not say that it is None where there is no decoder.
    if stream.codec_context is None or stream.disposition & Disposition.attached_pic:
        return False
    if isinstance(stream, VideoStream):
        return stream.codec_context.width > 0 and stream.codec_context.height > 0
    return stream.codec_context.sample_rate > 0


def _reason(error: Exception) -> str:
    """What FFmpeg or the system said, and what to do."""
    if isinstance(error, av.ExitError):
        return f"nothing came in time; {_ADVICE[errno.ETIMEDOUT]}"
    number = getattr(error, "errno", None)
    said = getattr(error, "strerror", None) or str(error)
    if isinstance(error, av.InvalidDataError | av.EOFError):
        return f"{said}: it is damaged, or of no format that FFmpeg knows"
    if number in _ADVICE:
        return f"{said}; {_ADVICE[number]}"
    return said
