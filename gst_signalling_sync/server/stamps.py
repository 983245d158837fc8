"""`Stamps`: whether files have changed since they were read."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["Stamps"]


class Stamps:
    """Remembers the versions of files.

    Args:
        paths: Of the files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._stamps = self._stamped()

    @property
    def have_changed(self) -> bool:
        """Whether one of the files was replaced or written since."""
        return self._stamps != self._stamped()

    def _stamped(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: str) -> tuple[int, int, int] | None:
    """A value that changes when a file is replaced or written; None while the file does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
