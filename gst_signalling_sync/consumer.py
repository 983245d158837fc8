"""`Consumer`, which has sessions with producers, and `connect`, which makes one session in one call."""

from __future__ import annotations

import logging
from typing import Any

from .endpoint import Endpoint, resolve_endpoint
from .errors import ConnectionLost
from .ice_options import IceOptions
from .ice_servers import GivenServers
from .known_producers import KnownProducers
from .protocol.backoff import DEFAULT_RETRY, Retry
from .protocol.messages import Event, Role, SessionStarted
from .protocol.session_limits import SessionLimits
from .session_requests import EarlyMessages, SessionRequest
from .session_terms import SessionTerms
from .signalling import DEFAULT_TIMEOUT
from .starting_role import StartingRole
from .threads.waiting import Deadline
from .webrtc.liveness import DEFAULT_INTERRUPTED_AFTER
from .webrtc.media.track_choice import TrackChoice, Wanted
from .webrtc.session import Session, behind_session

__all__ = ["Consumer", "connect"]

logger = logging.getLogger(__name__)


class Consumer(StartingRole):
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
        TypeError: `retry`, `limits` or another argument is of another type.
    """

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
        self._known = KnownProducers(self.uri, self._sessions.changed)

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
            TypeError: `video` or `audio` is neither a bool nor a list of names.
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

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SessionStarted):
            self._on_session_started(event)
        else:
            super()._on_event(event)

    def _on_session_started(self, event: SessionStarted) -> None:
        if not self.passive:
            self._requests.refuse_unasked(event)
            return
        self._on_request(event)

    def _begin_requested(self, request: SessionRequest, early: EarlyMessages) -> None:
        try:
            session = self._new_session(request.peer_id)
            self._register(session, request.session_id)
        except ConnectionLost as error:
            logger.info("refused session %s: %s", request.session_id, error)
            self._requests.ended(request.session_id)
            return
        session.is_asked_for_by_peer = True
        for message in early.candidates:
            session.link.server.on_candidate(message.candidate, message.sdp_m_line_index)
        session.link.give_up_after(self._timeout)
        session.link.start_as_answerer(None)
        if early.description is not None:
            session.link.server.on_description(early.description.type, early.description.sdp)


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
        ConnectionLost: The server closes each connection, or the consumer was not registered again in time.
        ValueError: An address does not have its form, or both id and name are given.
        TypeError: `retry`, `limits` or another argument is of another type.
        RuntimeError: gevent or eventlet has patched threads or sockets, or this would block the event loop.
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
