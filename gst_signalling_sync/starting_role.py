"""`StartingRole`: the part of `Consumer` that starts sessions with producers, and has them resumed."""

from __future__ import annotations

from typing import Final

from .errors import ConnectionLost, PeerNotFound, ServerError, SessionClosed
from .known_producers import KnownProducers
from .lifecycle import RoleState, StateChange
from .protocol.backoff import DEFAULT_RETRY
from .protocol.messages import Event, Peer, PeerStatusChanged, Role
from .race import Race
from .resumption import Resumption
from .session_role import SessionRole
from .session_terms import SessionTerms
from .signalling.answers import SessionEvent
from .signalling.role_client import RoleClient
from .threads import clock
from .threads.waiting import Deadline, wait_for
from .webrtc.live_session import LiveSession
from .webrtc.session import Session, session_of
from .webrtc.session_state import SessionState

__all__ = ["StartingRole"]

_INTERRUPTED_POLL_SECONDS: Final = 0.25
"""Seconds between two checks whether an interrupted session still is."""

_HAND_OVER_SECONDS: Final = 1.0
"""Maximum time from the connection of a session that resumes another one until that goes on with it."""


class StartingRole(SessionRole):
    """A role object that knows the producers and starts sessions with them."""

    _offers = False

    _known: KnownProducers
    """Set by the subclass."""

    def _start_session(
        self,
        peer_id: str | None,
        name: str | None,
        terms: SessionTerms,
        deadline: Deadline,
        *,
        resume: bool = False,
        resend: bool = False,
    ) -> Session:
        if resume:
            # The directory must know the producers before the session breaks, to tell which of them came later.
            self._listen(self._registered_client(deadline, "listening for producers that return"), deadline)
        if peer_id is None:
            session, name = self._start_session_with_any(name, terms, deadline)
        else:
            session = self._await_connected(self._request_session(peer_id, terms, deadline), deadline)
            if resume:
                name = self._name_of(peer_id, deadline)
        if resume:
            Resumption(session, name, terms, self._retry or DEFAULT_RETRY, _Reconnecting(self)).arm(resend)
        return session_of(session)

    def _name_of(self, peer_id: str, deadline: Deadline) -> str | None:
        client = self._registered_client(deadline, f"looking for the name of peer {peer_id}")
        return next((peer.name for peer in client.list_producers(deadline.remaining()) if peer.id == peer_id), None)

    def _request_session(
        self, peer_id: str, terms: SessionTerms, deadline: Deadline, resumes: LiveSession | None = None
    ) -> LiveSession:
        """Request a session from the server, and begin to connect it.

        Args:
            peer_id: The producer's peer id.
            terms: What is asked for.
            deadline: For the server's answer.
            resumes: The session that goes on with this one's connection once there is one; None: no session does.

        Returns:
            The session, which is not connected yet.
        """
        client = self._registered_client(deadline, f"starting a session with peer {peer_id}")
        session = self._new_session(peer_id, terms.tracks)
        session.resumes = resumes

        def accept(event: SessionEvent) -> LiveSession:
            self._register(session, event.session_id, ours=True)
            if not terms.offer:
                session.link.start_as_answerer(None)
            else:
                session.link.offer_sent()
            return session

        try:
            sdp = self._make_offer(session, deadline) if terms.offer else None
            return client.start_session_with(peer_id, sdp, accept, deadline)
        except BaseException:
            session.abandon(None)
            raise

    def _start_session_with_any(
        self, name: str | None, terms: SessionTerms, deadline: Deadline, resumes: LiveSession | None = None
    ) -> tuple[LiveSession, str | None]:
        """Start a session with the first producer of a name that connects.

        Returns:
            The session, and the producer's name.
        """
        race = Race(name, self.uri, deadline)
        try:
            while True:
                try:
                    session = self._go_on(race, terms, resumes)
                except ConnectionLost:
                    self._wait_for_server(race)
                    continue
                if session is not None:
                    race.sessions.pop(session.peer_id)
                    return session, race.name_of(session.peer_id)
        finally:
            for session in race.sessions.values():
                session.abandon(SessionClosed("another producer of that name was first"), "not needed any more")

    def _wait_for_server(self, race: Race) -> None:
        """Wait while the consumer is suspended, unless a session of the race gets connected meanwhile.

        Raises:
            ConnectionLost: The consumer is not started, was closed, or was not registered again in time.
        """
        self._check_may_block(race.doing)
        with self._sessions.changed:
            wait_for(
                self._sessions.changed,
                lambda: race.winner is not None or self.state is not RoleState.SUSPENDED,
                race.deadline,
            )
        if race.winner is None:
            self._life.wait_registered(race.deadline, race.doing)

    def _go_on(self, race: Race, terms: SessionTerms, resumes: LiveSession | None) -> LiveSession | None:
        """Do the next step of a race, or wait for one.

        Returns:
            The session that is connected; None: the race goes on.

        Raises:
            SignallingError: No session can be connected.
        """
        self._wait_for_server(race)
        if race.winner is not None:
            return race.winner
        client = self._client()
        registrations = self._life.registrations
        with self._sessions.changed:
            changes = self._known.changes
        if Role.LISTENER in self._roles:
            race.see(list(self._known.producers.values()))
        else:
            race.see(client.list_producers(race.deadline.remaining()))
        if (peer := race.candidates.next(clock.now())) is not None:
            try:
                requested = self._request_session(peer.id, terms, race.deadline, resumes)
                race.begin(peer.id, requested, registrations)
            except (PeerNotFound, ServerError) as error:
                race.candidates.failed(peer.id, error)
            except ConnectionLost:
                race.candidates.forget(peer.id)
                raise
            return None
        if (winner := race.settle(registrations)) is not None:
            return winner
        if race.needs_listening(clock.now()) and self._listen(client, race.deadline):
            return None
        with self._sessions.changed:
            wait_for(
                self._sessions.changed,
                lambda: race.has_news or self._known.changes != changes or self.state is not RoleState.REGISTERED,
                race.next_step(clock.now()),
            )
        race.check_time()
        return None

    def _listen(self, client: RoleClient, deadline: Deadline) -> bool:
        """Register as a listener too. The answer to the registration has the first contents of the directory.

        Returns:
            Whether this changed anything.
        """
        if Role.LISTENER in self._roles:
            return False

        def accept(producers: tuple[Peer, ...]) -> None:
            # Not before: without this answer the directory would stay empty, and no later call would ask for it.
            if Role.LISTENER not in self._roles:
                self._roles = (*self._roles, Role.LISTENER)
            self._on_registered(producers)

        client.register((*self._roles, Role.LISTENER), self.meta, accept, deadline)
        return True

    def _resume_session(self, session: LiveSession, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        """Have a session that is resuming go on with a new connection.

        Raises:
            SignallingError: No new connection was made.
        """
        if name is None:
            successor = self._request_session(session.peer_id, terms, deadline, session)
            self._await_connected(successor, deadline)
        else:
            successor, _ = self._start_session_with_any(name, terms, deadline, session)
        # This does nothing if the session has gone on with it, which the loop does just after the successor was connected.
        successor.abandon(SessionClosed("the session that it was to resume has ended"), "not needed any more")
        session.wait_state(lambda state: state is not SessionState.RESUMING, Deadline(_HAND_OVER_SECONDS))

    def _wait_for_successor(self, session: LiveSession, name: str | None) -> bool:
        """Wait, while a session is interrupted, until its producer is registered under another id, or this end is again.

        An end whose address has changed may be registered again before the silence is long enough to be an interruption. So
        every registration since the last packet from the peer counts.

        Returns:
            Whether either end was registered again. False: the session is not interrupted any more.
        """
        heard_at = clock.now() - session.link.silence
        was_known = session.peer_id in self._known.producers

        def has_moved() -> bool:
            return self._known.has_moved(session.peer_id, name, was_known, heard_at)

        while session.state == "interrupted":
            with self._sessions.changed:
                if wait_for(self._sessions.changed, has_moved, Deadline(_INTERRUPTED_POLL_SECONDS)):
                    return True
        return False

    def _make_offer(self, session: LiveSession, deadline: Deadline) -> str:
        if self._loop is None:
            raise ConnectionLost("the consumer is closed")
        return self._loop.run(session.link.make_offer(), deadline, f"making an offer for peer {session.peer_id}")

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        super()._on_registered(producers)
        self._known.reset(producers, clock.now())

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PeerStatusChanged):
            self._known.apply(event, clock.now())
        else:
            super()._on_event(event)

    def _on_change(self, change: StateChange) -> None:
        if change.again:
            self._known.registered_again(clock.now())
        super()._on_change(change)

    def _on_peer_back(self, session: LiveSession) -> None:
        # The peer may have another address now.
        self._known.came_back(session.peer_id, clock.now())


class _Reconnecting:
    """The role's side of `Resumption`."""

    def __init__(self, role: StartingRole) -> None:
        self._role = role

    def resume(self, session: LiveSession, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        self._role._resume_session(session, name, terms, deadline)

    def wait_for_successor(self, session: LiveSession, name: str | None) -> bool:
        return self._role._wait_for_successor(session, name)
