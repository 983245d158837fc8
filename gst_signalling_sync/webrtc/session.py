"""`Session`: a WebRTC peer connection with one peer, from its negotiation to its end.

Ownership: the peer connection, the negotiation and every change of state belong to the loop. Callers' threads read the
state, wait for changes on `_changed`, and have the loop do the rest. The session ends exactly once, in `_terminate`,
whoever asked for it: this end, the other end, the signalling server or the network.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection

from ..errors import ConnectionLost, MessageTooLarge, SessionClosed, SignallingError, WaitTimeout
from ..protocol.messages import SdpType
from ..signalling import SignallingClient
from ..signals import Signal
from ..threads import CallbackThread, Deadline, LoopThread, Owner
from .channel import ChannelOptions, DataChannel
from .negotiation import Negotiation

__all__ = ["Session", "SessionState"]

logger = logging.getLogger(__name__)

SessionState = Literal["connecting", "connected", "closed"]

_CLOSE_SECONDS: Final = 3.0
"""How long aiortc may take to close a peer connection."""

_REASON_CHARACTERS: Final = 500
"""The most that the other end is told of an error."""

_ACKNOWLEDGEMENT_POLL_SECONDS: Final = 0.005


class Session:
    """A WebRTC session with one peer; made by roles, not by users. A context manager that closes on exit.

    Every method may be called from any thread and from callbacks.
    """

    def __init__(
        self,
        peer_id: str,
        signalling: SignallingClient,
        loop: LoopThread,
        callbacks: CallbackThread,
        timeout: float,
        ice_servers: Sequence[RTCIceServer] = (),
    ) -> None:
        self.id = ""
        self.peer_id = peer_id
        self._signalling = signalling
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._ice_servers = ice_servers
        self._owner = Owner("session")
        self._close_all: Callable[[float | None], None] | None = None

        # Guards what follows; notified whenever any of it changes.
        self._changed = threading.Condition()
        self._state: SessionState = "connecting"
        self._error: Exception | None = None
        self._channels: list[DataChannel] = []

        # The loop's.
        self._connection: RTCPeerConnection | None = None
        self._negotiation: Negotiation | None = None
        self._termination: asyncio.Task[None] | None = None
        self._abandon_drain = False
        self._tasks: set[asyncio.Task[None]] = set()

        self.channel_opened = Signal("A data channel is open, whichever end created it: ``(session, channel)``.")
        self.state_changed = Signal('``(session, state)``: ``"connected"``, then ``"closed"``.')
        self.closed = Signal("The session ended; nothing follows: ``(session, error)``, None where it was closed.")
        self.settled: Callable[[Session], None] = lambda session: None
        """Called on the loop after each change of state; its role sets it."""

    def __repr__(self) -> str:
        return f"<Session {self.id} with peer {self.peer_id}, {self._state}>"

    @property
    def state(self) -> SessionState:
        """``"connecting"``, ``"connected"`` or ``"closed"``."""
        return self._state

    @property
    def error(self) -> Exception | None:
        """Why the session is closed; None while it is not, or when either end closed it in order."""
        return self._error

    @property
    def channels(self) -> list[DataChannel]:
        """The data channels that are not closed, in the order in which they came to be."""
        with self._changed:
            return list(self._channels)

    @property
    def peer_connection(self) -> RTCPeerConnection | None:
        """The `RTCPeerConnection` of aiortc, for experts: it may only be used on its loop. None before the negotiation."""
        return self._connection

    def channel(self, label: str | None = None, timeout: float | None = None) -> DataChannel:
        """Wait until a data channel is open.

        Args:
            label: Its label; None: the first channel there is.
            timeout: Seconds; None: the role object's default.

        Returns:
            The channel.

        Raises:
            WaitTimeout: None opened in time.
            SessionClosed: The session is closed, or was while waiting.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        deadline = self._deadline(timeout)

        def opened() -> DataChannel | None:
            matching = (channel for channel in self._channels if label is None or channel.label == label)
            return next((channel for channel in matching if channel.state == "open"), None)

        def done() -> bool:
            return self._state == "closed" or opened() is not None

        with self._changed:
            self._wait_for(done, deadline)
            channel = opened()
            if channel is not None:
                return channel
            named = "a data channel" if label is None else f"data channel {label!r}"
            if self._state == "closed":
                raise self._closed_error(f"waiting for {named}")
            known = ", ".join(f"{channel.label!r} ({channel.state})" for channel in self._channels) or "none"
        raise WaitTimeout(
            f"waiting for {named} with peer {self.peer_id}: not open within {deadline.seconds:g} s; channels: {known}"
        )

    def create_channel(
        self,
        label: str,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_packet_life_time: int | None = None,
        protocol: str = "",
        timeout: float | None = None,
    ) -> DataChannel:
        """Create a data channel. It can be sent on at once: messages wait for its opening.

        Args:
            label: Any text of up to 65535 bytes in UTF-8.
            ordered: Whether messages arrive in the order sent.
            max_retransmits: Give a message up after so many retransmissions; None: never.
            max_packet_life_time: Give a message up after so many milliseconds; None: never.
            protocol: The name of a subprotocol.
            timeout: Seconds; None: the role object's default.

        Returns:
            The channel, connecting.

        Raises:
            ValueError: Both limits are given, one is out of range, or a text is too long.
            SessionClosed: The session is closed.
            WaitTimeout: The event loop was too busy.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        options = ChannelOptions(label, ordered, max_retransmits, max_packet_life_time, protocol)
        if self._state == "closed":
            raise self._closed_error(f"creating data channel {label!r}")

        async def create() -> DataChannel:
            return self.add_channel(options)

        return self._loop.run(create(), self._deadline(timeout), f"creating data channel {label!r} on {self._named}")

    def stats(self, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        """The W3C's statistics of this end.

        Args:
            timeout: Seconds; None: the role object's default.

        Returns:
            For each statistics object its id and its members, named and in units as in the W3C's WebRTC statistics.

        Raises:
            WaitTimeout: The event loop was too busy.
            ConnectionLost: The role object is closed.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        return self._loop.run(self._stats(), self._deadline(timeout), f"reading the statistics of {self._named}")

    def reject(self, reason: str = "rejected") -> None:
        """Refuse a session that was requested; the consumer's call raises with the reason where its server tells it.

        Args:
            reason: For the consumer; told by servers that speak protocol 1.1.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        self.abandon(SessionClosed(f"{self._named}: rejected: {reason}"), reason)

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent on the channels, then end the session at both ends; idempotent.

        Args:
            timeout: Seconds for the delivery; None: the role object's default. What is not delivered then is lost, which
                is logged.

        Raises:
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        if self._close_all is not None:
            self._close_all(timeout)
            return
        if self._state == "closed":
            return
        deadline = self._deadline(timeout)
        doing = f"closing {self._named}"
        try:
            self._loop.run(self.terminate(drain_seconds=deadline.seconds), Deadline(deadline.seconds + 5), doing)
        except ConnectionLost:
            logger.debug("%s: its role object was closed at the same time", doing)

    def close_with(self, close_all: Callable[[float | None], None]) -> None:
        """Have `close`, and the other end's end of the session, close what belongs to this session alone."""
        self._close_all = close_all
        self.closed.connect(lambda session, error: close_all(None))

    def wait_connected(self, deadline: Deadline) -> None:
        """Wait until the session is connected.

        Raises:
            WaitTimeout: It did not connect in time.
            SessionClosed: It ended before.
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            self._wait_for(lambda: self._state != "connecting", deadline)
            if self._state == "connecting":
                raise WaitTimeout(
                    f"starting {self._named}: not connected within {deadline.seconds:g} s ({self._progress()})"
                )
            if self._state == "closed":
                raise self._closed_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check_message_size(self, size: int) -> None:
        """Raise `MessageTooLarge` for a message of more bytes than the other end accepts."""
        limit = self._max_message_size
        if limit is not None and size > limit:
            raise MessageTooLarge(
                f"a message of {size} bytes is too large for peer {self.peer_id}, which accepts up to {limit} bytes."
                " Send it in parts."
            )

    # What follows is for roles, and does not block.

    def abandon(self, error: Exception | None, told_peer: str | None = None) -> None:
        """End the session at both ends without delivering anything more; returns at once.

        Args:
            error: What `closed` reports.
            told_peer: What the other end is told, where its server can.
        """
        self._loop.call(lambda: self._spawn(self.terminate(error, told_peer)))

    def start_as_offerer(self, channels: Sequence[ChannelOptions]) -> None:
        """Make the offer and send it."""

        async def offer() -> None:
            self._open(channels)
            assert self._negotiation is not None
            self._send_sdp(SdpType.OFFER, await self._negotiation.make_offer())

        self._loop.call(lambda: self._negotiate(offer()))

    def start_as_answerer(self, offer: str | None, channels: Sequence[ChannelOptions] = ()) -> None:
        """Wait for the offer, or answer the one that came with the request."""

        async def answer() -> None:
            self._open(channels)
            if offer is not None:
                assert self._negotiation is not None
                await self._negotiation.receive(SdpType.OFFER, offer)

        self._loop.call(lambda: self._negotiate(answer()))

    async def make_offer(self) -> str:
        """Make the offer for a request that carries it; on the loop."""
        self._open(())
        assert self._negotiation is not None
        return await self._negotiation.make_offer()

    def on_description(self, kind: SdpType, sdp: str) -> None:
        """Handle the other end's description."""
        self._loop.call(lambda: self._negotiate(self._receive(kind, sdp)))

    def on_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Handle the other end's candidate."""

        async def add() -> None:
            if self._negotiation is not None:
                await self._negotiation.add_candidate(text, sdp_m_line_index)

        self._loop.call(lambda: self._spawn(add()))

    def on_end(self, error: str | None) -> None:
        """Handle that the other end, or the server for it, ended the session."""

        def end() -> None:
            self._abandon_drain = True
            failure: SessionClosed | None = None
            if error is not None:
                failure = SessionClosed(f"{self._named}: ended by the peer: {error}")
            elif self._state == "connecting":
                failure = SessionClosed(f"{self._named}: the peer ended it, or left, before it was connected")
            self._spawn(self.terminate(failure, tell_peer=False))

        self._loop.call(end)

    async def terminate(
        self,
        error: Exception | None = None,
        told_peer: str | None = None,
        *,
        tell_peer: bool = True,
        drain_seconds: float = 0.0,
    ) -> None:
        """End the session; on the loop. Whoever comes second waits for the first."""
        if self._termination is None:
            self._termination = asyncio.ensure_future(self._terminate(error, told_peer, tell_peer, drain_seconds))
        elif not drain_seconds:
            self._abandon_drain = True
        # Shielded: a caller that gives up must not stop half-way what others rely on.
        await asyncio.shield(self._termination)

    # What follows is called by channels, on the loop.

    def announce_channel(self, channel: DataChannel) -> None:
        """Tell who waits for it, and the receivers, that a channel is open."""
        with self._changed:
            self._changed.notify_all()
        self._callbacks.post(lambda: self.channel_opened.emit(self, channel=channel))

    def forget_channel(self, channel: DataChannel) -> None:
        """Take a closed channel off the list."""
        with self._changed:
            if channel in self._channels:
                self._channels.remove(channel)
            self._changed.notify_all()

    def add_channel(self, options: ChannelOptions) -> DataChannel:
        """Create a channel; on the loop."""
        if self._state == "closed" or self._termination is not None:
            raise self._closed_error(f"creating data channel {options.label!r}")
        return self._adopt(options.create(self._open_connection()))

    @property
    def _named(self) -> str:
        return f"session {self.id or '(requested)'} with peer {self.peer_id}"

    @property
    def _max_message_size(self) -> int | None:
        negotiation = self._negotiation
        return None if negotiation is None else negotiation.max_message_size

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _wait_for(self, predicate: Callable[[], bool], deadline: Deadline) -> None:
        if self._loop.is_current and not predicate():
            raise RuntimeError(
                f"{self._named}: a blocking call on the event loop thread would wait for itself for ever"
            )
        self._changed.wait_for(predicate, deadline.remaining())

    def _closed_error(self, doing: str = "") -> SessionClosed:
        reason = str(self._error) if self._error is not None else f"{self._named} is closed"
        return SessionClosed(f"{doing}: {reason}" if doing else reason)

    def _progress(self) -> str:
        connection = self._connection
        if connection is None or connection.remoteDescription is None:
            return "the peer sent no session description"
        return f"ICE {connection.iceConnectionState}, connection {connection.connectionState}"

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        # asyncio itself holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _negotiate(self, step: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await step
            except Exception as error:  # noqa: BLE001 - whatever it was, the peers cannot come together
                await self._on_negotiation_failure(error)

        self._spawn(run())

    async def _on_negotiation_failure(self, error: Exception) -> None:
        if self._state == "connected":
            logger.warning("%s: renegotiation failed: %s", self._named, error)
        elif self._termination is None:
            if not isinstance(error, SignallingError):
                logger.exception("%s: negotiation failed", self._named, exc_info=error)
            # The other end names the session itself.
            reason = str(error).removeprefix(f"{self._named}: ")
            await self.terminate(error, reason[:_REASON_CHARACTERS])

    async def _receive(self, kind: SdpType, sdp: str) -> None:
        if self._negotiation is not None and self._termination is None:
            await self._negotiation.receive(kind, sdp)

    def _open(self, channels: Sequence[ChannelOptions]) -> None:
        if self._termination is not None:
            return
        self._open_connection()
        for options in channels:
            self.add_channel(options)

    def _open_connection(self) -> RTCPeerConnection:
        if self._connection is None:
            # Without a configuration aiortc would ask a public STUN server.
            connection = RTCPeerConnection(RTCConfiguration(iceServers=list(self._ice_servers)))
            connection.on("connectionstatechange", self._on_connection_state)
            connection.on("datachannel", self._on_channel)
            self._connection = connection
            self._negotiation = Negotiation(connection, self._named, self._send_sdp)
        return self._connection

    def _send_sdp(self, kind: SdpType, sdp: str) -> None:
        try:
            self._signalling.send_sdp(self.id, kind, sdp)
        except ConnectionLost as error:
            raise SessionClosed(f"{self._named}: {error}") from error

    def _on_connection_state(self) -> None:
        connection = self._connection
        if connection is None or self._termination is not None:
            return
        state = connection.connectionState
        if state == "connected" and self._state == "connecting":
            self._enter("connected")
        elif state == "failed":
            what = "the connection to the peer was lost" if self._state == "connected" else "no connection to the peer"
            reason = f"{what} (ICE {connection.iceConnectionState})"
            self._spawn(self.terminate(SessionClosed(f"{self._named}: {reason}"), reason))
        elif state == "closed":
            self._spawn(self.terminate())

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._termination is None:
            adopted = self._adopt(channel)
            self.announce_channel(adopted)

    def _adopt(self, channel: RTCDataChannel) -> DataChannel:
        adopted = DataChannel(self, channel, self._loop, self._callbacks, self._timeout)
        with self._changed:
            self._channels.append(adopted)
        return adopted

    async def _terminate(
        self, error: Exception | None, told_peer: str | None, tell_peer: bool, drain_seconds: float
    ) -> None:
        channels = self.channels
        for channel in channels:
            channel.refuse_sends()
        if drain_seconds > 0:
            await self._drain(channels, Deadline(drain_seconds))
        if tell_peer and self.id:
            self._tell_peer(told_peer)
        if self._connection is not None:
            await self._close_connection(self._connection)
        for channel in self.channels:
            channel.end(str(error) if error else "the session is closed")
        self._error = error
        self._enter("closed")

    def _tell_peer(self, reason: str | None) -> None:
        try:
            self._signalling.end_session(self.id, reason)
        except ConnectionLost as error:
            logger.debug("%s: the server could not be told of its end: %s", self._named, error)

    async def _close_connection(self, connection: RTCPeerConnection) -> None:
        try:
            await asyncio.wait_for(connection.close(), _CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("%s: aiortc did not close it within %g s", self._named, _CLOSE_SECONDS)

    async def _drain(self, channels: Sequence[DataChannel], deadline: Deadline) -> None:
        """Wait until the other end's SCTP has acknowledged all that was sent.

        aiortc's close() drops what it has not sent, and has no event for acknowledgements, hence the poll.
        """
        while not self._abandon_drain and self._is_alive() and not self._is_acknowledged(channels):
            if not deadline.remaining():
                break
            await asyncio.sleep(_ACKNOWLEDGEMENT_POLL_SECONDS)
        lost = sum(channel.buffered_amount for channel in channels)
        if lost:
            logger.warning("%s: closed with %d bytes not sent", self._named, lost)

    def _is_alive(self) -> bool:
        return self._connection is not None and self._connection.connectionState == "connected"

    def _is_acknowledged(self, channels: Sequence[DataChannel]) -> bool:
        transport = self._connection.sctp if self._connection is not None else None
        if transport is None or transport.state == "closed":
            return True
        in_flight = transport._data_channel_queue or transport._outbound_queue or transport._sent_queue
        return not in_flight and all(channel.is_drained for channel in channels)

    async def _stats(self) -> dict[str, dict[str, Any]]:
        stats: dict[str, dict[str, Any]] = {}
        if self._connection is not None:
            report = await self._connection.getStats()
            stats.update((key, dict(vars(value))) for key, value in report.items())
        for number, channel in enumerate(self.channels):
            stats[f"data-channel-{number}"] = channel.stats()
        return stats

    def _enter(self, state: SessionState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()
        logger.info("%s: %s", self._named, state if self._error is None else f"{state}: {self._error}")
        self._callbacks.post(lambda: self.state_changed.emit(self, state=state))
        if state == "closed":
            self._callbacks.post(lambda: self.closed.emit(self, error=self._error))
        self.settled(self)
