"""`Association`: an SCTP association (RFC 9260): what its driver asks of it, and its packets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .chunks import (
    ABORT,
    COOKIE_ECHO,
    DATA,
    DATA_VALUE,
    INIT,
    PACKET_HEADER_BYTES,
    SHUTDOWN_COMPLETE,
    TAG_REFLECTED,
    Init,
    MalformedPacket,
    RawChunk,
    parse_packet,
)
from .control_block import ControlBlock
from .control_chunks import ControlChunks
from .cookies import Cookies
from .events import Event
from .heartbeats import Heartbeats
from .initialization import Initialization, draw_number, draw_tag
from .message import Message
from .parameters import NO_USER_DATA, OUT_OF_RESOURCE, USER_INITIATED_ABORT
from .receiving import WindowIgnored
from .resets import Resets
from .settings import Settings
from .state import BEGINNING, RECEIVING, SENDING, State
from .termination import Termination

__all__ = ["Association"]

_WITH_TAG_OF_THEIR_OWN: Final = (ABORT, SHUTDOWN_COMPLETE, COOKIE_ECHO)


class Association(ControlBlock):
    """One end of an SCTP association over one path. No I/O and no clock.

    `now` is the time in seconds, on a clock that never goes back. After one or several calls, `take_packets` and `take_events`
    have the results, and `next_timeout` says when `handle_timeout` is due. Messages that are sent between two calls of
    `take_packets` share packets.

    ::

        association = Association()
        association.connect(now)
        association.send(0, dcep.STRING, b"hello")
        for packet in association.take_packets(now):
            socket.send(packet)

    Args:
        settings: Protocol parameters. Defaults to ``Settings()``.
        draw: Returns a number of unpredictable random bytes. Defaults to `os.urandom`.
    """

    def __init__(self, settings: Settings | None = None, draw: Callable[[int], bytes] = os.urandom) -> None:
        cookies = Cookies(draw(32))
        super().__init__(settings or Settings(), draw_tag(draw), draw_number(draw))
        self._heartbeats = Heartbeats()
        self._resets = Resets(self)
        self._termination = Termination(self)
        self._initialization = Initialization(self, cookies, draw, self._resets)
        self._control_chunks = ControlChunks(
            self, self._initialization, self._termination, self._resets, self._heartbeats
        )

    # The state.

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer has acknowledged all messages."""
        return self.sending.is_acknowledged

    @property
    def queued(self) -> int:
        """Bytes of queued messages."""
        return self.sending.queue.size

    @property
    def unacknowledged(self) -> Iterator[Message]:
        """The messages that the peer has not acknowledged by its cumulative TSN, also after the end.

        Within each stream they have the order in which they were sent.
        """
        return self.sending.unacknowledged()

    @property
    def round_trip(self) -> float | None:
        """The smoothed round trip, in seconds; None: none was measured yet."""
        return self.round_trips.smoothed

    # Requests.

    def connect(self, now: float) -> None:
        """Begin the association (RFC 9260 section 5.1). The peer may begin it at the same time.

        Raises:
            RuntimeError: The association has begun already.
        """
        if self.state is not State.CLOSED:
            raise RuntimeError("cannot begin the association: it has begun already")
        self._initialization.begin(now)

    def send(
        self,
        stream: int,
        identifier: int,
        data: bytes,
        *,
        ordered: bool = True,
        expires_at: float | None = None,
        max_retransmits: int | None = None,
        context: object = None,
    ) -> Message:
        """Queue a message. This is possible before the association is established.

        Args:
            stream: The stream identifier.
            identifier: The payload protocol identifier.
            data: The payload, which must not be empty.
            ordered: Whether it is delivered in the order of sending within its stream. Defaults to True.
            expires_at: Time at which it expires, on the clock of this association. Defaults to never.
            max_retransmits: Maximum number of retransmissions. Defaults to no maximum.
            context: Any object, as an attribute of the message. Defaults to None.

        Returns:
            The message, which events refer to.

        Raises:
            ValueError: The payload is empty, or the stream is out of range.
            RuntimeError: The association is ending or has ended.
        """
        message = Message(stream, identifier, data, ordered, expires_at, max_retransmits, context)
        self.put(message)
        return message

    def put(self, message: Message) -> None:
        """Queue a message, as `send` does.

        Raises:
            ValueError: The payload is empty, or the stream is out of range.
            RuntimeError: The association is ending or has ended.
        """
        if not message.data:
            raise ValueError("a message must have at least one byte, not 0 (RFC 9260 section 3.3.1)")
        if not 0 <= message.stream < self.settings.streams:
            raise ValueError(f"the stream must be 0 to {self.settings.streams - 1}, not {message.stream}")
        if self.state is not State.ESTABLISHED and self.state not in BEGINNING:
            raise RuntimeError("cannot send a message: the association is ending or has ended")
        self.sending.queue.put(message)

    def drop(self, condition: Callable[[Message], bool], stream: int | None = None) -> list[Message]:
        """Drop messages of which nothing was sent.

        Args:
            condition: Returns whether to drop a message.
            stream: The only stream whose messages are dropped. Defaults to all streams.

        Returns:
            The dropped messages.
        """
        return self.sending.queue.drop(condition, stream)

    def reset(self, streams: Iterable[int]) -> None:
        """Reset outgoing streams after the messages sent on them (RFC 6525 section 5.1.2). The answer is an `OutgoingReset`.

        Messages that are sent on these streams before the answer wait for it.
        """
        self._resets.request(streams)

    def heartbeat(self, now: float) -> int:
        """Send a HEARTBEAT (RFC 9260 section 8.3).

        Returns:
            The number that the event `HeartbeatAnswered` will have.

        Raises:
            RuntimeError: The association is not established.
        """
        if self.state is not State.ESTABLISHED:
            raise RuntimeError(f"cannot send a heartbeat: the association must be established, not {self.state.name}")
        number, heartbeat = self._heartbeats.send(now)
        self.control.append(heartbeat)
        return number

    def shutdown(self, now: float) -> None:
        """End the association after all messages are acknowledged (RFC 9260 section 9.2). The event `Closed` follows."""
        self._termination.shutdown(now)

    def abort(self) -> None:
        """End the association at once (RFC 9260 section 9.1). Messages that are not acknowledged may be lost."""
        if self.state is not State.ENDED:
            self.abort_for(USER_INITIATED_ABORT, None)

    # Time.

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None: it is not."""
        if self.state is State.ENDED:
            return None
        at = self.sending.next_timeout()
        for other in (self.receiving.sack_at, self.reconfiguration.resend_at):
            if other is not None and (at is None or other < at):
                at = other
        timer = self.timer
        return timer.at if timer is not None and (at is None or timer.at < at) else at

    def handle_timeout(self, now: float) -> None:
        """Handle the timers that are due. Calls at other times do nothing."""
        if self.state is State.ENDED:
            return
        if self.timer is not None and self.timer.at <= now:
            self.on_timer(self.timer, now)
        self.receiving.on_time(now)
        self.sending.on_time(now)
        self.reconfiguration.on_time(now)
        limit = self.settings.max_retransmits
        if limit is not None and max(self.round_trips.timeouts, self.reconfiguration.timeouts) > limit:
            self.abort_for(USER_INITIATED_ABORT, "the peer acknowledges nothing")
        if self.state is not State.ESTABLISHED:
            self._termination.progress(now)

    # Packets and events.

    def take_events(self) -> list[Event]:
        """Take the events since the last call, in order."""
        if not self.events:
            return []
        events, self.events = self.events, []
        return events

    def take_packets(self, now: float) -> list[bytes]:
        """Take the packets to send now, in order."""
        control, reconfiguration = self.control, self.reconfiguration
        sending, receiving = self.sending, self.receiving
        sends = False
        if self.state in SENDING:
            sending.begin_burst()
            if sending.partial.is_due:
                control.append(sending.forward_tsn(now))
            sends = sending.has_something()
        elif self.state is State.ENDED:
            packets, self.packets = self.packets, []
            return packets
        while True:
            if (reconfiguration.wanted or reconfiguration.is_due) and not (control or sends):
                self._add_reset_request(now)
            if not (control or sends or receiving.sack_is_due):
                break
            room = self.settings.max_packet - PACKET_HEADER_BYTES
            # Control chunks come first, then the SACK (RFC 9260 section 6.10).
            parts: list[bytes] = []
            while control and (len(control[0]) <= room or not parts):
                parts.append(control.pop(0))
                room -= len(parts[-1])
            if receiving.sack_is_due or (sends and receiving.sack_at is not None):
                sack = receiving.sack()
                if len(sack) > room:
                    self.add_packet(parts)
                    parts, room = [], self.settings.max_packet - PACKET_HEADER_BYTES
                parts.append(sack)
                room -= len(sack)
            if sends:
                before = len(parts)
                sending.fill(parts, room, now)
                # If a chunk had no room in a packet with others, another packet follows.
                sends = (len(parts) > before or before > 0) and sending.has_something()
            if parts:
                self.add_packet(parts)
        if sending.sent or sending.expired:
            self.tell_of_messages()
        if not self.packets:
            return []
        packets, self.packets = self.packets, []
        return packets

    def _add_reset_request(self, now: float) -> None:
        if self.state is State.ESTABLISHED:
            sending = self.sending
            request = self.reconfiguration.take_request(
                sending.last_tsn, sending.cumulative_tsn, sending.queue.waits, now
            )
            if request is not None:
                self.control.append(request)

    # Received packets.

    def receive(self, datagram: bytes, now: float) -> None:
        """Handle a packet of the peer.

        Raises:
            MalformedPacket: The packet is not valid. The association goes on.
        """
        if self.state is State.ENDED:
            return
        tag, parts = parse_packet(datagram, self.settings.peer_port, self.settings.port)
        if parts[0][0] == INIT:
            if tag or len(parts) > 1:
                raise MalformedPacket("an INIT must be alone and have no verification tag (RFC 9260 section 8.5.1)")
            self._initialization.on_init(Init.parse(datagram[parts[0][2] : parts[0][3]]), now)
            return
        if tag != self.tag or parts[0][0] in _WITH_TAG_OF_THEIR_OWN:
            self._check_tag(tag, parts[0])
        try:
            self._handle_chunks(datagram, parts, tag, now)
        except WindowIgnored:
            self.abort_for(OUT_OF_RESOURCE, "the peer ignores the receive window")
        finally:
            self.events += self.receiving.take_delivered()
        if self.state is not State.ESTABLISHED:
            self._termination.progress(now)

    def _check_tag(self, tag: int, first: RawChunk) -> None:
        """Verify the tag (RFC 9260 section 8.5)."""
        kind, flags = first[:2]
        if kind in (ABORT, SHUTDOWN_COMPLETE) and flags & TAG_REFLECTED:
            expected = self.peer.peer_tag if self.peer is not None else None
        elif kind == COOKIE_ECHO:
            # The tag is compared with that of the cookie later.
            return
        else:
            expected = self.tag
        if tag != expected:
            raise MalformedPacket(f"the verification tag of a packet must not be {tag:#010x} (RFC 9260 section 8.5)")

    def _handle_chunks(self, datagram: bytes, parts: list[RawChunk], tag: int, now: float) -> None:
        has_data = False
        receiving = self.receiving
        for kind, flags, start, end in parts:
            if kind == DATA:
                if self.state not in RECEIVING:
                    continue
                if end - start == 12:
                    self.abort_for(NO_USER_DATA, "the peer has sent a chunk without data")
                    return
                if end - start < 12:
                    raise MalformedPacket(f"the value of a DATA chunk must have more than 12 bytes, not {end - start}")
                tsn, stream, ssn, identifier = DATA_VALUE.unpack_from(datagram, start)
                receiving.on_data(tsn, flags, stream, ssn, identifier, datagram[start + 12 : end])
                has_data = True
                if self.reconfiguration.deferred is not None:
                    self._resets.perform_deferred()
            elif not self._control_chunks.handle(kind, flags, datagram[start:end], tag, now):
                break
            # Establishing the association replaces this object.
            receiving = self.receiving
            if self.state is State.ENDED:
                return
        if has_data:
            receiving.end_packet(now)
            if self.state is State.SHUTDOWN_SENT:
                # Each packet with DATA is answered with a SHUTDOWN too (RFC 9260 section 9.2).
                self.control.append(self.shutdown_chunk())
