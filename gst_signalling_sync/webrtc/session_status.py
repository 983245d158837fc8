"""`SessionStatus`: which session it is, and in which state. The loop and the reader write it, and any thread reads it."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SessionClosed
from ..threads.interruptible import Condition
from ..threads.loop_thread import LoopThread
from ..threads.owner import Owner
from ..threads.waiting import Deadline, wait_for
from .session_state import TRANSITIONS, SessionState

__all__ = ["SessionStatus"]


class SessionStatus:
    """The ids, the state and the error of a session.

    Args:
        peer_id: The id of the peer at the signalling server.
        loop: The loop, whose thread must not wait.
    """

    def __init__(self, peer_id: str, loop: LoopThread) -> None:
        self.id = ""
        """The id that the signalling server gave the session. It changes when the session is resumed."""
        self.peer_id = peer_id
        """The id of the peer at the signalling server. It changes when the session is resumed with a new peer."""
        self.process = Owner("session")
        """The process that the session belongs to."""
        self.changed = Condition()
        """Guards the state, the error and the list of channels; notified when any of them changes."""
        self._loop = loop
        self._state = SessionState.CONNECTING
        self._error: SessionClosed | None = None

    @property
    def named(self) -> str:
        """The name of the session in errors and log lines."""
        return f"session {self.id or '(requested)'} with peer {self.peer_id}"

    @property
    def state(self) -> SessionState:
        """The state, which is ``"closed"`` in a child that inherited the session by `fork`."""
        return self._state if self.process.is_here else SessionState.CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the session was connected and has not ended."""
        return self.state.is_open

    @property
    def error(self) -> SessionClosed | RuntimeError | None:
        """Why the session is closed; None: it is not, or one end closed it on purpose. In a forked child a `RuntimeError`."""
        return self._error if self.process.is_here else self.process.error()

    def closed_error(self, doing: str = "") -> SessionClosed:
        """The error of a call that the end of the session made impossible.

        Args:
            doing: What the call was doing. Defaults to the empty string: the error does not say.
        """
        error = self._error or SessionClosed(f"{self.named} is closed")
        return SessionClosed(f"{doing}: {error}" if doing else str(error), error.reason)

    def wait_for(self, predicate: Callable[[], object], deadline: Deadline) -> bool:
        """Wait until something is true; `changed` is held.

        Returns:
            Whether it is.

        Raises:
            RuntimeError: This would block the event loop.
        """
        if self._loop.is_current and not predicate():
            raise RuntimeError(f"{self.named}: a blocking call on the event loop thread would wait for itself forever")
        return wait_for(self.changed, predicate, deadline)

    def wait_state(self, is_wanted: Callable[[SessionState], bool], deadline: Deadline) -> bool:
        """Wait for a state.

        Args:
            is_wanted: Returns whether a state is the one that is waited for.
            deadline: For the state.

        Returns:
            Whether the session has such a state.
        """
        with self.changed:
            return self.wait_for(lambda: is_wanted(self._state), deadline)

    def set_state(self, state: SessionState, error: SessionClosed | None) -> SessionState:
        """Change the state, and tell waiting threads; on the loop.

        Args:
            state: The state.
            error: Why the session is closed; None: it is not, or one end closed it on purpose.

        Returns:
            The state before.
        """
        before = self._state
        assert state in TRANSITIONS[before], f"{self.named}: {before} -> {state}"
        with self.changed:
            self._error = error
            self._state = state
            self.changed.notify_all()
        return before
