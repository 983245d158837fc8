"""`PlayerThread`: the thread that plays an input to sources, behind a `Player`."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from ....errors import MediaError, WaitTimeout
from ....threads.interruptible import Condition
from ....threads.owner import Owner
from ....threads.waiting import Deadline, wait_for
from ..sending.controlled_track import ControlledTrack, feed_of
from ..sending.source import AnySource
from .input_opening import open_input
from .media_input import READ_SECONDS, Location, MediaInput, Wish
from .playback import Playback
from .played_sources import PlayedSource, audio_source, video_source

__all__ = ["PlayerThread"]

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0

_MAX_WAIT_SECONDS: Final = 3600.0


class PlayerThread:
    """Plays an input from `start` to `close`, one thread at a time. A role starts and closes it; any thread may.

    Args:
        location: Where the input is; it is opened at once.
        loop: As in `Player`.
        name: As in `Player`.
        pass_through: As in `Player`.
        wish: The size and frame rate that were asked for.
        encoder: As in `Player`.

    Raises:
        MediaError: The input cannot be opened, or has neither video nor audio that can be decoded.
        ValueError: The name is not that of a track, or the encoder is unknown.
    """

    def __init__(
        self,
        location: Location,
        loop: bool,
        *,
        name: str | None,
        pass_through: bool,
        wish: Wish,
        encoder: str | None,
    ) -> None:
        self._location = location
        self._size = wish.size
        self._loop = loop
        self._owner = Owner(f"player of {location.name}")
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
        self._unplayed: MediaInput | None = open_input(location, self._stop)
        self._opened_at = time.monotonic()
        try:
            self._video = video_source(self._unplayed, name, pass_through, wish, encoder)
        except ValueError:
            self._unplayed.close()
            raise
        self._audio = audio_source(self._unplayed, name, pass_through)

    def __repr__(self) -> str:
        state = "playing" if self.playing else "ended" if self._ended else "not playing"
        return f"<Player of {self._location.name}, {state}>"

    @property
    def sources(self) -> list[PlayedSource]:
        """The sources that it writes to: one of video, one of audio, or both in this order."""
        return [source for source in (self._video, self._audio) if source is not None]

    @property
    def feeds(self) -> list[AnySource]:
        """What sessions send of it, behind the sources."""
        sources: list[ControlledTrack] = [*self.sources]
        return [feed_of(source) for source in sources]

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
        """Wait until it has played to the end or was closed; see `Player.wait`."""
        self._owner.check()
        deadline = Deadline(float("inf") if timeout is None else timeout)
        with self._changed:
            if not wait_for(self._changed, lambda: self._was_started and self._thread is None, deadline):
                state = "it still plays" if self.playing else "it was not started"
                raise WaitTimeout(f"waiting for the end of {self._location.name}: {state} after {deadline}")
            if self._error is not None:
                raise self._error

    def remove(self, seconds: float) -> None:
        """Remove its tracks from every session, and release the input; see `Player.remove`."""
        self._owner.check()
        for source in self.sources:
            source.remove()
        self.close(seconds)

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
