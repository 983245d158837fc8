"""`Stamps`: whether files have changed since they were read."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["Stamps"]


class Stamps:
    """Remembers which files there were.

    Args:
        paths: Of the files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._stamps = self._stamped()

    @property
    def have_changed(self) -> bool:
        """Whether one of the files is another one, or was written to."""
        return self._stamps != self._stamped()

    def _stamped(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What is another one when a file is replaced or written; None where there is none at the moment."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
