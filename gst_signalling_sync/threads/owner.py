"""`Owner`: which process made an object."""

from __future__ import annotations

import os

__all__ = ["Owner"]


class _ThisProcess:
    """The process id, cached because every message that is sent or received needs it."""

    def __init__(self) -> None:
        self.process = os.getpid()


_this = _ThisProcess()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_this.__init__)  # type: ignore[misc]


class Owner:
    """Remembers the process that made an object, because threads and sockets do not survive `fork`.

    Args:
        description: How error messages name the object.
    """

    __slots__ = ("_description", "_process")

    def __init__(self, description: str) -> None:
        self._description = description
        self._process = _this.process

    @property
    def is_here(self) -> bool:
        """Whether the running process is the one that made the object."""
        return _this.process == self._process

    def check(self) -> None:
        """Refuse to run in a forked child.

        Raises:
            RuntimeError: This process inherited the object by `fork`.
        """
        # `is_here`, written out: every message sent or received asks for it.
        if _this.process != self._process:
            raise self.error()

    def error(self) -> RuntimeError:
        """The exception to raise in a forked child."""
        return RuntimeError(
            f"{self._description} was made in process {self._process} and inherited by fork: its threads and"
            f" connections stayed there. Make a new one in process {_this.process}."
        )
