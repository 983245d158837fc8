"""`Producer`: offers data channels, video and audio to every consumer that asks for a session."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from .broadcast import Broadcast
from .broadcast_channel import BroadcastChannel
from .echo import ECHO_THREAD, Echo, is_echo, refuse_echo
from .endpoint import Endpoint
from .errors import ConnectionLost, SessionClosed
from .ice_options import IceOptions
from .ice_servers import GivenServers
from .protocol.backoff import DEFAULT_RETRY, Retry
from .protocol.messages import Event, Role, SessionRequested
from .protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from .session_announcements import SessionAnnouncements
from .session_requests import EarlyMessages, SessionRequest
from .session_role import SessionRole
from .signalling.answers import SessionEvent
from .signals import Signal
from .webrtc.channel_options import ChannelOptions
from .webrtc.live_channel import LiveChannel
from .webrtc.live_session import LiveSession
from .webrtc.liveness import DEFAULT_INTERRUPTED_AFTER
from .webrtc.session import Session, channel_of, session_of

__all__ = ["Producer"]

logger = logging.getLogger(__name__)


class Producer(SessionRole):
    """Registers as a producer and serves any number of consumers. A context manager that starts and closes.

    Every method may be called from any thread and from callbacks.

    Example:
        robot = Producer(name="robot")
        commands = robot.add_channel("commands")
        commands.message.connect(lambda channel, session, data: channel.send(data, session=session))
        with robot:
            robot.serve_forever()

    Signals:
        session_requested(producer, session): A consumer asked for a session. The offer waits for the receivers.
        session_started(producer, session): A session is connected.
        session_ended(producer, session, error): A session that was requested ended.
        state_changed(producer, state, error): The state changed; ``error`` is the reason, or None.
        connection_lost(producer, error): The signalling connection was lost; emitted once per loss.
        reconnected(producer, peer_id): The producer is registered again after a loss. A server with a lease keeps the id.

    Args:
        uri: ``ws://host:port``. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        name: Name by which consumers find the producer; it is put into `meta`. Defaults to no name.
        meta: JSON object that listeners and consumers see, of up to 64 KiB; without a name any JSON value. Defaults to None.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds that a blocking call may take by default. Defaults to 10.
        ice_servers: STUN and TURN servers: the short form of ``ice=IceOptions(servers)``.
        echo: Whether consumers may measure the round trip, as ``gst-signalling-sync ping`` does: every message of a data
            channel that a consumer opens with the subprotocol ``echo.gst-signalling-sync`` is sent back. If False, such a
            channel is closed. Defaults to True.
        retry: How a lost signalling connection is made again; None: it is not.
        interrupted_after: Seconds without any packet from the peer after which a session is ``"interrupted"``. Defaults to 2.
        ice: STUN and TURN servers, UDP ports and network interfaces. Defaults to the servers in
            ``$GST_SIGNALLING_ICE_SERVERS`` and all interfaces.
        max_sessions: Maximum number of sessions that consumers have at once. Those beyond it are refused; their
            `SessionClosed.reason` is ``"busy"``. Defaults to that of `limits`, which is 32 by default.
        limits: What consumers may use of this producer. Defaults to those in ``docs/reference/limits.rst``.

    Raises:
        ValueError: An address does not have its form, the name is not a string, `meta` is not an object that can hold the name,
            or `max_sessions` is not positive.
        TypeError: `retry`, `limits` or another argument is of another type.
    """

    _offers = True

    def __init__(
        self,
        uri: str | Endpoint | None = None,
        name: str | None = None,
        meta: Any = None,
        *,
        host: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
        ice_servers: GivenServers = (),
        echo: bool = True,
        retry: Retry | None = DEFAULT_RETRY,
        interrupted_after: float = DEFAULT_INTERRUPTED_AFTER,
        ice: IceOptions | None = None,
        max_sessions: int | None = None,
        limits: SessionLimits | None = None,
    ) -> None:
        limits = DEFAULT_SESSION_LIMITS if limits is None else limits
        if max_sessions is not None:
            limits = replace(limits, sessions=max_sessions)
        super().__init__(
            uri,
            (Role.PRODUCER,),
            _named_meta(name, meta),
            host=host,
            port=port,
            timeout=timeout,
            ice_servers=ice_servers,
            retry=retry,
            interrupted_after=interrupted_after,
            ice=ice,
            limits=limits,
        )
        self.name = name
        self.echo = echo
        # One per session, however many echo channels it has. Used on the loop only.
        self._echoes: WeakKeyDictionary[LiveSession, Echo] = WeakKeyDictionary()
        self._announcements = SessionAnnouncements()
        # Only ever appended to, so that the loop reads it without the lock, which keeps labels unique.
        self._broadcasts: list[Broadcast] = []
        self._adding = threading.Lock()
        self.session_requested = Signal(
            "A consumer asked for a session: ``(producer, session)``. The offer waits for the receivers: add channels for"
            " this session, or `session.reject(reason)`."
        )
        self.session_started = Signal("A session is connected: ``(producer, session)``.")
        self.session_ended = Signal("A session that was requested ended: ``(producer, session, error)``.")

    def add_channel(
        self,
        label: str,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_packet_life_time: int | None = None,
        protocol: str = "",
        *,
        max_age: float | None = None,
        dated: bool = False,
    ) -> BroadcastChannel:
        """Add a data channel to every session, including those that run already.

        Args:
            label: String of up to 65535 bytes in UTF-8. A peer of this library accepts 1024 bytes, unless its limits say more.
            ordered: Whether messages arrive in the order in which they were sent. Defaults to True.
            max_retransmits: Maximum number of retransmissions of a message. Defaults to no maximum.
            max_packet_life_time: Maximum time for transmissions of a message, in milliseconds. Defaults to no maximum.
            protocol: Name of a subprotocol. Defaults to the empty string.
            max_age: Maximum age of a message in seconds, up to 65.535. An older message is dropped where it waits to be sent;
                where it arrives, if both ends are this library's; and where it waits for a receiver or `recv`.
                `DataChannel.expired` counts them. Defaults to no maximum.
            dated: Whether a peer of this library is told when each message was sent, which `DataChannel.recv_message` returns.
                This takes 16 bytes per message. A peer that has received a dated message dates its own too. Defaults to False.

        Returns:
            The channel, which sends to all sessions and receives from each.

        Raises:
            ValueError: More than one maximum is given, one is out of range, a string is too long, or the label is taken.
            RuntimeError: The producer was inherited by `fork`.
        """
        self._owner.check()
        options = ChannelOptions(label, ordered, max_retransmits, max_packet_life_time, protocol, max_age, dated)
        broadcast = Broadcast(options, self._open_sessions, self._owns, self._timeout)
        channel = BroadcastChannel(broadcast)
        with self._adding:
            if any(each.label == label for each in self._broadcasts):
                raise ValueError(f"label must be that of no other channel of this producer, not {label!r} again")
            self._broadcasts.append(broadcast)
        for session in self._open_sessions():
            session.link.call(self._complete, session)
        return channel

    def wait_for_session(self, timeout: float | None = None) -> Session:
        """Wait for a session that a consumer starts.

        Args:
            timeout: Seconds. Defaults to the producer's timeout.

        Returns:
            The session, connected. Each session is returned once; one that has ended before is not returned.

        Raises:
            WaitTimeout: No session was connected in time.
            ConnectionLost: The producer is not started, was closed, or is suspended and was not registered again in time.
            RuntimeError: The producer was inherited by `fork`.
        """
        return self._wait_for_session("a consumer", self._deadline(timeout))

    def start_session(self, consumer_id: str, timeout: float | None = None) -> Session:
        """Start a session with a passive consumer, which is a peer that is registered as ``consumer``.

        Args:
            consumer_id: The consumer's peer id.
            timeout: Seconds until connected. Defaults to the producer's timeout.

        Returns:
            The session, connected.

        Raises:
            PeerNotFound: There is no such peer.
            ServerError: The peer is not a passive consumer.
            SessionClosed: The consumer ended the session, or left.
            WaitTimeout: It did not connect in time.
            ConnectionLost: The producer is not started, was closed, or is suspended and was not registered again in time.
            RuntimeError: The producer was inherited by `fork`, or this would block the event loop.
        """
        deadline = self._deadline(timeout)
        client = self._registered_client(deadline, f"starting a session with consumer {consumer_id}")
        made: list[LiveSession] = []
        gave_up = threading.Event()

        def accept(event: SessionEvent) -> LiveSession:
            session = self._add_session(consumer_id, event.session_id, ours=True)
            made.append(session)
            if gave_up.is_set():
                session.abandon(None)
            return session

        try:
            session = client.start_session_with(consumer_id, None, accept, deadline)
            return session_of(self._await_connected(session, deadline, lambda: self._begin(session)))
        except BaseException:
            # Ctrl-C may come just after the reader has made the session, of which this caller does not know then.
            gave_up.set()
            for each in made:
                each.abandon(None)
            raise

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SessionRequested):
            self._on_request(event)
        else:
            super()._on_event(event)

    def _begin_requested(self, request: SessionRequest, early: EarlyMessages) -> None:
        try:
            session = self._add_session(request.peer_id, request.session_id)
        except ConnectionLost as error:
            logger.info("refused session %s: %s", request.session_id, error)
            self._requests.ended(request.session_id)
            return
        session.is_asked_for_by_peer = True
        for message in early.candidates:
            session.link.server.on_candidate(message.candidate, message.sdp_m_line_index)
        offer = request.offer if isinstance(request, SessionRequested) else None
        self._begin(session, offer, self._timeout)

    def _add_session(self, peer_id: str, session_id: str, ours: bool = False) -> LiveSession:
        """Make a session, and register it before any later message for it is handled."""
        session = self._new_session(peer_id)
        self._register(session, session_id, ours)
        session.adopted = self._on_channel
        return session

    def _begin(self, session: LiveSession, offer: str | None = None, seconds: float | None = None) -> None:
        """Negotiate after the receivers of `session_requested` have returned; does not wait."""
        if not self._announcements.begin(session):
            return
        if self.session_requested.receivers:
            self._callbacks.emit_then(
                lambda: self._negotiate(session, offer, seconds),
                self.session_requested,
                self,
                session=session_of(session),
            )
        else:
            self._negotiate(session, offer, seconds)
        if self._announcements.requested(session):
            self._tell_end(session)

    def _negotiate(self, session: LiveSession, offer: str | None, seconds: float | None) -> None:
        """Begin the negotiation; does not wait.

        Args:
            session: The session.
            offer: The consumer's offer; None: this end makes the offer.
            seconds: Seconds after which a session that is not connected is given up; None: its caller does that.
        """
        if seconds is not None:
            session.link.give_up_after(seconds)
        channels = [each.options for each in self._broadcasts]
        if offer is None:
            session.link.start_as_offerer(channels)
        else:
            session.link.start_as_answerer(offer, channels)

    def _complete(self, session: LiveSession) -> None:
        """Create the channels that were added after the session's offer; on the loop."""
        for broadcast in self._broadcasts:
            for channel in session.channels.all:
                if channel.label == broadcast.label:
                    broadcast.adopt(channel, session)
            if session.is_open and session.link.takes_data:
                # The session may be about to end.
                with contextlib.suppress(SessionClosed):
                    session.link.ensure_channel(broadcast.options)

    def _on_channel(self, session: LiveSession, channel: LiveChannel) -> None:
        """Handle a channel that either end has created; on the loop."""
        held = channel_of(channel)
        if is_echo(held):
            if self.echo:
                self._echoes.setdefault(session, Echo(self._limits.echo_bytes, session.link.met)).on(held)
            else:
                self._callbacks.post_to(ECHO_THREAD, refuse_echo, held)
            return
        for broadcast in self._broadcasts:
            if broadcast.label == channel.label:
                broadcast.adopt(channel, session)

    def _owns(self, session: LiveSession) -> bool:
        return self._sessions.has(session)

    def _on_settled(self, session: LiveSession) -> None:
        super()._on_settled(session)
        if session.state == "connected":
            self._complete(session)
            self._emit(self.session_started, session=session_of(session))
        elif self._announcements.ended(session):
            self._tell_end(session)

    def _tell_end(self, session: LiveSession) -> None:
        self._emit(self.session_ended, session=session_of(session), error=session.error)


def _named_meta(name: str | None, meta: Any) -> Any:
    if name is None:
        return meta
    if not isinstance(name, str):
        raise ValueError(f"name must be a string, not {name!r:.100}")
    if meta is None:
        return {"name": name}
    if not isinstance(meta, dict):
        raise ValueError(f"meta must be a dict where a name is given, which goes into it, not {meta!r:.100}")
    if meta.get("name", name) != name:
        raise ValueError(f"name must be the one in meta, {meta['name']!r:.100}, not {name!r}; give only one of them")
    return {**meta, "name": name}
