"""`SessionTable`: the sessions of a signalling server, by id and by peer, and how many they are. No I/O."""

from __future__ import annotations

import uuid

from .limits import ServerLimits
from .registered import RegisteredSession
from .usage import Excess, SessionUsage

__all__ = ["SessionTable"]


class SessionTable:
    """The sessions that there are.

    Args:
        limits: The maximums per pair, consumer and producer.

    Attributes:
        started: Number of sessions that have ever been added.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self.started = 0
        self._usage = SessionUsage(limits)
        self._sessions: dict[str, RegisteredSession] = {}
        # A dict without values is a set in the order of insertion. Peers without sessions have none.
        self._ids_of: dict[str, dict[str, None]] = {}

    def snapshot(self) -> dict[str, RegisteredSession]:
        """All sessions, by id. From any thread."""
        # One atomic copy of a dict whose values never change.
        return self._sessions.copy()

    def get(self, session_id: str) -> RegisteredSession | None:
        """The session with an id; None: there is no such session."""
        return self._sessions.get(session_id)

    def __getitem__(self, session_id: str) -> RegisteredSession:
        """The session with an id.

        Raises:
            KeyError: There is no such session.
        """
        return self._sessions[session_id]

    def of(self, peer_id: str) -> list[RegisteredSession]:
        """The sessions of a peer, the oldest first."""
        return [self._sessions[session_id] for session_id in self._ids_of.get(peer_id, ())]

    def excess(self, producer_id: str, consumer_id: str) -> Excess | None:
        """The limit that another session of two peers would exceed; None: there may be another session."""
        return self._usage.excess(producer_id, consumer_id)

    def add(self, producer_id: str, consumer_id: str) -> RegisteredSession:
        """Add a session of two peers.

        Returns:
            The session, with a new id.
        """
        session = RegisteredSession(str(uuid.uuid4()), producer_id, consumer_id)
        self._sessions[session.id] = session
        self.started += 1
        self._usage.add(producer_id, consumer_id)
        for end_id in (producer_id, consumer_id):
            self._ids_of.setdefault(end_id, {})[session.id] = None
        return session

    def remove(self, session: RegisteredSession) -> None:
        """Remove a session.

        Raises:
            KeyError: It is not in the table.
        """
        del self._sessions[session.id]
        self._usage.remove(session.producer_id, session.consumer_id)
        for end_id in (session.producer_id, session.consumer_id):
            own = self._ids_of[end_id]
            del own[session.id]
            if not own:
                del self._ids_of[end_id]
