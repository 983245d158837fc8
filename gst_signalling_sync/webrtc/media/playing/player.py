"""`Player`: writes the video and audio of a file, a camera or a stream to sources of its own."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Final

from ....errors import MediaError, WaitTimeout
from ....threads.interruptible import Condition, Future
from ....threads.owner import Owner
from ....threads.waiting import Deadline, result_of, wait_for
from ..encoded_frame import AUDIO_CLOCK_RATE
from ..frame_conversion import check_size
from ..sending.audio_source import AudioSource
from ..sending.encoded_audio_source import EncodedAudioSource
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_source import VideoSource, check_fps
from .media_input import OPEN_SECONDS, READ_SECONDS, Location, MediaInput, Wish
from .passing import codec_passed, is_audio_passed
from .playback import Playback

__all__ = ["Player"]

logger = logging.getLogger(__name__)

_DEFAULT_FPS: Final = 30.0
_MIN_FPS: Final = 1.0
_MAX_FPS: Final = 60.0

_NEAR: Final = 1.01
"""Factor by which a frame rate may exceed the wanted one without being reduced."""

_RETRY_SECONDS: Final = 1.0

_MAX_WAIT_SECONDS: Final = 3600.0

REMOVE_SECONDS: Final = 5.0
"""Default timeout of `Player.remove` in seconds: what FFmpeg may wait for a camera that has fallen silent."""


class Player:
    """Plays a file, a camera or a stream to a producer or consumer; made by their `add_player`.

    Every method may be called from any thread. A file plays in real time, by the ``pts`` of its frames and audio; its last
    frame stays at the end. A camera, or a URL without an end, is shown as it comes, the newest frame first.

    The constructor opens the input, and the first `start` plays it from its beginning; until then it stays open, so a pipe such
    as ``pipe:0``, the standard input, loses nothing. An input from the network is opened again if it had to wait for more than
    5 s, as its server may have hung up. After `close`, the next `start` opens the input again; a pipe then continues with what
    its writer writes next.

    Example:
        film = robot.add_player("film.mp4")
        with robot:
            film.wait()  # until it has ended

    Args:
        path: A file, a camera such as ``/dev/video0``, or a URL: whatever FFmpeg opens.
        loop: Whether a file begins again at its end, without a gap, and a camera or stream that breaks off is opened again,
            every second. Defaults to False.
        name: Name of both tracks, see `checked_name`. Defaults to None: no name.
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
        self._location = Location.of(path, format, options, wish)
        self._size = size
        self._loop = loop
        self._owner = Owner(f"player of {self._location.name}")
        # Guards the attributes below; notified when they change. The thread owns the input that it plays.
        self._changed = Condition()
        self._thread: threading.Thread | None = None
        # The thread that has the input open. After close() it may be one that FFmpeg still holds up.
        self._holder: threading.Thread | None = None
        self._was_started = False
        self._ended = False
        self._error: MediaError | None = None
        # Stops the reading of a pipe; set by close(), which makes another one for the next start().
        self._stop = threading.Event()
        self._unplayed: MediaInput | None = _open(self._location, self._stop)
        self._opened_at = time.monotonic()
        try:
            self._video = _video_source(self._unplayed, name, pass_through, wish, encoder)
        except ValueError:
            self._unplayed.close()
            raise
        self._audio = _audio_source(self._unplayed, name, pass_through)

    def __repr__(self) -> str:
        state = "playing" if self.playing else "ended" if self._ended else "not playing"
        return f"<Player of {self._location.name}, {state}>"

    @property
    def sources(self) -> list[VideoSource | EncodedVideoSource | AudioSource | EncodedAudioSource]:
        """The sources that it writes to: one of video, one of audio, or both in this order."""
        return [source for source in (self._video, self._audio) if source is not None]

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._thread is not None

    @property
    def ended(self) -> bool:
        """Whether it has played to the end or broken off; see `error`."""
        return self._ended

    @property
    def error(self) -> MediaError | None:
        """Why it broke off; None: it did not."""
        return self._error

    def start(self) -> None:
        """Play from the beginning; does nothing while it plays. The role object calls it when it has started.

        Raises:
            RuntimeError: The player was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            if self._thread is not None:
                return
            arguments = (self._unplayed, self._stop)
            thread = threading.Thread(target=self._main, args=arguments, name="gss-player", daemon=True)
            self._thread = thread
            try:
                thread.start()
            except RuntimeError:
                # No more threads can be made.
                self._thread = None
                raise
            self._unplayed = None
            self._was_started = True
            self._ended = False
            self._error = None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has played to the end or was closed.

        Args:
            timeout: Seconds. Defaults to None: no timeout.

        Raises:
            WaitTimeout: It still plays, or was not started.
            MediaError: It broke off.
            RuntimeError: The player was inherited by `fork`.
        """
        self._owner.check()
        deadline = Deadline(float("inf") if timeout is None else timeout)
        with self._changed:
            if not wait_for(self._changed, lambda: self._was_started and self._thread is None, deadline):
                state = "it still plays" if self.playing else "it was not started"
                raise WaitTimeout(f"waiting for the end of {self._location.name}: {state} after {deadline}")
            if self._error is not None:
                raise self._error

    def remove(self, timeout: float = REMOVE_SECONDS) -> None:
        """Remove its tracks from every session, as `VideoSource.remove`, and release the file or device; idempotent.

        Args:
            timeout: Seconds to wait for FFmpeg, as of `close`. Defaults to 5.

        Raises:
            RuntimeError: The player was inherited by `fork`.
        """
        self._owner.check()
        for source in self.sources:
            source.remove()
        self.close(timeout)

    def close(self, seconds: float) -> None:
        """Stop playing, and release the file or device, played or not; idempotent. The last frame stays.

        Nothing can interrupt FFmpeg while it waits for a camera or the network: a silent one holds its thread for up to 5 s,
        which is logged if it is longer than `seconds`. A `start` meanwhile waits until that thread releases the input.

        Args:
            seconds: Maximum wait for FFmpeg.

        Raises:
            RuntimeError: The player was inherited by `fork`.
        """
        self._owner.check()
        with self._changed:
            thread, self._thread = self._thread, None
            media, self._unplayed = self._unplayed, None
            self._stop.set()
            self._stop = threading.Event()
            self._changed.notify_all()
        if media is not None:
            media.close()
        if thread is None:
            return
        thread.join(seconds)
        if thread.is_alive():
            logger.warning("%r: FFmpeg still waits for the input %g s after close()", self, seconds)

    # The following methods run on the player's thread.

    def _main(self, media: MediaInput | None, stop: threading.Event) -> None:
        error: MediaError | None = None
        try:
            if self._hold_input():
                self._play(media, stop)
        except Exception as raised:  # noqa: BLE001 - told by `error`, and logged
            error = self._explained(raised)
            if self._goes_on():
                logger.error("%s", error)
        finally:
            if media is not None:
                media.close()
        with self._changed:
            if self._holder is threading.current_thread():
                self._holder = None
                self._changed.notify_all()
            if self._thread is threading.current_thread():
                self._thread = None
                self._ended = True
                self._error = error
                self._changed.notify_all()

    def _hold_input(self) -> bool:
        """Wait until no earlier thread has the input open, as a device can be opened only once; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._holder is None or not self._goes_on())
            if self._goes_on():
                self._holder = threading.current_thread()
            return self._goes_on()

    def _play(self, media: MediaInput | None, stop: threading.Event) -> None:
        begin: float | None = None
        failed = False
        if media is not None and self._is_stale():
            media.close()
            media = None
        while self._goes_on():
            try:
                media = media or MediaInput(self._location, stop)
                begin = self._play_once(media, begin)
                failed = False
            except Exception as raised:  # noqa: BLE001 - told by `error`, or tried again, and logged
                error = self._explained(raised)
                if not self._loop or self._location.is_file:
                    raise error from None
                logger.log(logging.DEBUG if failed else logging.WARNING, "%s; trying again every second", error)
                begin = None
                failed = True
            finally:
                if media is not None:
                    media.close()
                    media = None
            if not self._loop:
                # The last frame is shown as long as the others.
                self._wait_until(begin or 0)
                return
            if begin is None:
                self._wait_until(time.monotonic() + _RETRY_SECONDS)

    def _is_stale(self) -> bool:
        """Whether the input that the constructor opened has waited too long: its server hangs up, or sends old frames."""
        return self._location.is_remote and time.monotonic() - self._opened_at > READ_SECONDS

    def _play_once(self, media: MediaInput, begin: float | None) -> float | None:
        """Play the input to its end; return when its successor must begin, None: at any time."""
        playback = Playback(self._location.name, media, self._video, self._audio, self._size)
        if not media.is_live:
            return playback.play_in_time(begin, self._wait_until)
        playback.play_at_once(self._goes_on)
        return None

    def _explained(self, error: Exception) -> MediaError:
        """The error that users get; an unforeseen one is logged with its traceback."""
        if isinstance(error, MediaError):
            return error
        logger.error("%r: internal error", self, exc_info=error)
        return MediaError(f"cannot play {self._location.name}: {error!r}")

    def _goes_on(self) -> bool:
        """Whether this thread must go on."""
        return self._thread is threading.current_thread()

    def _wait_until(self, moment: float) -> bool:
        """Wait for a moment of `time.monotonic`, or until this thread must end; return whether it must go on."""
        with self._changed:
            while self._goes_on():
                remaining = moment - time.monotonic()
                if remaining <= 0:
                    return True
                # A damaged timestamp may be further away than a wait can be long.
                self._changed.wait(min(remaining, _MAX_WAIT_SECONDS))
            return False


def _open(location: Location, stop: threading.Event) -> MediaInput:
    """Open an input on a caller's thread."""
    if location.is_file:
        return MediaInput(location)
    # FFmpeg does not notice Ctrl-C, so this thread waits for another one.
    opened: Future[MediaInput] = Future()

    def run() -> None:
        try:
            opened.set_result(MediaInput(location, stop))
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            opened.set_exception(error)

    threading.Thread(target=run, name="gss-player-open", daemon=True).start()
    try:
        return result_of(opened, Deadline(OPEN_SECONDS))
    except BaseException as error:
        stop.set()
        opened.add_done_callback(_discard)
        if isinstance(error, TimeoutError):
            raise MediaError(f"cannot open {location.name}: nothing came within {OPEN_SECONDS:g} s") from None
        raise


def _discard(opened: concurrent.futures.Future[MediaInput]) -> None:
    if opened.exception() is None:
        opened.result().close()


def _video_source(
    media: MediaInput, name: str | None, pass_through: bool, wish: Wish, encoder: str | None
) -> VideoSource | EncodedVideoSource | None:
    if media.video is None:
        return None
    rate = max(_MIN_FPS, min(float(media.video.average_rate or _DEFAULT_FPS), _MAX_FPS))
    context = media.video.codec_context
    fits = wish.size in (None, (context.width, context.height)) and (wish.fps is None or rate <= _NEAR * wish.fps)
    codec = codec_passed(media.video) if pass_through and fits else None
    if wish.fps is not None:
        rate = min(rate, wish.fps)
    if codec is None:
        return VideoSource(rate, name=name, encoder=encoder)
    return EncodedVideoSource(codec.name, rate, name=name, encoder=encoder)


def _audio_source(media: MediaInput, name: str | None, pass_through: bool) -> AudioSource | EncodedAudioSource | None:
    if media.audio is None:
        return None
    if pass_through and is_audio_passed(media.audio):
        return EncodedAudioSource(name=name)
    return AudioSource(AUDIO_CLOCK_RATE, 1 if media.audio.codec_context.channels == 1 else 2, name=name)
