"""`Connection`: one peer's WebSocket (RFC 6455) as the server holds it, over `Incoming` and the protocol class of `websockets`.

An open connection has no task, queue or timer of its own, so that thousands of idle peers cost little. No write ever waits,
so a peer that does not read cannot delay another one, and no peer is read for longer than a turn. Peers that are let in go
before those that are not: whatever a handshake or the end of a connection needs waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from ..protocol.permissions import Admission
from ..protocol.quota import Buckets, Charge
from ..protocol.resumption import HEADER, Resumption
from .commons import Commons
from .frames import PING, PONG, control_frame
from .incoming import SLICE_BYTES, Incoming
from .observer import Observer
from .page import Page
from .reception import Visitor

__all__ = ["Connection", "Observer"]

logger = logging.getLogger(__name__)

UNAUTHORIZED: Final = 3000
"""The close code for peers whose authorization has ended, by IANA's registry."""

GOODBYE_SECONDS: Final = 1.0
"""How long a peer may take to close its end once the closing has begun."""

FRAMES_IN_A_TURN: Final = 16

_PING: Final = b"lease"
"""The payload of pings and of their answers: an unsolicited pong does not count."""

_PING_FRAME: Final = control_frame(PING, _PING)

_KEY_BYTES: Final = 32

STUCK_BYTES: Final = 8 * 1024
"""Bytes that wait for a peer, beyond what the kernel takes, before it counts as one that does not read."""

_HEADER_TOO_LONG: Final = Page(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The header of the request is too long for this server.\n"
)


class _Reading(Enum):
    """Whether a peer is read, and if not, why."""

    ON = auto()
    WAITS_FOR_TURN = auto()
    WAITS_FOR_RATE = auto()
    WAITS_FOR_ANSWER = auto()
    WAITS_FOR_END = auto()
    OVER = auto()


class Connection(asyncio.Protocol):
    """A connection from accept to loss.

    Args:
        observer: Told what happens.
        commons: Shared with the other connections.
        address: Of the other end.
        descriptor: Of its socket.

    Attributes:
        peer_id: The peer's id once the connection is open, set by the observer.
        noted: How often each rule refused it something; None: never.
        is_made: Whether it has, or had, a transport.
        is_stuck: Whether the peer does not read what waits for it.
    """

    __slots__ = (
        "_address",
        "_asking",
        "_buckets",
        "_commons",
        "_descriptor",
        "_header_bytes",
        "_incoming",
        "_is_final",
        "_is_holding",
        "_is_open",
        "_observer",
        "_pause",
        "_reading",
        "_timer",
        "_transport",
        "is_made",
        "is_stuck",
        "noted",
        "peer_id",
    )

    def __init__(self, observer: Observer, commons: Commons, address: str, descriptor: int) -> None:
        self.peer_id = ""
        self.noted: Counter[str] | None = None
        self.is_made = False
        self.is_stuck = False
        self._observer = observer
        self._commons = commons
        self._address = address
        self._incoming = Incoming(commons.limits.message_bytes)
        self._buckets: Buckets | None = None
        self._transport: asyncio.Transport
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False
        self._is_final = False
        self._is_holding = False
        self._reading = _Reading.ON
        # The request that waits for its answer.
        self._asking: tuple[Request, Visitor] | None = None
        self._header_bytes = 0
        # Seconds for which the peer must not be read, because of its rates.
        self._pause = 0.0

    def fileno(self) -> int:
        """The descriptor of its socket; -1 once it is closed."""
        return self._descriptor

    def show(self, page: Page) -> None:
        """Answer the waiting request by a page.

        Args:
            page: The page.
        """
        if (asked := self._answered()) is not None:
            self._show(page, asked[0])
            self._resume_after_answer()

    def admit(self, admission: Admission | None) -> None:
        """Answer the waiting request for a WebSocket by opening it.

        Args:
            admission: The identity and rights of the client; None: the server asks for no tokens.
        """
        if (asked := self._answered()) is not None:
            self._open(*asked, admission)
            self._resume_after_answer()

    def send(self, frames: bytes) -> None:
        """Send WebSocket frames without waiting; a peer that leaves too much unread is cut off instead.

        Args:
            frames: Complete frames.
        """
        if self._incoming.state is State.OPEN:
            self._transmit(frames)

    def charge(self, charge: Charge, amount: float = 1) -> None:
        """Charge the peer by a rate; it is not read until its debt is paid.

        Args:
            charge: The limit.
            amount: How much. Defaults to 1.
        """
        if charge not in self._commons.rates.charged:
            return
        if self._buckets is None:
            self._buckets = {}
        pause = self._commons.rates.spend(self._buckets, charge, amount, self._commons.clock())
        if pause > 0:
            self._pause = max(self._pause, pause)
            self._commons.refusals.note(self, charge, "read more slowly, as it sends more than the limit")

    def ping(self) -> None:
        """Ping the peer."""
        self.send(_PING_FRAME)

    @property
    def is_held_up(self) -> bool:
        """Whether the peer is not read at the moment, so that its silence is not its fault."""
        return self._reading is not _Reading.ON

    @property
    def is_lost(self) -> bool:
        """Whether the TCP connection is gone, and the observer has not been told yet."""
        return self._reading is _Reading.WAITS_FOR_END

    def conclude(self) -> None:
        """Report the loss of the TCP connection now, before its turn for that has come."""
        if self.is_lost:
            self._reading = _Reading.OVER
            self._leave()
            self._commons.refusals.conclude(self)
            self._observer.lost(self)

    def go_away(self) -> None:
        """Begin to close because the server stops: with code 1001 where the WebSocket is open, else at once."""
        if self._incoming.state is not State.OPEN:
            self._transport.abort()
            return
        self._incoming.working().send_close(CloseCode.GOING_AWAY)
        self._flush()

    def expel(self, rule: str, details: str) -> None:
        """Begin to close with code 3000 (unauthorized), because the peer's grant has ended.

        Args:
            rule: The name of the reason, which the peer is told too.
            details: The reason in words.
        """
        if self._incoming.state is State.OPEN:
            self._commons.refusals.note(self, rule, f"closed with code {UNAUTHORIZED}: {details}")
            self._incoming.working().send_close(UNAUTHORIZED, rule)
            self._flush()

    def cut_off(self, reason: str) -> None:
        """Drop the connection at once, together with what was not sent yet.

        Args:
            reason: For the log.
        """
        logger.debug("%s: cut off: %s", self, reason)
        self._abort()

    def exceed(self, rule: str, details: str) -> None:
        """Drop the connection at once because of a limit.

        Args:
            rule: The name of the limit.
            details: The reason in words.
        """
        if not self._transport.is_closing():
            self._commons.refusals.note(self, rule, f"cut off: {details}")
            self._abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the handshake."""
        # uvloop's transport does not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.is_made = True
        self._transport.set_write_buffer_limits(high=STUCK_BYTES)
        self._timer = self._commons.loop.call_later(self._commons.limits.handshake_seconds, self._give_up_handshake)
        self._observer.made(self)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes; more than one turn's work waits for the next turn."""
        if self._is_open:
            self._commons.tally.bytes_in += len(data)
            self.charge("bytes", len(data))
        elif self._incoming.state is State.CONNECTING:
            self._header_bytes += len(data)
            if self._header_bytes > self._commons.limits.header_bytes:
                self._commons.refusals.note(self, "header_bytes", "refused, as its header is longer than the limit")
                self._transport.write(_HEADER_TOO_LONG.response().serialize())
                self._transport.close()
                return
        self._incoming.add(data)
        if self._reading is not _Reading.ON:
            return
        if self._is_open:
            self._go_on()
        else:
            self._set_reading(_Reading.WAITS_FOR_TURN)
            self._commons.comings_and_goings.wait(self)
        self._commons.breather.breathe()

    def take_turn(self) -> bool:
        """Handle a few frames, or the loss of the connection.

        Returns:
            Whether there are more frames, for another turn.
        """
        if self.is_lost:
            self.conclude()
            return False
        if self._transport.is_closing():
            return False
        try:
            has_more = self._handle_frames()
        except Exception:
            logger.exception("%s: internal error", self)
            self._abort()
            return False
        self._hold_incomplete()
        if self._asking is not None:
            self._set_reading(_Reading.WAITS_FOR_ANSWER)
        elif self._pause:
            pause, self._pause = self._pause, 0.0
            self._commons.loop.call_later(pause, self._go_on)
            self._set_reading(_Reading.WAITS_FOR_RATE)
        elif has_more:
            self._set_reading(_Reading.WAITS_FOR_TURN)
        else:
            self._set_reading(_Reading.ON)
        return self._reading is _Reading.WAITS_FOR_TURN

    def pause_writing(self) -> None:
        """Record that the peer does not read."""
        self.is_stuck = True

    def resume_writing(self) -> None:
        """Record that the peer reads again."""
        self.is_stuck = False
        self._commons.unread.hold(self, 0)
        self._observer.writable(self)

    def eof_received(self) -> None:
        """Answer the end of the stream; the transport then closes by itself."""
        websocket = self._incoming.websocket
        if websocket is not None and not self._transport.is_closing():
            websocket.receive_eof()
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Schedule the report of the loss: telling all other peers takes a while, and many connections may be lost at once."""
        self._descriptor = -1
        self._cancel_timer()
        self._commons.unread.hold(self, 0)
        self._commons.incomplete.hold(self, 0)
        self._let_go()
        has_turn = self._reading is _Reading.WAITS_FOR_TURN
        self._reading = _Reading.WAITS_FOR_END
        if not has_turn:
            self._commons.comings_and_goings.wait(self)

    def __str__(self) -> str:
        return f"peer {self.peer_id}" if self.peer_id else f"connection from {self._address}"

    def _answered(self) -> tuple[Request, Visitor] | None:
        """Take the waiting request; None: the client is gone, or did not ask."""
        asked, self._asking = self._asking, None
        return None if self._transport.is_closing() else asked

    def _resume_after_answer(self) -> None:
        if self._reading is _Reading.WAITS_FOR_ANSWER:
            self._flush()
            self._go_on()

    def _go_on(self) -> None:
        if self.take_turn():
            self._commons.turns.wait(self)

    def _set_reading(self, reading: _Reading) -> None:
        before, self._reading = self._reading, reading
        if (before is _Reading.ON) is (reading is _Reading.ON) or self._transport.is_closing():
            return
        if reading is _Reading.ON:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _handle_frames(self) -> bool:
        """Handle a few frames.

        Returns:
            Whether there are more.
        """
        has_more = self._handle_some()
        websocket = self._incoming.websocket
        if websocket is None:
            return has_more
        self._flush()
        if not self._incoming.has_frames:
            if websocket.close_expected():
                self._leave()
            else:
                self._incoming.rest()
        return has_more

    def _handle_some(self) -> bool:
        incoming, frames_left, size = self._incoming, FRAMES_IN_A_TURN, SLICE_BYTES
        while not self._pause and self._asking is None and incoming.has_any:
            if not frames_left:
                return True
            if (frame := incoming.next_frame()) is not None:
                frames_left -= 1
                self._handle_frame(frame)
            elif (short := incoming.next_short_frame()) is not None:
                frames_left -= 1
                self._handle_short_frame(short[0], short[1])
            elif data := incoming.next_slice(size):
                request, size = incoming.parse(data, size)
                if request is not None:
                    self._answer_handshake(request)
            else:
                break
        return False

    def _handle_short_frame(self, opcode: int, payload: bytes) -> None:
        self._commons.tally.messages_in += 1
        self.charge("messages")
        if opcode == PING:
            self._transmit(control_frame(PONG, payload))
        elif opcode == PONG:
            self._handle_pong(payload)
        else:
            self._handle_text(payload)

    def _hold_incomplete(self) -> None:
        if self._incoming.is_idle and not self._is_holding:
            return
        size = self._incoming.incomplete_bytes
        if size <= SLICE_BYTES and not self._is_holding:
            return
        self._is_holding = size > SLICE_BYTES
        for holder in self._commons.incomplete.hold(self, size if self._is_holding else 0):
            holder.exceed(
                "incomplete_bytes_in_all", "the incomplete messages of all peers are too long, and it has the longest"
            )

    def _answer_handshake(self, request: Request) -> None:
        if self._incoming.working().close_expected():
            # The request came together with bytes that are not WebSocket frames, and the parser has given up.
            self.exceed("handshake", "not a WebSocket client: it did not wait for the response to its handshake")
            return
        answer = self._commons.reception.receive(request, self._address)
        if isinstance(answer, Page):
            self._show(answer, request)
            return
        self._address = answer.request.address
        self._asking = request, answer
        self._observer.asked(self, answer)

    def _open(self, request: Request, visitor: Visitor, admission: Admission | None) -> None:
        websocket = self._incoming.working()
        response = websocket.accept(request)
        resumption = None
        if visitor.resumption_key is not None:
            resumption = Resumption(visitor.resumption_key, secrets.token_urlsafe(_KEY_BYTES))
            response.headers[HEADER] = resumption.issued
        websocket.send_response(response)
        if websocket.state is not State.OPEN:
            return
        self._incoming.open()
        self._flush()
        self._cancel_timer()
        self._is_open = True
        self._observer.opened(self, admission, resumption)

    def _show(self, page: Page, request: Request) -> None:
        if page.refusal is None:
            logger.debug("%s: %.100s: %d", self, request.path.partition("?")[0], page.status)
        else:
            details = page.details or page.body.strip()
            self._commons.refusals.note(self, page.refusal, f"refused with status {page.status}: {details}")
        # Before websockets 16 every request has the method GET.
        self._incoming.working().send_response(page.response(getattr(request, "method", "GET")))

    def _handle_frame(self, frame: Frame) -> None:
        if not self._is_open:
            return
        self._commons.tally.messages_in += 1
        self.charge("messages")
        if frame.opcode is Opcode.PONG:
            self._handle_pong(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is Opcode.BINARY:
                self._commons.refusals.note(self, "binary", "binary message dropped")
            message = self._incoming.joined(frame)
            if message is not None:
                self._handle_text(message)

    def _handle_pong(self, payload: bytes) -> None:
        if payload == _PING:
            self._observer.answered(self)

    def _handle_text(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            if self._incoming.state is State.OPEN:
                # RFC 6455 section 8.1.
                self._incoming.working().fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            return
        self._observer.received(self, text)

    def _flush(self) -> None:
        """Send the frames that the parser has made: pongs, the response to the handshake, the closing frame."""
        websocket = self._incoming.working()
        for chunk in websocket.data_to_send():
            if chunk:
                self._transmit(chunk)
            else:
                self._end_stream()
        if self._timer is None and websocket.close_expected() and not self._transport.is_closing():
            self._set_timer(GOODBYE_SECONDS, f"did not close within {GOODBYE_SECONDS:g} s")

    def _transmit(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        maximum = self._commons.limits.unread_bytes
        if self.is_stuck and maximum is not None and self._transport.get_write_buffer_size() > maximum:
            self.exceed("unread_bytes", f"it leaves more than {maximum} bytes unread")
            return
        self._transport.write(data)
        if self._is_open:
            self._commons.tally.bytes_out += len(data)
        if self.is_stuck:
            for holder in self._commons.unread.hold(self, self._transport.get_write_buffer_size()):
                holder.exceed("unread_bytes_in_all", "all peers leave too much unread, and it leaves the most")

    def _end_stream(self) -> None:
        if self._transport.is_closing():
            return
        self._note_failed_handshake()
        if not self._transport.can_write_eof():
            # TLS ends both directions at once.
            self._transport.close()
            return
        # When the other end was faster, uvloop raises RuntimeError and asyncio OSError.
        with contextlib.suppress(RuntimeError, OSError):
            self._transport.write_eof()
        self._set_timer(GOODBYE_SECONDS, f"did not close within {GOODBYE_SECONDS:g} s")

    def _note_failed_handshake(self) -> None:
        error = self._incoming.working().handshake_exc
        if error is None:
            return
        if isinstance(error.__cause__, EOFError):
            logger.debug("%s: not a WebSocket client: %.300s", self, error)
        else:
            self._commons.refusals.note(self, "handshake", f"not a WebSocket client: {error}")

    def _abort(self) -> None:
        self._is_final = True
        self._transport.abort()
        self._let_go()

    def _let_go(self) -> None:
        """Free what was read.

        This is done here, and neither when the loop reports that the connection is lost, by which time it may have read from
        many others, nor by the garbage collector, as the parser and its generator refer to each other.
        """
        self._is_final = self._is_final or self._incoming.said_goodbye
        self._incoming.close()
        self._asking = None

    def _leave(self) -> None:
        if self._is_open:
            self._is_open = False
            if (excess := self._incoming.excess) is not None:
                self._commons.refusals.note(self, "message_bytes", f"closed with code 1009: {excess}")
            self._observer.left(self, self._is_final or self._incoming.said_goodbye)

    def _give_up_handshake(self) -> None:
        self.exceed("handshake_seconds", f"no complete handshake within {self._commons.limits.handshake_seconds:g} s")

    def _set_timer(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = self._commons.loop.call_later(seconds, self.cut_off, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
