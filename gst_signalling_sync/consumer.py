"""`Consumer`: has sessions with producers; and `connect`, one session in one call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from .directory import Directory
from .endpoint import resolve_endpoint
from .errors import ConnectionLost
from .protocol.messages import Event, Peer, PeerStatusChanged, Role, SessionStarted
from .session_role import SessionRole
from .signalling.answers import SessionEvent
from .signalling.lookup import producer_named
from .threads.waiting import Deadline
from .webrtc.session import Session

__all__ = ["Consumer", "connect"]

logger = logging.getLogger(__name__)


class Consumer(SessionRole):
    """Starts sessions with producers, several at once. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Signals:
        connection_lost(consumer, error): The signalling connection was lost.

    Args:
        uri: ``ws://host:port``; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        meta: What listeners see: any JSON value of up to 64 KiB.
        passive: Register as a consumer that producers start sessions with, see `wait_for_session`.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default; None: 10.
        ice_servers: ``stun://host:port`` and ``turn://user:password@host:port``; none by default.

    Raises:
        ValueError: An address is not of its form.
    """

    def __init__(
        self,
        uri: str | None = None,
        meta: Any = None,
        passive: bool = False,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
        ice_servers: Sequence[str] = (),
    ) -> None:
        roles = (Role.CONSUMER,) if passive else ()
        super().__init__(uri, roles, meta, host=host, port=port, timeout=timeout, ice_servers=ice_servers)
        self.passive = passive
        self._directory = Directory(self.uri)

    def start_session(
        self,
        peer_id: str | None = None,
        name: str | None = None,
        offer: bool = False,
        timeout: float | None = None,
    ) -> Session:
        """Start a session with a producer. With neither id nor name it is the first producer there is, or comes.

        Args:
            peer_id: The producer's peer id.
            name: Or its name; one that is not there yet is waited for.
            offer: Make the offer here instead of waiting for the producer's. Not every producer answers offers.
            timeout: Seconds until connected; None: the object's default.

        Returns:
            The session, connected.

        Raises:
            PeerNotFound: There is no peer of that id; or as `PeerWaitTimeout`: no such producer came in time.
            ServerError: The peer is not a producer, or the server refused otherwise.
            SessionClosed: The producer rejected or ended the session, left, or sent what cannot be used.
            WaitTimeout: It did not connect in time.
            ConnectionLost: The consumer is not started, or lost its signalling connection.
            ValueError: Both id and name are given.
            RuntimeError: The consumer was inherited by `fork`, or this would block the event loop.
        """
        if peer_id is not None and name is not None:
            raise ValueError(f"give either peer_id={peer_id!r} or name={name!r}, not both")
        return self._start_session(peer_id, name, offer, self._deadline(timeout))

    def wait_for_session(self, timeout: float | None = None) -> Session:
        """Wait for a session that a producer starts with this passive consumer.

        Args:
            timeout: Seconds; None: the object's default.

        Returns:
            The session, connected; each one is given out once.

        Raises:
            WaitTimeout: None was connected in time.
            ConnectionLost: The consumer is not started, or lost its signalling connection.
            RuntimeError: The consumer is not passive, or was inherited by `fork`.
        """
        self._client()
        if not self.passive:
            raise RuntimeError("producers start sessions only with a passive consumer: Consumer(..., passive=True)")
        return self._wait_for_session("a producer", self._deadline(timeout))

    def _start_session(self, peer_id: str | None, name: str | None, offer: bool, deadline: Deadline) -> Session:
        client = self._client()
        if peer_id is None:
            peer_id = self._find_producer(name, deadline).id
        session = self._new_session(peer_id)

        def accept(event: SessionEvent) -> Session:
            self._register(session, event.session_id, ours=True)
            if not offer:
                session.link.start_as_answerer(None, sources=self._sources)
            return session

        try:
            sdp = self._make_offer(session, deadline) if offer else None
            client.start_session_with(peer_id, sdp, accept, deadline)
        except BaseException:
            session.link.abandon(None)
            raise
        return self._await_connected(session, deadline)

    def _find_producer(self, name: str | None, deadline: Deadline) -> Peer:
        client = self._client()
        producer = producer_named(client.list_producers(deadline.remaining()), name)
        if producer is None:
            # Listening from now on: the answer to the registration is what the directory begins with.
            client.register((*self._roles, Role.LISTENER), self.meta, self._directory.reset, deadline)
            producer = self._directory.wait_for(name, deadline)
        return producer

    def _make_offer(self, session: Session, deadline: Deadline) -> str:
        if self._loop is None:
            raise ConnectionLost("the consumer is closed")
        return self._loop.run(
            session.link.make_offer(self._sources), deadline, f"making an offer for peer {session.peer_id}"
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PeerStatusChanged):
            self._directory.apply(event)
        elif isinstance(event, SessionStarted):
            self._on_session_started(event)
        else:
            super()._on_event(event)

    def _on_session_started(self, event: SessionStarted) -> None:
        if not self.passive:
            logger.warning("refused session %s, which peer %s started unasked", event.session_id, event.peer_id)
            self._client().end_session(event.session_id, "not a passive consumer")
            return
        try:
            session = self._new_session(event.peer_id)
            self._register(session, event.session_id)
        except ConnectionLost as error:
            logger.info("refused session %s: %s", event.session_id, error)
            return
        session.link.give_up_after(self._timeout)
        session.link.start_as_answerer(None, sources=self._sources)

    def _on_lost(self, error: ConnectionLost) -> None:
        self._directory.fail(error)
        super()._on_lost(error)

    def _end_sessions(self, deadline: Deadline) -> None:
        self._directory.fail(ConnectionLost(f"the consumer of {self.uri} is closed"))
        super()._end_sessions(deadline)


def connect(
    uri: str | None = None,
    name: str | None = None,
    peer_id: str | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    timeout: float | None = None,
    ice_servers: Sequence[str] = (),
) -> Session:
    """A session with a producer in one call; closing the session closes all that this opened.

    Args:
        uri: ``ws://host:port``, or GStreamer's ``gstwebrtc://host:port?peer-id=ID``; None: ``$GST_SIGNALLING_URI``, else
            ``ws://127.0.0.1:8443``.
        name: The producer's name; one that is not there yet is waited for.
        peer_id: Or its peer id; neither: the first producer there is, or comes.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds until connected, and for the session's blocking calls by default; None: 10.
        ice_servers: ``stun://host:port`` and ``turn://user:password@host:port``; none by default.

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
    consumer = Consumer(uri, host=host, port=port, timeout=timeout, ice_servers=ice_servers)
    deadline = consumer._deadline(timeout)
    try:
        consumer.start(deadline.remaining())
        session = consumer._start_session(peer_id, name, False, deadline)
    except BaseException:
        consumer.close(1.0)
        raise
    session.close_with(consumer.close)
    return session
