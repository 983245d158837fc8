"""`RecordingFile`: a file that a muxer writes and that plays whatever happens to it.

Data in the file is only ever appended to. If a muxer seeks back, as it does to write the index, its changes wait in memory
until all appended data is in the file, because a half-written index would spoil the file. If a write fails, the file is cut to
where it was last complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import Final

from ....threads.owner import Owner

__all__ = ["RecordingFile"]


class _InUse:
    """The real paths of files that this process records to; guarded by the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.paths: set[str] = set()

    def release(self, path: str) -> None:
        """Release a path that is no longer recorded to."""
        with self.lock:
            self.paths.discard(path)


_in_use = _InUse()


class RecordingFile:
    """A regular file, opened for writing; used by one thread at a time. FFmpeg calls `write`, `seek` and `tell`.

    Args:
        path: Path of the file. An existing file is overwritten.

    Raises:
        OSError: The file cannot be opened, is not a regular file, or is already recorded to.
    """

    def __init__(self, path: Path) -> None:
        # The program may change its working directory meanwhile.
        self.path = Path(os.path.abspath(path))
        self._real_path = os.path.realpath(path)
        self._owner = Owner(f"the recording to {path}")
        with _in_use.lock:
            if self._real_path in _in_use.paths:
                raise OSError(errno.EBUSY, "another recorder writes to it")
            _in_use.paths.add(self._real_path)
        try:
            self._descriptor = _open_empty(self.path)
        except BaseException:
            _in_use.release(self._real_path)
            raise
        self._position = 0
        self._size = 0
        self._whole_size = 0
        self._changes: list[tuple[int, bytes]] = []
        self._is_open = True

    @property
    def size(self) -> int:
        """Number of bytes in the file."""
        return self._size

    @property
    def closed(self) -> bool:
        """Whether the file cannot be written; true in a forked child, where FFmpeg must not finish the file."""
        return not (self._is_open and self._owner.is_here)

    def write(self, data: bytes) -> int:
        """Append data, or keep a change for `commit`.

        Raises:
            OSError: The disk is full, the file is closed, or the write fails otherwise.
        """
        if self.closed:
            raise OSError(errno.EBADF, "the recording is closed", str(self.path))
        kept = min(len(data), max(0, self._size - self._position))
        if kept:
            self._changes.append((self._position, data[:kept]))
        if kept < len(data):
            self._write_at(self._position + kept, data[kept:])
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def flush(self) -> None:
        """Do nothing: written data is in the file already."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to the position of the next `write`."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Position of the next `write`."""
        return self._position

    def commit(self) -> None:
        """Declare the written data complete: it plays, and stays if a later write fails.

        Raises:
            OSError: The changes could not be written.
        """
        for position, data in self._changes:
            self._write_at(position, data)
        self._changes.clear()
        self._whole_size = self._size

    def rename(self, path: Path) -> None:
        """Rename the file to the path of another one, which it replaces atomically.

        Raises:
            OSError: The file could not be renamed.
        """
        os.replace(self.path, path)
        self.path = path
        with _in_use.lock:
            _in_use.paths.discard(self._real_path)
            self._real_path = os.path.realpath(path)
            _in_use.paths.add(self._real_path)

    def close(self) -> None:
        """Cut off uncommitted data and close the file. If the file is then empty, it is removed. Idempotent."""
        if not self._is_open:
            return
        if not self._whole_size:
            self.discard()
            return
        # If it cannot be cut, players meet its incomplete end.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._whole_size)
        self._size = self._whole_size
        self._close()

    def discard(self) -> None:
        """Close and remove the file; idempotent."""
        if not self._is_open:
            return
        self._size = 0
        # The file may be removed already, or its directory no longer be writable.
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._close()

    def _close(self) -> None:
        self._is_open = False
        _in_use.release(self._real_path)
        os.close(self._descriptor)

    def _write_at(self, position: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = _write_bytes_at(self._descriptor, view, position)
            view = view[written:]
            position += written


def _write_bytes_at(descriptor: int, data: memoryview, position: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, position)
    # Windows has no pwrite.
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.write(descriptor, data)


# Windows has only the last one, without which it would translate line ends.
_OPTIONAL_FLAGS: Final = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def _open_empty(path: Path) -> int:
    # Without O_NONBLOCK, opening a pipe that nobody reads would never return.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _OPTIONAL_FLAGS, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


if hasattr(os, "register_at_fork"):
    # A thread that does not exist in the child may hold the parent's lock, so both are replaced.
    os.register_at_fork(after_in_child=_in_use.__init__)  # type: ignore[misc]
