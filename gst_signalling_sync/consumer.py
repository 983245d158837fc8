"""`Consumer`: has sessions with producers; and `connect`, one session in one call."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

from .directory import Difference, Directory
from .endpoint import Endpoint, resolve_endpoint
from .errors import ConnectionLost, PeerNotFound, ServerError, SessionClosed
from .ice_options import GivenServers, IceOptions
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
from .webrtc.liveness import DEFAULT_INTERRUPTED_AFTER
from .webrtc.media.track_choice import TrackChoice, Wanted
from .webrtc.session import Session

__all__ = ["Consumer", "connect"]

logger = logging.getLogger(__name__)

_INTERRUPTED_POLL_SECONDS: Final = 0.25
"""How often a session that is interrupted is looked at: whether it still is."""


class Consumer(SessionRole):
    """Starts sessions with producers, several at once. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Example:
        with Consumer() as consumer:
            arms = [consumer.start_session(name=name) for name in ("left-arm", "right-arm")]
            for arm in arms:
                arm.channel("commands").send("home")

    Signals:
        state_changed(consumer, state, error): The state is another, with the reason where there is one.
        connection_lost(consumer, error): The signalling connection was lost; once per loss.
        reconnected(consumer, peer_id): Registered again after a loss; a server with a lease keeps the id.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: What listeners see: any JSON value of up to 64 KiB.
        passive: Register as a consumer that producers start sessions with, see `wait_for_session`.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default; None: 10.
        ice_servers: STUN and TURN servers: the short form of ``ice=IceOptions(servers)``.
        retry: How a lost signalling connection is made again; None: not at all.
        interrupted_after: Seconds without any packet of the peer after which a session is ``"interrupted"``. Defaults to 2.
        ice: STUN and TURN servers, UDP ports and network interfaces; None: ``$GST_SIGNALLING_ICE_SERVERS`` and all
            interfaces.
        limits: What producers may use of this consumer; None: the defaults. See ``docs/reference/limits.rst``.

    Raises:
        ValueError: An address is not of its form.
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
        # How often the directory has changed; guarded by `_sessions_changed`, so that one wait is for sessions and producers.
        self._directory_changes = 0
        # When each of the directory's producers came, and when this end was registered again; for sessions to be resumed.
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
        """Start a session with a producer. With neither id nor name it is the first producer there is, or comes.

        Args:
            peer_id: The producer's peer id.
            name: Or its name; one that is not there yet is waited for. Of several producers of that name the newest is tried
                first, then the others: a robot that lost its network and came back is listed twice for a while.
            offer: Make the offer here instead of waiting for the producer's. Not every producer answers offers.
            timeout: Seconds until connected; None: the object's default.
            resume: Whether the session goes on in a new connection when this one breaks: because nothing is heard from the
                producer any more, or its process ended. The session, its channels and tracks, what is connected to their
                signals and who waits in ``recv`` and ``read`` stay; ``session.state`` is ``"resuming"`` meanwhile, and
                ``session.id`` and ``peer_id`` change. The producer is found by its name, or its id where it has none. It is
                tried as often as `retry` says. A session that either end closes on purpose is not resumed.
            resend: Whether, on reliable channels, what the producer had not acknowledged is then sent first. It may arrive
                twice. In any case the signal ``channel.resumed`` tells what that was.
            video: Which of the producer's video tracks are taken: True, all; False, none; or a list of names. Of the others
                nothing is sent to this end.
            audio: Which of its audio tracks, likewise.

        Returns:
            The session, connected.

        Raises:
            PeerNotFound: There is no peer of that id; or as `PeerWaitTimeout`: no such producer came in time.
            ServerError: The peer is not a producer, or the server refused otherwise.
            SessionClosed: The producer rejected or ended the session, left, or sent what cannot be used.
            WaitTimeout: It did not connect in time.
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
            timeout: Seconds; None: the object's default.

        Returns:
            The session, connected; each one is given out once.

        Raises:
            WaitTimeout: None was connected in time.
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
            # From now on, so that it is known what has come when the session breaks.
            self._listen(self._registered_client(deadline, "listening for producers that return"), deadline)
        if peer_id is None:
            session, name = self._start_session_with_any(name, terms, deadline)
        else:
            session = self._await_connected(self._request_session(peer_id, terms, deadline), deadline)
            if resume:
                name = self._name_of(peer_id, deadline)
        if resume:
            Resumption(session, name, terms, self._retry or DEFAULT_RETRY, _Reconnecting(self)).arm(resend)
        return session

    def _name_of(self, peer_id: str, deadline: Deadline) -> str | None:
        client = self._registered_client(deadline, f"looking for the name of peer {peer_id}")
        return next((peer.name for peer in client.list_producers(deadline.remaining()) if peer.id == peer_id), None)

    def _request_session(
        self, peer_id: str, terms: SessionTerms, deadline: Deadline, resumes: Session | None = None
    ) -> Session:
        """A session that the server has accepted; it is on its way to be connected.

        Args:
            peer_id: The producer.
            terms: What is asked for.
            deadline: For the server's answer.
            resumes: The session that goes on in this one once it is connected.
        """
        client = self._registered_client(deadline, f"starting a session with peer {peer_id}")
        session = self._new_session(peer_id, terms.tracks)
        session.resumes = resumes

        def accept(event: SessionEvent) -> Session:
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
        self, name: str | None, terms: SessionTerms, deadline: Deadline, resumes: Session | None = None
    ) -> tuple[Session, str | None]:
        """A session with the first producer of a name that answers, and that name."""
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
        """Wait while the consumer is suspended, and a session of the race is not connected without the server.

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

    def _go_on(self, race: Race, terms: SessionTerms, resumes: Session | None) -> Session | None:
        """Do the next step of a race, or wait until there is one.

        Returns:
            The session that is connected, None while there is none.

        Raises:
            SignallingError: There will be none.
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
        """Hear of producers from now on; the answer to the registration is what the directory begins with.

        Returns:
            Whether that is new.
        """
        if Role.LISTENER in self._roles:
            return False
        self._roles = (*self._roles, Role.LISTENER)
        client.register(self._roles, self.meta, self._on_registered, deadline)
        return True

    def _resume_session(self, session: Session, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        """Have a session that is resuming go on with a new connection.

        Raises:
            SignallingError: It does not.
        """
        if name is None:
            successor = self._request_session(session.peer_id, terms, deadline, session)
            self._await_connected(successor, deadline)
        else:
            successor, _ = self._start_session_with_any(name, terms, deadline, session)
        if session.link is not successor.link:
            successor.link.abandon(SessionClosed("the session that it was to resume has ended"), "not needed any more")

    def _wait_for_successor(self, session: Session, name: str | None) -> bool:
        """Wait, while a session is interrupted, until its producer is registered under another id, or this end is.

        An end whose address has changed may be registered again before the silence is long enough to be an interruption. So
        whatever came since the peer was heard last counts.
        """
        heard_at = clock.now() - session.silence
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

    def _make_offer(self, session: Session, deadline: Deadline) -> str:
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

    def _on_peer_back(self, session: Session) -> None:
        # It may have another address now. No listener is told that it was away.
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
            session.link.on_candidate(message.candidate, message.sdp_m_line_index)
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
    """A session with a producer in one call; closing the session closes all that this opened.

    Example:
        with connect(name="robot") as session:
            print(session.channel("state").recv(timeout=2))
            print(session.video.read().shape)

    Args:
        uri: ``ws://host:port``, or GStreamer's ``gstwebrtc://host:port?peer-id=ID``; None: ``$GST_SIGNALLING_URI``, else
            ``ws://127.0.0.1:8443``.
        name: The producer's name; one that is not there yet is waited for. See `Consumer.start_session`.
        peer_id: Or its peer id; neither: the first producer there is, or comes.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds until connected, and for the session's blocking calls by default; None: 10.
        ice_servers: STUN and TURN servers: the short form of ``ice=IceOptions(servers)``.
        retry: How a lost signalling connection is made again; None: not at all. The session goes on in any case.
        interrupted_after: Seconds without any packet of the peer after which the session is ``"interrupted"``. Defaults to 2.
        limits: What the producer may use of this end; None: the defaults. See ``docs/reference/limits.rst``.
        resume: Whether the session goes on in a new connection when this one breaks. See `Consumer.start_session`.
        resend: Whether what the producer had not acknowledged is then sent first.
        ice: STUN and TURN servers, UDP ports and network interfaces; None: ``$GST_SIGNALLING_ICE_SERVERS`` and all
            interfaces.
        video: Which of the producer's video tracks are taken: True, all; False, none; or a list of names.
        audio: Which of its audio tracks, likewise.

    Returns:
        The session, connected.

    Raises:
        ConnectError: There is no signalling server.
        PeerNotFound: There is no peer of that id; or as `PeerWaitTimeout`: no such producer came in time.
        ServerError: The peer is not a producer.
        SessionClosed: The producer rejected or ended the session, or left.
        WaitTimeout: It did not connect in time.
        ValueError: An address is not of its form, or both id and name are given.
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
    session.close_with(consumer.close)
    return session


class _Reconnecting:
    """What a consumer does for the resumption of its sessions."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def resume(self, session: Session, name: str | None, terms: SessionTerms, deadline: Deadline) -> None:
        self._consumer._resume_session(session, name, terms, deadline)

    def wait_for_successor(self, session: Session, name: str | None) -> bool:
        return self._consumer._wait_for_successor(session, name)
