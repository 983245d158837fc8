"""`open_input`: opens an input on a caller's thread, so that Ctrl-C and a timeout interrupt it."""

from __future__ import annotations

import concurrent.futures
import threading

from ....errors import MediaError
from ....threads.interruptible import Future
from ....threads.waiting import Deadline, result_of
from .media_input import OPEN_SECONDS, Location, MediaInput

__all__ = ["open_input"]


def open_input(location: Location, stop: threading.Event) -> MediaInput:
    """Open an input.

    Args:
        location: Where it is.
        stop: Stops the reading of a pipe.

    Raises:
        MediaError: It cannot be opened, or was not in time.
    """
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
