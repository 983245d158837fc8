"""`Race`: a consumer's attempts to have a session with one of the producers of a name; the first that is connected wins."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .candidates import SILENT_SECONDS, Candidates
from .errors import PeerNotFound, PeerWaitTimeout
from .protocol.messages import Peer
from .signalling.lookup import describe_producers
from .threads.waiting import Deadline
from .webrtc.session import Session

__all__ = ["Race"]


class Race:
    """What one call of `Consumer.start_session` has under way; belongs to the thread that calls it.

    Args:
        name: The producers' name; None: any producer.
        uri: Of the server, for error messages.
        deadline: For the call.
    """

    def __init__(self, name: str | None, uri: str, deadline: Deadline) -> None:
        wanted = "any producer" if name is None else f"a producer named {name!r}"
        self.doing = f"waiting for {wanted} at {uri}"
        self.deadline = deadline
        self.candidates = Candidates(newest_first=name is not None)
        self.sessions: dict[str, Session] = {}
        """Those that are not known to have failed, by the producer's id."""
        self._registrations: dict[str, int] = {}
        self._name = name
        self._others: Sequence[Peer] = ()

    @property
    def has_news(self) -> bool:
        """Whether a session is connected or has failed; safe from any thread."""
        return any(session.state != "connecting" for session in self.sessions.values())

    @property
    def winner(self) -> Session | None:
        """The session that is connected, if one is; safe from any thread."""
        return next((session for session in list(self.sessions.values()) if session.state == "connected"), None)

    def name_of(self, peer_id: str) -> str | None:
        """The name of a producer, if it has one."""
        return next((peer.name for peer in self._others if peer.id == peer_id), self._name)

    def see(self, producers: Sequence[Peer]) -> None:
        """Take the producers that there are now, of whatever name."""
        self._others = producers
        self.candidates.see([peer for peer in producers if self._name is None or peer.name == self._name])

    def begin(self, peer_id: str, session: Session, registrations: int) -> None:
        """Take on a session that was requested.

        Args:
            peer_id: The producer's.
            session: The session.
            registrations: How often this end had been registered then.
        """
        self.sessions[peer_id] = session
        self._registrations[peer_id] = registrations

    def settle(self, registrations: int) -> Session | None:
        """Take note of what became of the sessions.

        Args:
            registrations: How often this end has been registered by now.

        Returns:
            The one that is connected, if one is.

        Raises:
            SignallingError: All that could be tried have failed.
        """
        if (winner := self.winner) is not None:
            return winner
        for peer_id, session in list(self.sessions.items()):
            if session.state == "closed":
                del self.sessions[peer_id]
                if self._registrations[peer_id] != registrations:
                    # Our own signalling connection was lost: the producer may be as good as before.
                    self.candidates.forget(peer_id)
                else:
                    self.candidates.failed(peer_id, session.closed_error())
            elif session.link.has_answer:
                self.candidates.answered(peer_id)
        failure = self.candidates.failure
        # One that left between the list and the request may come back.
        if self.candidates.is_exhausted and failure is not None and not isinstance(failure, PeerNotFound):
            raise failure
        return None

    def needs_listening(self, now: float) -> bool:
        """Whether there is nobody to try, or one that is silent as a dead one is: then its return is watched for."""
        return not self.sessions or self.candidates.is_silent(now)

    def next_step(self, now: float) -> Deadline:
        """When there is something to do though nothing has happened."""
        due = self.candidates.due()
        # The second is for the silence of the only one.
        seconds = min(self.deadline.remaining(), math.inf if due is None else max(0.0, due - now), SILENT_SECONDS)
        return Deadline(seconds)

    def check_time(self) -> None:
        """Raise when the time is over.

        Raises:
            WaitTimeout: No session was connected in time.
        """
        if self.deadline.remaining():
            return
        for session in reversed(self.sessions.values()):
            raise session.not_connected_error(self.deadline.seconds)
        raise PeerWaitTimeout(f"{self.doing}: none within {self.deadline}; {describe_producers(list(self._others))}")
