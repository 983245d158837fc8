"""`Consumer`, which has sessions with producers, and `connect`, which makes one session in one call."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

from .directory import Difference, Directory
from .endpoint import Endpoint, resolve_endpoint
from .errors import ConnectionLost, PeerNotFound, ServerError, SessionClosed
from .ice_options import IceOptions
from .ice_servers import GivenServers
from .lifecycle import RoleState, StateChange
from .protocol.backoff import DEFAULT_RETRY, Retry
from .protocol.messages import Event, IceMessage, Peer, PeerStatusChanged, Role, SessionStarted
from .protocol.session_limits import SessionLimits
from .race import Race
from .resumption import Resumption
from .session_requests import SessionRequest
from .session_role import SessionRole
from .session_terms import SessionTerms
from .signalling import DEFAULT_TIMEOUT
from .signalling.answers import SessionEvent
from .signalling.role_client import RoleClient
from .threads import clock
from .threads.waiting import Deadline, wait_for
from .webrtc.live_session import LiveSession
from .webrtc.liveness import DEFAULT_INTERRUPTED_AFTER
from .webrtc.media.track_choice import TrackChoice, Wanted
from .webrtc.session import Session, behind_session, session_of

__all__ = ["Consumer", "connect"]

logger = logging.getLogger(__name__)

_INTERRUPTED_POLL_SECONDS: Final = 0.25
"""Seconds between two checks whether an interrupted session still is."""


class Consumer(SessionRole):
    """Starts sessions with producers, several at once. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Example:
        with Consumer() as consumer:
            arms = [consumer.start_session(name=name) for name in ("left-arm", "right-arm")]
            for arm in arms:
                arm.channel("commands").send("home")

    Signals:
        state_changed(consumer, state, error): The state changed; ``error`` is the reason, or None.
        connection_lost(consumer, error): The signalling connection was lost; emitted once per loss.
        reconnected(consumer, peer_id): The consumer is registered again after a loss. A server with a lease keeps the id.

    Args:
        uri: ``ws://host:port``. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: JSON value that listeners see, of up to 64 KiB. Defaults to None.
        passive: Whether to register as a consumer with which producers start sessions; see `wait_for_session`. Defaults to
            False.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds that a blocking call may take by default. Defaults to 10.
        ice_servers: STUN and TURN servers: the short form of ``ice=IceOptions(servers)``.
        retry: How a lost signalling connection is made again; None: it is not.
        interrupted_after: Seconds without any packet from the peer after which a session is ``"interrupted"``. Defaults to 2.
        ice: STUN and TURN servers, UDP ports and network interfaces. Defaults to the servers in
            ``$GST_SIGNALLING_ICE_SERVERS`` and all interfaces.
        limits: What producers may use of this consumer. Defaults to those in ``docs/reference/limits.rst``.

    Raises:
        ValueError: An address does not have its form.
    """

    _offers = False

    def __init__(
        self,
        uri: str | Endpoint | None = None,
        meta: Any = None,
        passive: bool = False,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
        ice_servers: GivenServers = (),
        retry: Retry | None = DEFAULT_RETRY,
        interrupted_after: float = DEFAULT_INTERRUPTED_AFTER,
        ice: IceOptions | None = None,
        limits: SessionLimits | None = None,
    ) -> None:
        roles = (Role.CONSUMER,) if passive else ()
        super().__init__(
            uri,
            roles,
            meta,
            host=host,
            port=port,
            timeout=timeout,
            ice_servers=ice_servers,
            retry=retry,
            interrupted_after=interrupted_after,
            ice=ice,
            limits=limits,
        )
        self.passive = passive
        self._directory = Directory(self.uri)
        # Counts the changes of the directory. Guarded by `_sessions_changed`, so that one wait covers sessions and producers.
        self._directory_changes = 0
        # When each producer of the directory came, and when this end was registered again. Sessions that resume need both.
        self._came_at: dict[str, float] = {}
        self._registered_again_at = -math.inf

    def start_session(
        self,
        peer_id: str | None = None,
        name: str | None = None,
        offer: bool = False,
        timeout: float | None = None,
        *,
        resume: bool = False,
        resend: bool = False,
        video: Wanted = True,
        audio: Wanted = True,
    ) -> Session:
        """Start a session with a producer. Without an id and a name, the first producer that is there or comes is taken.

        Args:
            peer_id: The producer's peer id.
            name: The producer's name, instead of its id. A producer that is not there yet is waited for. Of several producers
                with that name the newest is tried first: a robot that lost its network and came back is listed twice for a
                while.
            offer: Whether this end makes the offer, which not every producer answers. Defaults to False: the producer does.
            timeout: Seconds until connected. Defaults to the consumer's timeout.
            resume: Whether the session goes on in a new connection when this one breaks, because nothing is heard from the
                producer or because its process ended. The session, its channels, its tracks, their receivers and callers
                waiting in ``recv`` and ``read`` stay. Meanwhile ``session.state`` is ``"resuming"``; ``session.id`` and
                ``peer_id`` change. The producer is found by its name, or by its id if it has no name. `retry` says how often
                this is tried. A session that either end closes on purpose is not resumed. Defaults to False.
            resend: Whether messages on reliable channels that the producer had not acknowledged are sent again first, so that
                some may arrive twice. The signal ``channel.resumed`` has these messages in either case. Defaults to False.
            video: The producer's video tracks that are taken: True for all, False for none, or a list of names. Others are not
                sent to this end. Defaults to True.
            audio: The producer's audio tracks that are taken, given as for `video`. Defaults to True.

        Returns:
            The session, connected.

        Raises:
            PeerNotFound: There is no peer with that id. `PeerWaitTimeout`, a subclass: no such producer came in time.
            ServerError: The peer is not a producer, or the server refused for another reason.
            SessionClosed: The producer rejected or ended the session, left, or sent a message that cannot be used.
            WaitTimeout: The session did not connect in time.
            ConnectionLost: The consumer is not started, was closed, or is suspended and was not registered again in time.
            ValueError: Both id and name are given, or names of tracks with ``offer=True``: only the producer's offer has them.
            RuntimeError: The consumer was inherited by `fork`, or this would block the event loop.
        """
        if peer_id is not None and name is not None:
            raise ValueError(f"give either peer_id={peer_id!r} or name={name!r}, not both")
        terms = SessionTerms(offer, TrackChoice.of(video, audio))
        return self._start_session(peer_id, name, terms, self._deadline(timeout), resume=resume, resend=resend)

    def wait_for_session(self, timeout: float | None = None) -> Session:
        """Wait for a session that a producer starts with this passive consumer.

        Args:
            timeout: Seconds. Defaults to the consumer's timeout.

        Returns:
            The session, connected. Each session is returned once.

        Raises:
            WaitTimeout: No session was connected in time.
            ConnectionLost: The consumer is not started, was closed, or is suspended and was not registered again in time.
            RuntimeError: The consumer is not passive, or was inherited by `fork`.
        """
        self._client()
        if not self.passive:
            raise RuntimeError("producers start sessions only with a passive consumer: Consumer(..., passive=True)")
        return self._wait_for_session("a producer", self._deadline(timeout))

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
            session.link.abandon(None)
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
                session.link.abandon(SessionClosed("another producer of that name was first"), "not needed any more")

    def _wait_for_server(self, race: Race) -> None:
        """Wait while the consumer is suspended, unless a session of the race gets connected meanwhile.

        Raises:
            ConnectionLost: The consumer is not started, was closed, or was not registered again in time.
        """
        self._check_may_block(race.doing)
        with self._sessions_changed:
            wait_for(
                self._sessions_changed,
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
        with self._sessions_changed:
            changes = self._directory_changes
        if Role.LISTENER in self._roles:
            race.see(list(self._directory.producers.values()))
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
        with self._sessions_changed:
            wait_for(
                self._sessions_changed,
                lambda: race.has_news or self._directory_changes != changes or self.state is not RoleState.REGISTERED,
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
        self._roles = (*self._roles, Role.LISTENER)
        client.register(self._roles, self.meta, self._on_registered, deadline)
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
        if session.link is not successor.link:
            successor.link.abandon(SessionClosed("the session that it was to resume has ended"), "not needed any more")

    def _wait_for_successor(self, session: LiveSession, name: str | None) -> bool:
        """Wait, while a session is interrupted, until its producer is registered under another id, or this end is again.

        An end whose address has changed may be registered again before the silence is long enough to be an interruption. So
        every registration since the last packet from the peer counts.

        Returns:
            Whether either end was registered again. False: the session is not interrupted any more.
        """
        heard_at = clock.now() - session.link.silence
        was_known = session.peer_id in self._directory.producers

        def has_moved() -> bool:
            if self._registered_again_at > heard_at:
                return True
            producers = self._directory.producers
            of_that_name = [peer_id for peer_id, peer in producers.items() if name is not None and peer.name == name]
            has_left = was_known and session.peer_id not in producers
            return any(has_left or self._came_at.get(peer_id, -math.inf) > heard_at for peer_id in of_that_name)

        while session.state == "interrupted":
            with self._sessions_changed:
                if wait_for(self._sessions_changed, has_moved, Deadline(_INTERRUPTED_POLL_SECONDS)):
                    return True
        return False

    def _make_offer(self, session: LiveSession, deadline: Deadline) -> str:
        if self._loop is None:
            raise ConnectionLost("the consumer is closed")
        return self._loop.run(session.link.make_offer(), deadline, f"making an offer for peer {session.peer_id}")

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        super()._on_registered(producers)
        self._on_directory_change(self._directory.reset(producers))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PeerStatusChanged):
            self._on_directory_change(self._directory.apply(event))
        elif isinstance(event, SessionStarted):
            self._on_session_started(event)
        else:
            super()._on_event(event)

    def _on_change(self, change: StateChange) -> None:
        if change.again:
            self._registered_again_at = clock.now()
        super()._on_change(change)

    def _on_peer_back(self, session: LiveSession) -> None:
        # The peer may have another address now. The server does not tell listeners that it was away.
        with self._sessions_changed:
            self._came_at[session.peer_id] = clock.now()
            self._directory_changes += 1
            self._sessions_changed.notify_all()

    def _on_directory_change(self, difference: Difference) -> None:
        with self._sessions_changed:
            self._came_at.update((peer.id, clock.now()) for peer in difference.added)
            for peer in difference.removed:
                self._came_at.pop(peer.id, None)
            self._directory_changes += 1
            self._sessions_changed.notify_all()

    def _on_session_started(self, event: SessionStarted) -> None:
        if not self.passive:
            self._requests.refuse_unasked(event)
            return
        self._on_request(event)

    def _begin_requested(self, request: SessionRequest, early: list[IceMessage]) -> None:
        try:
            session = self._new_session(request.peer_id)
            self._register(session, request.session_id)
        except ConnectionLost as error:
            logger.info("refused session %s: %s", request.session_id, error)
            self._requests.ended(request.session_id)
            return
        session.is_asked_for_by_peer = True
        for message in early:
            session.link.server.on_candidate(message.candidate, message.sdp_m_line_index)
        session.link.give_up_after(self._timeout)
        session.link.start_as_answerer(None)


def connect(
    uri: str | Endpoint | None = None,
    name: str | None = None,
    peer_id: str | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    timeout: float | None = None,
    ice_servers: GivenServers = (),
    retry: Retry | None = DEFAULT_RETRY,
    interrupted_after: float = DEFAULT_INTERRUPTED_AFTER,
    limits: SessionLimits | None = None,
    resume: bool = False,
    resend: bool = False,
    ice: IceOptions | None = None,
    video: Wanted = True,
    audio: Wanted = True,
) -> Session:
    """Start a session with a producer in one call. Closing the session closes everything that this call opened.

    Example:
        with connect(name="robot") as session:
            print(session.channel("state").recv(timeout=2))
            print(session.video.read().shape)

    Args:
        uri: ``ws://host:port``, or GStreamer's ``gstwebrtc://host:port?peer-id=ID``. Defaults to ``$GST_SIGNALLING_URI``, else
            ``ws://127.0.0.1:8443``.
        name: The producer's name. A producer that is not there yet is waited for; see `Consumer.start_session`.
        peer_id: The producer's peer id, instead of its name. Without both, the first producer that is there or comes is taken.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds until connected, and the default for the session's blocking calls. Defaults to 10.
        ice_servers: STUN and TURN servers: the short form of ``ice=IceOptions(servers)``.
        retry: How a lost signalling connection is made again; None: it is not. The session goes on in either case.
        interrupted_after: Seconds without any packet from the peer after which the session is ``"interrupted"``. Defaults to 2.
        limits: What the producer may use of this end. Defaults to those in ``docs/reference/limits.rst``.
        resume: Whether the session goes on in a new connection when this one breaks; see `Consumer.start_session`. Defaults to
            False.
        resend: Whether messages that the producer had not acknowledged are then sent again first. Defaults to False.
        ice: STUN and TURN servers, UDP ports and network interfaces. Defaults to the servers in
            ``$GST_SIGNALLING_ICE_SERVERS`` and all interfaces.
        video: The producer's video tracks that are taken: True for all, False for none, or a list of names. Defaults to True.
        audio: The producer's audio tracks that are taken, given as for `video`. Defaults to True.

    Returns:
        The session, connected.

    Raises:
        ConnectError: There is no signalling server.
        PeerNotFound: There is no peer with that id. `PeerWaitTimeout`, a subclass: no such producer came in time.
        ServerError: The peer is not a producer.
        SessionClosed: The producer rejected or ended the session, or left.
        WaitTimeout: The session did not connect in time.
        ValueError: An address does not have its form, or both id and name are given.
    """
    if name is None and peer_id is None:
        peer_id = resolve_endpoint(uri, host, port).peer_id
    if name is not None and peer_id is not None:
        raise ValueError(f"give either peer_id={peer_id!r} or name={name!r}, not both")
    terms = SessionTerms(tracks=TrackChoice.of(video, audio))
    consumer = Consumer(
        uri,
        host=host,
        port=port,
        timeout=timeout,
        ice_servers=ice_servers,
        retry=retry,
        interrupted_after=interrupted_after,
        ice=ice,
        limits=limits,
    )
    deadline = Deadline(DEFAULT_TIMEOUT if timeout is None else timeout)
    try:
        consumer.start(deadline.remaining())
        session = consumer._start_session(peer_id, name, terms, deadline, resume=resume, resend=resend)
    except BaseException:
        consumer.close(1.0)
        raise
    behind_session(session).close_with(consumer.close)
    return session


class _Reconnecting:
    """The consumer's side of `Resumption`."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def resume(self, session: LiveSession, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        self._consumer._resume_session(session, name, terms, deadline)

    def wait_for_successor(self, session: LiveSession, name: str | None) -> bool:
        return self._consumer._wait_for_successor(session, name)
