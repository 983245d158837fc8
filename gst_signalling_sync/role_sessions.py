"""`RoleSessions`: the sessions of a role by their ids, and those that `wait_for_session` returns. Used by any thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from .threads.interruptible import Condition
from .threads.waiting import Deadline, wait_for
from .webrtc.live_session import LiveSession

__all__ = ["RoleSessions"]


class RoleSessions:
    """The sessions that have not ended. The reader adds them, and the loop removes them."""

    def __init__(self) -> None:
        self.changed = Condition()
        """Guards the sessions; notified when one changes its state."""
        self._sessions: dict[str, LiveSession] = {}
        # Those that other peers started and that `wait` has not returned.
        self._arrived: deque[LiveSession] = deque()
        # The ids of those that the role started.
        self._own_ids: set[str] = set()
        self._is_closing = False

    @property
    def is_closing(self) -> bool:
        """Whether no more sessions are accepted."""
        return self._is_closing

    @property
    def all(self) -> list[LiveSession]:
        """All sessions, those that are not open yet included, in the order in which they were requested."""
        with self.changed:
            return list(self._sessions.values())

    @property
    def open(self) -> list[LiveSession]:
        """The open sessions."""
        return [session for session in self.all if session.is_open]

    def get(self, session_id: str) -> LiveSession | None:
        """The session with an id; None: there is none, or it has ended."""
        with self.changed:
            return self._sessions.get(session_id)

    def known(self, session_ids: Collection[str]) -> dict[str, LiveSession]:
        """The sessions with some of these ids."""
        with self.changed:
            return {each: self._sessions[each] for each in session_ids if each in self._sessions}

    def has(self, session: LiveSession) -> bool:
        """Whether a session is one of these."""
        return self.get(session.id) is session

    def add(self, session: LiveSession, ours: bool) -> bool:
        """Add a session under its id.

        Args:
            session: The session.
            ours: Whether the role started it; `wait` then does not return it.

        Returns:
            Whether it was added. False: the role is being closed.
        """
        with self.changed:
            if self._is_closing:
                return False
            self._sessions[session.id] = session
            if ours:
                self._own_ids.add(session.id)
            return True

    def reopen(self) -> None:
        """Accept sessions again, at the beginning of a role's life."""
        with self.changed:
            self._is_closing = False

    def close(self) -> list[LiveSession]:
        """Accept no more sessions; return those that are left to end."""
        with self.changed:
            self._is_closing = True
            return list(self._sessions.values())

    def wait(self, is_over: Callable[[], bool], deadline: Deadline) -> LiveSession | None:
        """Wait for a session that another peer started, and that is connected.

        Args:
            is_over: Whether none will come any more.
            deadline: For the wait.

        Returns:
            A session, each once; None: none came.
        """
        with self.changed:
            wait_for(self.changed, lambda: self._arrived or is_over(), deadline)
            return self._arrived.popleft() if self._arrived else None

    def notify(self) -> None:
        """Have waiting callers look again, because the role has changed."""
        with self.changed:
            self.changed.notify_all()

    # The following methods are called on the loop.

    def settled(self, session: LiveSession) -> None:
        """Record that a session is connected or closed."""
        with self.changed:
            if session.state == "closed":
                self._own_ids.discard(session.id)
                if session in self._arrived:
                    self._arrived.remove(session)
            elif session.id not in self._own_ids:
                self._arrived.append(session)
            self.changed.notify_all()

    def hand_over(self, session: LiveSession, successor: LiveSession) -> None:
        """Have a session go on with the connection of another one, which was made for this, unless it has ended meanwhile."""
        with self.changed:
            is_resuming = session.state == "resuming" and not session.link.termination.is_given_up
            if is_resuming and not self._is_closing:
                self._sessions.pop(session.id, None)
                self._own_ids.discard(session.id)
                self._sessions[successor.id] = session
                session.go_on_with(successor)
            self.changed.notify_all()

    def forget(self, session: LiveSession) -> None:
        """Remove a closed session."""
        with self.changed:
            self._sessions.pop(session.id, None)
