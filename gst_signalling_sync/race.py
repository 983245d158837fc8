"""`Race`: a consumer's attempts to have a session with one of several producers. The first to connect wins."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .candidates import SILENT_SECONDS, Candidates
from .errors import PeerNotFound, PeerWaitTimeout
from .protocol.messages import Peer
from .signalling.lookup import describe_producers
from .threads.waiting import Deadline
from .webrtc.live_session import LiveSession

__all__ = ["Race"]


class Race:
    """The sessions of one call of `Consumer.start_session`. It belongs to the thread of that call.

    Args:
        name: The producers' name; None: any producer.
        uri: The server's address, for error messages.
        deadline: For the call.
    """

    def __init__(self, name: str | None, uri: str, deadline: Deadline) -> None:
        wanted = "any producer" if name is None else f"a producer named {name!r}"
        self.doing = f"waiting for {wanted} at {uri}"
        self.deadline = deadline
        self.candidates = Candidates(newest_first=name is not None)
        self.sessions: dict[str, LiveSession] = {}
        """The sessions that are not known to have failed, by the producer's peer id."""
        self._registrations: dict[str, int] = {}
        self._name = name
        self._others: Sequence[Peer] = ()

    @property
    def has_news(self) -> bool:
        """Whether a session is connected or has failed; callable from any thread."""
        return any(session.state != "connecting" for session in self.sessions.values())

    @property
    def winner(self) -> LiveSession | None:
        """The session that is connected; None: none is yet. Callable from any thread."""
        return next((session for session in list(self.sessions.values()) if session.state == "connected"), None)

    def name_of(self, peer_id: str) -> str | None:
        """The name of a producer; None: it has no name."""
        return next((peer.name for peer in self._others if peer.id == peer_id), self._name)

    def see(self, producers: Sequence[Peer]) -> None:
        """Set the producers that are there now, whatever their names."""
        self._others = producers
        self.candidates.see([peer for peer in producers if self._name is None or peer.name == self._name])

    def begin(self, peer_id: str, session: LiveSession, registrations: int) -> None:
        """Add a session that was requested.

        Args:
            peer_id: The producer's peer id.
            session: The session.
            registrations: How often this end had been registered at the request.
        """
        self.sessions[peer_id] = session
        self._registrations[peer_id] = registrations

    def settle(self, registrations: int) -> LiveSession | None:
        """Evaluate the states of the sessions.

        Args:
            registrations: How often this end has been registered by now.

        Returns:
            The session that is connected; None: none is yet.

        Raises:
            SignallingError: All producers that could be tried have failed.
        """
        if (winner := self.winner) is not None:
            return winner
        for peer_id, session in list(self.sessions.items()):
            if session.state == "closed":
                del self.sessions[peer_id]
                if self._registrations[peer_id] != registrations:
                    # This end's signalling connection was lost, which says nothing of the producer.
                    self.candidates.forget(peer_id)
                else:
                    self.candidates.failed(peer_id, session.closed_error())
            elif session.link.has_answer:
                self.candidates.answered(peer_id)
        failure = self.candidates.failure
        # A producer that left between the list and the request may come back.
        if self.candidates.is_exhausted and failure is not None and not isinstance(failure, PeerNotFound):
            raise failure
        return None

    def needs_listening(self, now: float) -> bool:
        """Whether the consumer has to hear of new producers: nothing is tried, or the producer tried last is silent."""
        return not self.sessions or self.candidates.is_silent(now)

    def next_step(self, now: float) -> Deadline:
        """When the race has to go on even if nothing happens."""
        due = self.candidates.due()
        # `SILENT_SECONDS` matters if there is no other producer, since `needs_listening` depends on it.
        seconds = min(self.deadline.remaining(), math.inf if due is None else max(0.0, due - now), SILENT_SECONDS)
        return Deadline(seconds)

    def check_time(self) -> None:
        """Raise an error if the deadline is over.

        Raises:
            WaitTimeout: No session was connected in time.
        """
        if self.deadline.remaining():
            return
        for session in reversed(self.sessions.values()):
            raise session.link.not_connected_error(self.deadline.seconds)
        raise PeerWaitTimeout(f"{self.doing}: none within {self.deadline}; {describe_producers(list(self._others))}")
