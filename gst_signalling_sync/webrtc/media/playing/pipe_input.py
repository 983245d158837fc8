"""`PipeInput`: lets FFmpeg read a pipe through this process, so that a silent pipe does not block a thread that must end.

FFmpeg's own reading of a pipe blocks for as long as its writer is silent, and nothing interrupts it.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import weakref
from typing import Final

__all__ = ["PipeInput"]

_POLL_MILLISECONDS: Final = 100
"""Interval at which `stop` is checked."""


class PipeInput:
    """The reading end of a pipe. Used by one thread; any thread may set `stop`.

    Args:
        pipe: Path of a named pipe, or a file descriptor, which stays open.
        stop: When set, reading ends as if the writer had closed the pipe.

    Raises:
        OSError: There is no such pipe or descriptor, or the system cannot wait for pipes (Windows).
    """

    def __init__(self, pipe: str | int, stop: threading.Event) -> None:
        if not hasattr(select, "poll"):
            raise OSError(errno.ENOTSUP, "this system cannot wait for pipes (poll): play a file or a URL instead")
        self._stop = stop
        # Without O_NONBLOCK, opening a named pipe waits for its writer.
        self._descriptor = (
            os.dup(pipe) if isinstance(pipe, int) else os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        )
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        # A player that was never closed must not block its writer after garbage collection.
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._close.atexit = False

    def read(self, size: int) -> bytes:
        """Wait for data; called by PyAV.

        Args:
            size: Maximum number of bytes.

        Returns:
            The available data, at least one byte; empty at the end.
        """
        while not self._stop.is_set():
            # Only if there is data, or the writer is gone: another process may have set the pipe to blocking mode.
            if self._poll.poll(_POLL_MILLISECONDS):
                return os.read(self._descriptor, size)
        return b""

    def close(self) -> None:
        """Release the pipe; idempotent."""
        self._close()
