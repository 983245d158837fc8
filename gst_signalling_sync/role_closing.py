"""`RoleClosing`: the close of a role, for its users and at the interpreter's exit."""

from __future__ import annotations

from typing import Final

from .errors import WaitTimeout
from .role_thread import RoleThread
from .threads.callbacks import Callbacks
from .threads.waiting import Deadline

__all__ = ["RoleClosing"]

_CALLBACK_SECONDS: Final = 0.2
"""Seconds that callbacks may take at the interpreter's exit once everything else is closed."""


class RoleClosing:
    """Ends the life of a role, then its callback threads.

    Args:
        named: Name of the role in errors.
        life: The role's life.
        callbacks: Its callback threads.
        ending_seconds: Seconds that the end may take beyond the delivery of what was sent.
    """

    def __init__(self, named: str, life: RoleThread, callbacks: Callbacks, ending_seconds: float) -> None:
        self._named = named
        self._life = life
        self._callbacks = callbacks
        self._ending_seconds = ending_seconds

    def __repr__(self) -> str:
        return f"<{self._named}, {self._life.state}>"

    def run(self, deadline: Deadline, callback_seconds: float) -> None:
        """Close the role.

        Args:
            deadline: For the delivery of what was sent.
            callback_seconds: Minimum that a callback that still runs may take to return.

        Raises:
            WaitTimeout: The role is not closed yet.
        """
        in_callback = self._callbacks.is_current
        if not self._life.close(deadline, in_callback, self._ending_seconds):
            raise WaitTimeout(
                f"closing {self._named}: not finished within {deadline}, nor {self._ending_seconds:g} s later; it continues."
                " Something blocks the event loop, or the network is too slow for the queued messages."
            )
        if not in_callback:
            self._callbacks.join(max(callback_seconds, deadline.remaining()))

    # What follows is called at the interpreter's exit.

    def begin_close(self, seconds: float) -> None:
        """Begin to close the role; returns at once."""
        self._life.begin_close(Deadline(seconds))

    def close(self, seconds: float) -> None:
        """Close the role, and wait for its callbacks little longer than that."""
        self.run(Deadline(seconds), _CALLBACK_SECONDS)
