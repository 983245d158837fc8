"""Files that commands write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .. import RecordingError

__all__ = ["MediaFile", "check_directory"]


class MediaFile(click.Path):
    """The type of an argument that names a file to write, with a suffix for its format.

    Args:
        suffixes: The possible suffixes, in lower case.
    """

    def __init__(self, suffixes: Sequence[str]) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self._suffixes = suffixes

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        """Convert a value of the command line; another suffix is a usage error."""
        file = Path(os.fsdecode(super().convert(value, parameter, context)))
        if file.suffix.lower() not in self._suffixes:
            *others, last = self._suffixes
            self.fail(f"the name must end in {', '.join(others)} or {last}, not {str(file)!r}.", parameter, context)
        return file


def check_directory(file: Path) -> None:
    """Check whether a file can be written, before a producer is asked for its contents.

    Args:
        file: The file; its directory is checked.

    Raises:
        RecordingError: The directory does not exist, or must not be written.
    """
    if not file.parent.is_dir():
        raise RecordingError(f"cannot write {file}: there is no directory {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise RecordingError(f"cannot write {file}: permission denied")
