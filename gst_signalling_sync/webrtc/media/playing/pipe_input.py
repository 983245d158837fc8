"""`PipeInput`: a pipe as FFmpeg reads it through this process: a silent one does not hold up the thread that is to end.

FFmpeg's own way to read a pipe waits in the system for as long as its writer is silent, and nothing interrupts it.
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
"""How long it takes to notice that it is to end."""


class PipeInput:
    """The reading end of a pipe. Used by one thread; `stop` may be set by any.

    Args:
        pipe: The path of a named pipe, or the number of a descriptor, which stays open.
        stop: Ends reading, when it is set, as if the writer had.

    Raises:
        OSError: There is no such pipe or descriptor, or the system cannot wait for pipes (Windows).
    """

    def __init__(self, pipe: str | int, stop: threading.Event) -> None:
        if not hasattr(select, "poll"):
            raise OSError(errno.ENOTSUP, "this system cannot wait for pipes (poll): play a file or a URL instead")
        self._stop = stop
        # Without O_NONBLOCK the opening of a named pipe waits for its writer.
        self._descriptor = (
            os.dup(pipe) if isinstance(pipe, int) else os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        )
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        # A player that is forgotten and was never closed must not keep its writer waiting.
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._close.atexit = False

    def read(self, size: int) -> bytes:
        """Wait for data; called by PyAV.

        Args:
            size: Bytes at the most.

        Returns:
            What there is, at least a byte; empty at the end.
        """
        while not self._stop.is_set():
            # Only when there is something, or the writer is gone: whoever else has the pipe may have it in blocking mode.
            if self._poll.poll(_POLL_MILLISECONDS):
                return os.read(self._descriptor, size)
        return b""

    def close(self) -> None:
        """Give the pipe back; idempotent."""
        self._close()
