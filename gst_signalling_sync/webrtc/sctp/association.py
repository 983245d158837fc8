"""`Association`: an SCTP association, from INIT to ABORT or SHUTDOWN (RFC 9260 sections 4, 5, 8 and 9), and its packets."""

from __future__ import annotations

import enum
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from . import chunks, parameters
from .chunks import ForwardTsn, Init, MalformedPacket, RawChunk, Sack, chunk
from .cookies import Cookie, Cookies
from .events import (
    Acknowledged,
    Closed,
    Established,
    Event,
    Expired,
    HeartbeatAnswered,
    IncomingReset,
    OutgoingReset,
    PeerLeft,
    Sent,
)
from .message import Message
from .parameters import parameter, parse_parameters
from .receiving import Receiving, WindowIgnored
from .reconfiguration import Reconfiguration, ResetRequest
from .round_trips import RoundTrips
from .sending import Sending
from .serial import TSN_MASK
from .settings import Settings

__all__ = ["Association", "State"]

_NUMBER: Final = struct.Struct("!L")
_MAX_HEARTBEATS: Final = 16
"""Maximum number of heartbeats without an answer that are kept."""

_EXTENSIONS: Final = bytes((chunks.RE_CONFIG, chunks.FORWARD_TSN))


class State(enum.Enum):
    """The states of RFC 9260 section 4."""

    CLOSED = enum.auto()
    """The association has not begun."""

    COOKIE_WAIT = enum.auto()
    COOKIE_ECHOED = enum.auto()
    ESTABLISHED = enum.auto()
    SHUTDOWN_PENDING = enum.auto()
    SHUTDOWN_SENT = enum.auto()
    SHUTDOWN_RECEIVED = enum.auto()
    SHUTDOWN_ACK_SENT = enum.auto()
    ENDED = enum.auto()
    """The association has ended. Unlike in the RFC's CLOSED, no other one begins."""


_WITH_TAG_OF_THEIR_OWN: Final = (chunks.ABORT, chunks.SHUTDOWN_COMPLETE, chunks.COOKIE_ECHO)
_BEFORE: Final = (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED)
_SENDING: Final = (State.ESTABLISHED, State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED)
_RECEIVING: Final = (State.ESTABLISHED, State.SHUTDOWN_PENDING, State.SHUTDOWN_SENT)


class Association:
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
        self._settings = settings or Settings()
        self._draw = draw
        self._cookies = Cookies(draw(32))
        self._tag = self._draw_tag()
        self._first_tsn: int = _NUMBER.unpack(draw(4))[0]
        self._peer: Cookie | None = None
        self._round_trips = RoundTrips(self._settings)
        self._sending = Sending(self._settings, self._first_tsn, self._round_trips)
        self._receiving = Receiving(self._settings, 0)
        self._reconfiguration = Reconfiguration(self._first_tsn, 0, self._round_trips)
        self._packets: list[bytes] = []
        # Chunks for the next packets that are neither DATA nor SACK.
        self._control: list[bytes] = []
        # The timer T1-init, T1-cookie or T2-shutdown. At most one of them runs.
        self._timer_at: float | None = None
        self._timer_chunk = b""
        self._timer_count = 0
        self._timer_began = 0.0
        self._heartbeats: dict[int, float] = {}
        self._heartbeat_number = 0
        self.state = State.CLOSED
        """The state."""

        self.events: list[Event] = []
        """The events for `take_events`."""

        self.tells_of_acknowledgements = True
        """Whether there are `Acknowledged` events."""

    # The state.

    @property
    def is_acknowledged(self) -> bool:
        """Whether the peer has acknowledged all messages."""
        return self._sending.is_acknowledged

    @property
    def streams(self) -> int:
        """The number of streams that each end may send on. Once established, it is the minimum of what both ends accept."""
        mine = self._settings.streams
        return mine if self._peer is None else min(mine, self._peer.incoming_streams)

    @property
    def queued(self) -> int:
        """Bytes of queued messages."""
        return self._sending.queue.size

    @property
    def unacknowledged(self) -> Iterator[Message]:
        """The messages that the peer has not acknowledged by its cumulative TSN, also after the end.

        Within each stream they have the order in which they were sent.
        """
        return self._sending.unacknowledged()

    @property
    def round_trip(self) -> float | None:
        """The smoothed round trip, in seconds; None: none was measured yet."""
        return self._round_trips.smoothed

    # Requests.

    def connect(self, now: float) -> None:
        """Begin the association (RFC 9260 section 5.1). The peer may begin it at the same time.

        Raises:
            RuntimeError: The association has begun already.
        """
        if self.state is not State.CLOSED:
            raise RuntimeError("the association has begun already")
        self.state = State.COOKIE_WAIT
        init = self._own_init(self._tag, self._first_tsn).serialize(chunks.INIT)
        self._start_timer(init, now)
        self._send_alone(0, init)

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
        self.push(message)
        return message

    def push(self, message: Message) -> None:
        """Queue a message, as `send` does.

        Raises:
            ValueError: The payload is empty, or the stream is out of range.
            RuntimeError: The association is ending or has ended.
        """
        if not message.data:
            raise ValueError("a message must not be empty (RFC 9260 section 3.3.1)")
        if not 0 <= message.stream < self._settings.streams:
            raise ValueError(f"the stream must be 0 to {self._settings.streams - 1}, not {message.stream}")
        if self.state is not State.ESTABLISHED and self.state not in _BEFORE:
            raise RuntimeError("the association ends or has ended")
        self._sending.queue.push(message)

    def drop(self, condition: Callable[[Message], bool], stream: int | None = None) -> list[Message]:
        """Drop messages of which nothing was sent.

        Args:
            condition: Returns whether to drop a message.
            stream: The only stream whose messages are dropped. Defaults to all streams.

        Returns:
            The dropped messages.
        """
        return self._sending.queue.drop(condition, stream)

    def reset(self, streams: Iterable[int]) -> None:
        """Reset outgoing streams after the messages sent on them (RFC 6525 section 5.1.2). The answer is an `OutgoingReset`.

        Messages that are sent on these streams before the answer wait for it.
        """
        streams = list(streams)
        if self.state not in _BEFORE and self._peer is not None and not self._peer.takes_re_config:
            self.events.append(OutgoingReset(streams, False))
            return
        for stream in streams:
            self._sending.queue.hold(stream)
        self._reconfiguration.want(streams)

    def heartbeat(self, now: float) -> int:
        """Send a HEARTBEAT (RFC 9260 section 8.3).

        Returns:
            The number that the event `HeartbeatAnswered` will have.

        Raises:
            RuntimeError: The association is not established.
        """
        if self.state is not State.ESTABLISHED:
            raise RuntimeError("the association is not established")
        self._heartbeat_number += 1
        number = self._heartbeat_number
        self._heartbeats[number] = now
        if len(self._heartbeats) > _MAX_HEARTBEATS:
            del self._heartbeats[next(iter(self._heartbeats))]
        information = parameter(parameters.HEARTBEAT_INFORMATION, _NUMBER.pack(number & TSN_MASK))
        self._control.append(chunk(chunks.HEARTBEAT, 0, information))
        return number

    def shutdown(self, now: float) -> None:
        """End the association after all messages are acknowledged (RFC 9260 section 9.2). The event `Closed` follows."""
        if self.state in _BEFORE:
            self._end(None)
        elif self.state is State.ESTABLISHED:
            self.state = State.SHUTDOWN_PENDING
            self._progress(now)

    def abort(self) -> None:
        """End the association at once (RFC 9260 section 9.1). Messages that are not acknowledged may be lost."""
        if self.state is not State.ENDED:
            self._abort(parameters.USER_INITIATED_ABORT, None)

    # Time.

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None: it is not."""
        if self.state is State.ENDED:
            return None
        at = self._sending.next_timeout()
        for other in (self._receiving.sack_at, self._timer_at, self._reconfiguration.resend_at):
            if other is not None and (at is None or other < at):
                at = other
        return at

    def handle_timeout(self, now: float) -> None:
        """Handle the timers that are due. Calls at other times do nothing."""
        if self.state is State.ENDED:
            return
        if self._timer_at is not None and self._timer_at <= now:
            self._on_timer(now)
        self._receiving.on_time(now)
        self._sending.on_time(now)
        self._reconfiguration.on_time(now)
        limit = self._settings.max_retransmits
        if limit is not None and max(self._round_trips.timeouts, self._reconfiguration.timeouts) > limit:
            self._abort(parameters.USER_INITIATED_ABORT, "the peer acknowledges nothing")
        self._progress(now)

    def _start_timer(self, repeated: bytes, now: float, count: int = 0) -> None:
        self._timer_chunk = repeated
        self._timer_count = count
        self._timer_began = now
        self._timer_at = now + self._round_trips.backed_off(count)

    def _on_timer(self, now: float) -> None:
        count = self._timer_count + 1
        is_beginning = self.state in _BEFORE
        limit = self._settings.max_init_retransmits if is_beginning else self._settings.max_retransmits
        if limit is not None and count > limit:
            self._end("the peer does not answer")
            return
        if self.state is State.SHUTDOWN_SENT:
            self._timer_chunk = chunks.shutdown_chunk(self._receiving.cumulative_tsn & TSN_MASK)
        self._start_timer(self._timer_chunk, now, count)
        if self.state is State.COOKIE_WAIT:
            self._send_alone(0, self._timer_chunk)
        else:
            self._control.append(self._timer_chunk)

    # Packets and events.

    def take_events(self) -> list[Event]:
        """Take the events since the last call, in order."""
        if not self.events:
            return []
        events, self.events = self.events, []
        return events

    def take_packets(self, now: float) -> list[bytes]:
        """Take the packets to send now, in order."""
        sending, receiving, reconfiguration = self._sending, self._receiving, self._reconfiguration
        sends = False
        if self.state in _SENDING:
            sending.begin_burst()
            if sending.partial.is_due:
                self._control.append(sending.forward_tsn(now))
            sends = sending.has_something()
        elif self.state is State.ENDED:
            packets, self._packets = self._packets, []
            return packets
        while True:
            if (reconfiguration.wanted or reconfiguration.is_due) and not (self._control or sends):
                self._take_reset(now)
            if not (self._control or sends or receiving.sack_is_due):
                break
            room = self._settings.max_packet - chunks.PACKET_HEADER_BYTES
            # Control chunks come first, then the SACK (RFC 9260 section 6.10).
            parts: list[bytes] = []
            while self._control and (len(self._control[0]) <= room or not parts):
                parts.append(self._control.pop(0))
                room -= len(parts[-1])
            if receiving.sack_is_due or (sends and receiving.sack_at is not None):
                sack = receiving.sack()
                if len(sack) > room:
                    self._add_packet(parts)
                    parts, room = [], self._settings.max_packet - chunks.PACKET_HEADER_BYTES
                parts.append(sack)
                room -= len(sack)
            if sends:
                before = len(parts)
                sending.fill(parts, room, now)
                # If a chunk had no room in a packet with others, another packet follows.
                sends = (len(parts) > before or before > 0) and sending.has_something()
            if parts:
                self._add_packet(parts)
        if sending.sent or sending.expired:
            self._tell_of_messages()
        if not self._packets:
            return []
        packets, self._packets = self._packets, []
        return packets

    def _take_reset(self, now: float) -> None:
        if self.state is State.ESTABLISHED:
            request = self._reconfiguration.take_request(self._sending.last_tsn, self._sending.queue.waits, now)
            if request is not None:
                self._control.append(request)

    def _add_packet(self, parts: list[bytes]) -> None:
        assert self._peer is not None
        self._packets.append(chunks.packet(self._settings.port, self._settings.peer_port, self._peer.peer_tag, parts))

    def _send_alone(self, tag: int, only: bytes) -> None:
        self._packets.append(chunks.packet(self._settings.port, self._settings.peer_port, tag, [only]))

    def _tell_of_messages(self) -> None:
        sending = self._sending
        if sending.sent:
            self.events.append(Sent(sending.sent))
            sending.sent = []
        if sending.expired:
            self.events.append(Expired(sending.expired))
            sending.expired = []

    # Received packets.

    def receive(self, datagram: bytes, now: float) -> None:
        """Handle a packet of the peer.

        Raises:
            MalformedPacket: The packet is not valid. The association goes on.
        """
        if self.state is State.ENDED:
            return
        tag, parts = chunks.parse_packet(datagram, self._settings.peer_port, self._settings.port)
        if parts[0][0] == chunks.INIT:
            if tag or len(parts) > 1:
                raise MalformedPacket("an INIT has a verification tag or is not alone (RFC 9260 section 8.5.1)")
            self._on_init(Init.parse(datagram[parts[0][2] : parts[0][3]]), now)
            return
        if tag != self._tag or parts[0][0] in _WITH_TAG_OF_THEIR_OWN:
            self._check_tag(tag, parts[0])
        try:
            self._take_chunks(datagram, parts, tag, now)
        except WindowIgnored:
            self._abort(parameters.OUT_OF_RESOURCE, "the peer ignores the receive window")
        finally:
            self.events += self._receiving.take_delivered()
        if self.state is not State.ESTABLISHED:
            self._progress(now)

    def _check_tag(self, tag: int, first: RawChunk) -> None:
        """Verify the tag (RFC 9260 section 8.5)."""
        kind, flags = first[:2]
        if kind in (chunks.ABORT, chunks.SHUTDOWN_COMPLETE) and flags & chunks.TAG_REFLECTED:
            expected = self._peer.peer_tag if self._peer is not None else None
        elif kind == chunks.COOKIE_ECHO:
            # The tag is compared with that of the cookie later.
            return
        else:
            expected = self._tag
        if tag != expected:
            raise MalformedPacket("a packet has a wrong verification tag")

    def _take_chunks(self, datagram: bytes, parts: list[RawChunk], tag: int, now: float) -> None:
        has_data = False
        receiving = self._receiving
        for kind, flags, start, end in parts:
            if kind == chunks.DATA:
                if self.state not in _RECEIVING:
                    continue
                if end - start == 12:
                    self._abort(parameters.NO_USER_DATA, "the peer has sent a chunk without data")
                    return
                if end - start < 12:
                    raise MalformedPacket("a DATA chunk is too short")
                tsn, stream, ssn, identifier = chunks.DATA_VALUE.unpack_from(datagram, start)
                receiving.on_data(tsn, flags, stream, ssn, identifier, datagram[start + 12 : end])
                has_data = True
                if self._reconfiguration.deferred is not None:
                    self._perform_deferred()
            elif not self._take_control(kind, flags, datagram[start:end], tag, now):
                break
            # Establishing the association replaces this object.
            receiving = self._receiving
            if self.state is State.ENDED:
                return
        if has_data:
            receiving.end_packet(now)
            if self.state is State.SHUTDOWN_SENT:
                # Each packet with DATA is answered with a SHUTDOWN too (RFC 9260 section 9.2).
                self._control.append(chunks.shutdown_chunk(receiving.cumulative_tsn & TSN_MASK))

    def _take_control(self, kind: int, flags: int, value: bytes, tag: int, now: float) -> bool:
        """Handle a chunk that is not DATA.

        Returns:
            Whether to handle the chunks after it in the packet too.
        """
        if kind == chunks.SACK:
            if self.state in _SENDING:
                streams = self._sending.on_sack(Sack.parse(value), now)
                if streams and self.tells_of_acknowledgements:
                    self.events.append(Acknowledged(streams))
        elif kind == chunks.FORWARD_TSN:
            if self.state in _RECEIVING:
                self._receiving.on_forward_tsn(ForwardTsn.parse(value))
                self._perform_deferred()
        elif kind == chunks.RE_CONFIG:
            if self.state in _RECEIVING:
                self._on_re_config(value)
        elif kind == chunks.HEARTBEAT:
            if self._peer is not None and len(value) <= self._settings.max_packet // 2:
                self._control.append(chunk(chunks.HEARTBEAT_ACK, 0, value))
        elif kind == chunks.HEARTBEAT_ACK:
            self._on_heartbeat_ack(value, now)
        elif kind == chunks.INIT_ACK:
            self._on_init_ack(Init.parse(value), now)
        elif kind == chunks.COOKIE_ECHO:
            return self._on_cookie_echo(value, tag, now)
        elif kind == chunks.COOKIE_ACK:
            if self.state is State.COOKIE_ECHOED:
                assert self._peer is not None
                if not self._timer_count:
                    self._round_trips.measured(now - self._timer_began)
                self._establish(self._peer)
        elif kind == chunks.ABORT:
            self.events += self._receiving.take_delivered()
            self.events.append(PeerLeft("abort"))
            self._end(None)
        elif kind in (chunks.SHUTDOWN, chunks.SHUTDOWN_ACK, chunks.SHUTDOWN_COMPLETE):
            self._on_shutdown(kind, value, now)
        elif kind == chunks.ERROR:
            self._on_error(value, now)
        elif kind != chunks.INIT:
            return self._on_unknown(kind, flags, value)
        else:
            raise MalformedPacket("an INIT is not alone")
        return True

    def _on_unknown(self, kind: int, flags: int, value: bytes) -> bool:
        """Handle an unknown chunk as the two highest bits of its type say (RFC 9260 section 3.2)."""
        if kind & 0x40 and self._peer is not None:
            cause = parameter(parameters.UNRECOGNIZED_CHUNK, chunk(kind, flags, value[:64]))
            self._control.append(chunk(chunks.ERROR, 0, cause))
        return bool(kind & 0x80)

    def _on_heartbeat_ack(self, value: bytes, now: float) -> None:
        for kind, information in parse_parameters(value):
            if kind != parameters.HEARTBEAT_INFORMATION or len(information) != _NUMBER.size:
                continue
            number = _NUMBER.unpack(information)[0]
            sent = self._heartbeats.pop(number, None)
            if sent is not None:
                self._round_trips.measured(now - sent)
                self.events.append(HeartbeatAnswered(number, now - sent))

    # The beginning (RFC 9260 section 5).

    def _draw_tag(self) -> int:
        tag = 0
        while not tag:
            tag = _NUMBER.unpack(self._draw(4))[0]
        return tag

    def _own_init(self, tag: int, first_tsn: int, more: bytes = b"") -> Init:
        streams = self._settings.streams
        known = parameter(parameters.FORWARD_TSN_SUPPORTED) + parameter(parameters.SUPPORTED_EXTENSIONS, _EXTENSIONS)
        return Init(tag, self._settings.window, streams, streams, first_tsn, more + known)

    def _on_init(self, init: Init, now: float) -> None:
        """Answer an INIT without keeping any state for it (RFC 9260 sections 5.1, B and 5.2.1, 5.2.2)."""
        if self.state is State.SHUTDOWN_ACK_SENT:
            self._control.append(self._timer_chunk)
            return
        tag, first_tsn, tie_tag, peer_tie_tag = self._tag, self._first_tsn, 0, 0
        if self.state not in _BEFORE:
            assert self._peer is not None
            tie_tag, peer_tie_tag = self._tag, self._peer.peer_tag
            tag, first_tsn = self._draw_tag(), _NUMBER.unpack(self._draw(4))[0]
        cookie = self._read_init(init, now)._replace(
            tag=tag, first_tsn=first_tsn, tie_tag=tie_tag, peer_tie_tag=peer_tie_tag
        )
        sealed = parameter(parameters.STATE_COOKIE, self._cookies.seal(cookie))
        self._send_alone(init.tag, self._own_init(tag, first_tsn, sealed).serialize(chunks.INIT_ACK))

    def _read_init(self, init: Init, now: float) -> Cookie:
        takes_forward_tsn = takes_re_config = False
        for kind, value in parse_parameters(init.parameters):
            if kind == parameters.FORWARD_TSN_SUPPORTED:
                takes_forward_tsn = True
            elif kind == parameters.SUPPORTED_EXTENSIONS:
                takes_re_config = chunks.RE_CONFIG in value
                takes_forward_tsn = takes_forward_tsn or chunks.FORWARD_TSN in value
        return Cookie(
            made_at=now,
            tag=self._tag,
            first_tsn=self._first_tsn,
            peer_tag=init.tag,
            peer_first_tsn=init.first_tsn,
            peer_window=init.window,
            outgoing_streams=init.outgoing_streams,
            incoming_streams=init.incoming_streams,
            takes_forward_tsn=takes_forward_tsn,
            takes_re_config=takes_re_config,
            tie_tag=0,
            peer_tie_tag=0,
        )

    def _on_init_ack(self, init: Init, now: float) -> None:
        if self.state is not State.COOKIE_WAIT:
            return
        found = (value for kind, value in parse_parameters(init.parameters) if kind == parameters.STATE_COOKIE)
        cookie = next(found, None)
        if cookie is None:
            raise MalformedPacket("an INIT ACK has no cookie")
        self._peer = self._read_init(init, now)
        if not self._timer_count:
            self._round_trips.measured(now - self._timer_began)
        self.state = State.COOKIE_ECHOED
        echo = chunk(chunks.COOKIE_ECHO, 0, cookie)
        self._start_timer(echo, now)
        self._control.append(echo)

    def _on_cookie_echo(self, value: bytes, tag: int, now: float) -> bool:
        """Handle a COOKIE ECHO by the table of RFC 9260 section 5.2.4.

        Returns:
            Whether it belongs to this association.
        """
        cookie = self._cookies.open(value)
        if cookie is None or cookie.tag != tag:
            return False
        is_own = cookie.tag == self._tag
        if now - cookie.made_at > self._settings.cookie_life and self.state in _BEFORE:
            stale = parameter(parameters.STALE_COOKIE, _NUMBER.pack(int((now - cookie.made_at) * 1e6) & TSN_MASK))
            self._send_alone(cookie.peer_tag, chunk(chunks.ERROR, 0, stale))
            return False
        if self.state in _BEFORE:
            if not is_own:
                return False
            self._establish(cookie)
        elif not is_own:
            assert self._peer is not None
            if (cookie.tie_tag, cookie.peer_tie_tag) == (self._tag, self._peer.peer_tag):
                # Action A: the peer has forgotten the association and its data channels, so this one cannot go on.
                self._send_alone(cookie.peer_tag, chunk(chunks.ABORT))
                self._end("the peer has begun another association")
            return False
        else:
            assert self._peer is not None
            # Actions B and D: the peer repeats the chunk, since it has not got the answer.
            self._peer = self._peer._replace(peer_tag=cookie.peer_tag)
        self._control.append(chunk(chunks.COOKIE_ACK))
        return True

    def _establish(self, peer: Cookie) -> None:
        self._peer = peer
        self._timer_at = None
        self._control.clear()
        self.state = State.ESTABLISHED
        self._receiving = Receiving(self._settings, peer.peer_first_tsn)
        self._sending.start(peer.peer_window, peer.takes_forward_tsn)
        wanted = self._reconfiguration.wanted
        self._reconfiguration = Reconfiguration(self._first_tsn, peer.peer_first_tsn, self._round_trips)
        self.events.append(Established(min(self._settings.streams, peer.incoming_streams)))
        if wanted:
            self.reset(wanted)

    def _on_error(self, value: bytes, now: float) -> None:
        causes = [cause for cause, _ in parse_parameters(value)]
        if parameters.STALE_COOKIE in causes and self.state is State.COOKIE_ECHOED:
            # RFC 9260 section 5.2.6, alternative 1.
            self.state = State.COOKIE_WAIT
            self._control.clear()
            init = self._own_init(self._tag, self._first_tsn).serialize(chunks.INIT)
            self._start_timer(init, now, self._timer_count + 1)
            self._send_alone(0, init)

    # Resets of streams (RFC 6525).

    def _on_re_config(self, value: bytes) -> None:
        reconfiguration, receiving = self._reconfiguration, self._receiving
        for told in reconfiguration.on_chunk(value, receiving.cumulative_tsn):
            if isinstance(told, bytes):
                self._control.append(told)
            elif isinstance(told, ResetRequest):
                if told.last_tsn <= receiving.cumulative_tsn:
                    self._perform(told)
                else:
                    receiving.hold(told.last_tsn, told.streams)
                    self._control.append(reconfiguration.defer(told))
            else:
                if told.is_performed:
                    self._sending.reset(told.streams)
                for stream in told.streams:
                    self._sending.queue.release(stream)
                self.events.append(told)

    def _perform_deferred(self) -> None:
        deferred = self._reconfiguration.deferred
        if deferred is not None and deferred.last_tsn <= self._receiving.cumulative_tsn:
            self._perform(deferred)

    def _perform(self, request: ResetRequest) -> None:
        # Messages that precede the reset are delivered first.
        self.events += self._receiving.take_delivered()
        self._receiving.reset(request.streams)
        self.events.append(IncomingReset(request.streams))
        self._control.append(self._reconfiguration.perform(request))

    # The end (RFC 9260 section 9).

    def _on_shutdown(self, kind: int, value: bytes, now: float) -> None:
        if kind == chunks.SHUTDOWN:
            if self.state in _BEFORE:
                return
            self._sending.on_cumulative_tsn(chunks.parse_cumulative_tsn(value), now)
            if self.state in (State.ESTABLISHED, State.SHUTDOWN_PENDING):
                self.state = State.SHUTDOWN_RECEIVED
                self.events += self._receiving.take_delivered()
                self.events.append(PeerLeft("shutdown"))
            elif self.state is State.SHUTDOWN_SENT:
                self._acknowledge_shutdown(now)
        elif kind == chunks.SHUTDOWN_ACK:
            if self.state in (State.SHUTDOWN_SENT, State.SHUTDOWN_ACK_SENT):
                assert self._peer is not None
                self._send_alone(self._peer.peer_tag, chunk(chunks.SHUTDOWN_COMPLETE))
                self._end(None)
        elif self.state is State.SHUTDOWN_ACK_SENT:
            self._end(None)

    def _acknowledge_shutdown(self, now: float) -> None:
        self.state = State.SHUTDOWN_ACK_SENT
        acknowledgement = chunk(chunks.SHUTDOWN_ACK)
        self._start_timer(acknowledgement, now)
        self._control.append(acknowledgement)

    def _progress(self, now: float) -> None:
        """Continue the shutdown once everything is acknowledged."""
        if self.state not in (State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED) or not self._sending.is_acknowledged:
            return
        if self.state is State.SHUTDOWN_PENDING:
            self.state = State.SHUTDOWN_SENT
            shutdown = chunks.shutdown_chunk(self._receiving.cumulative_tsn & TSN_MASK)
            self._start_timer(shutdown, now)
            self._control.append(shutdown)
        else:
            self._acknowledge_shutdown(now)

    def _abort(self, cause: int, error: str | None) -> None:
        if self._peer is not None:
            self._send_alone(self._peer.peer_tag, chunk(chunks.ABORT, 0, parameter(cause)))
        self._end(error)

    def _end(self, error: str | None) -> None:
        if self.state is State.ENDED:
            return
        self.events += self._receiving.take_delivered()
        self._tell_of_messages()
        self.state = State.ENDED
        self._control.clear()
        self._timer_at = None
        self.events.append(Closed(error))
