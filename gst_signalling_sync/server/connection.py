"""`Connection`: one peer's WebSocket as the server holds it, over `frames` and the protocol class of `websockets`.

There is no task, queue, timer or parser per open connection, so that thousands of idle peers cost little, the garbage collector
too. No write ever waits, so that a peer which does not read cannot delay another, and no peer is read for longer than a turn.
Those who are let in go before those who knock: whatever a handshake or the end of a connection takes waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter, deque
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Protocol, cast

from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..protocol.permissions import Admission
from ..protocol.quota import Buckets, Charge
from ..protocol.resumption import HEADER, Resumption
from .commons import Commons
from .frames import MAX_BYTES, PING, PONG, ShortFrame, control_frame, frame_bytes, short_frame
from .page import Page
from .reception import Visitor
from .websocket import is_traced, websocket

__all__ = ["Connection", "Observer"]

logger = logging.getLogger(__name__)

UNAUTHORIZED: Final = 3000
"""The close code of IANA's registry for peers whose authorization has ended."""

GOODBYE_SECONDS: Final = 1.0
"""How long a peer may take to close its side once the closing has begun."""

FRAMES_IN_A_TURN: Final = 16

SLICE_BYTES: Final = 1024
"""What is parsed at once: some 170 of the smallest frames, so that parsing them is short as well."""

MAX_SLICE_BYTES: Final = 64 * 1024
"""What is parsed at once of a long frame."""

_PING: Final = b"lease"
"""What pings hold, and their answers: a pong that nobody asked for is none."""

_PING_FRAME: Final = control_frame(PING, _PING)

_KEY_BYTES: Final = 32

STUCK_BYTES: Final = 8 * 1024
"""What waits for a peer, beyond what the kernel takes, before it counts as one that does not read."""

_HEADER_TOO_LONG: Final = Page(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request has a longer header than this takes.\n"
)


class Observer(Protocol):
    """What a connection reports to; every call is made on the loop."""

    def made(self, connection: Connection) -> None:
        """It can be read and written."""

    def asked(self, connection: Connection, visitor: Visitor) -> None:
        """A client asks for something; it waits for `Connection.show` or `Connection.admit`."""

    def opened(self, connection: Connection, admission: Admission | None, resumption: Resumption | None) -> None:
        """The handshake is done, in which the peer showed a key, and got one, or did not ask for any."""

    def received(self, connection: Connection, text: str) -> None:
        """A text message arrived."""

    def answered(self, connection: Connection) -> None:
        """The peer answered a ping."""

    def writable(self, connection: Connection) -> None:
        """The peer reads again."""

    def left(self, connection: Connection, is_final: bool) -> None:
        """The peer is gone, or has begun to close; called once, after `opened`.

        It is final where one of the two ends wanted it, and not where the connection broke.
        """

    def lost(self, connection: Connection) -> None:
        """The TCP connection is gone."""


class _Reading(Enum):
    """Whether a peer is read, and if not, what for."""

    ON = auto()
    WAITS_FOR_TURN = auto()
    WAITS_FOR_RATE = auto()
    WAITS_FOR_ANSWER = auto()
    WAITS_FOR_END = auto()
    OVER = auto()


class Connection(asyncio.Protocol):
    """A connection from accept to loss.

    Args:
        observer: What to report to.
        commons: What it shares with the others.
        address: Where it comes from.
        descriptor: Of its socket.

    Attributes:
        peer_id: The peer's id once it is open, for the observer to set.
        noted: How often each rule refused it something; None: never.
        is_made: Whether it has a transport, or had one.
        is_stuck: Whether the peer does not read what waits for it.
    """

    __slots__ = (
        "_address",
        "_asking",
        "_buckets",
        "_commons",
        "_descriptor",
        "_frame_left",
        "_frames",
        "_header_bytes",
        "_is_aligned",
        "_is_final",
        "_is_fragmented",
        "_is_holding",
        "_is_open",
        "_is_traced",
        "_observer",
        "_offset",
        "_parsed_since_frame",
        "_partial",
        "_pause",
        "_reading",
        "_resting",
        "_timer",
        "_transport",
        "_unparsed",
        "_websocket",
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
        # Only while it has something to do: from the first byte of a handshake to its last, for a frame that is not here as a
        # whole, and from the beginning of the end. `_resting` is the state of a connection that has none.
        self._websocket: ServerProtocol | None = None
        self._resting = State.CONNECTING
        self._buckets: Buckets | None = None
        self._transport: asyncio.Transport
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False
        self._is_final = False
        self._is_holding = False
        self._is_traced = False
        self._reading = _Reading.ON
        # What has been asked for, until it is answered.
        self._asking: tuple[Request, Visitor] | None = None
        self._header_bytes = 0
        # What has arrived, in the order of its way: bytes, frames, and the parts of a message.
        self._unparsed = b""
        self._offset = 0
        self._parsed_since_frame = 0
        self._frames: deque[Frame] | None = None
        self._partial: bytearray | None = None
        self._is_fragmented = False
        # How much of a frame the parser has not been given yet; it is given no more than that. Unless what came with the
        # handshake has blurred where frames begin.
        self._frame_left = 0
        self._is_aligned = False
        # For how many seconds the peer is not read, because of its rates.
        self._pause = 0.0

    def fileno(self) -> int:
        """The descriptor of its socket; -1 where there is none any more."""
        return self._descriptor

    def show(self, page: Page) -> None:
        """Answer what was asked for by a page.

        Args:
            page: The page.
        """
        if (asked := self._answered()) is not None:
            self._show(page, asked[0])
            self._resume_after_answer()

    def admit(self, admission: Admission | None) -> None:
        """Let the client that asks for a WebSocket in.

        Args:
            admission: Who it is; None: nobody asked.
        """
        if (asked := self._answered()) is not None:
            self._open(*asked, admission)
            self._resume_after_answer()

    def send(self, frames: bytes) -> None:
        """Send WebSocket frames, without waiting; a peer that leaves too much unread is cut off instead.

        Args:
            frames: Complete ones.
        """
        if self._state is State.OPEN:
            self._transmit(frames)

    def charge(self, charge: Charge, amount: float = 1) -> None:
        """Charge the peer for something; it is not read until it has paid.

        Args:
            charge: For what.
            amount: How much of it.
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
        """Whether the peer is not read at the moment, so that it is not its fault that it is not heard."""
        return self._reading is not _Reading.ON

    @property
    def is_lost(self) -> bool:
        """Whether the TCP connection is gone, and this has not been reported yet."""
        return self._reading is _Reading.WAITS_FOR_END

    def conclude(self) -> None:
        """Report now that the TCP connection is gone, before its turn for that has come."""
        if self.is_lost:
            self._reading = _Reading.OVER
            self._leave()
            self._commons.refusals.conclude(self)
            self._observer.lost(self)

    def go_away(self) -> None:
        """Begin to close because the server stops: code 1001 to an open peer, the end to any other."""
        if self._state is not State.OPEN:
            self._transport.abort()
            return
        self._working().send_close(CloseCode.GOING_AWAY)
        self._flush()

    def expel(self, rule: str, details: str) -> None:
        """Begin to close, code 3000 (unauthorized), because the peer may not be here any more.

        Args:
            rule: Why, by name; the peer is told too.
            details: In words.
        """
        if self._state is State.OPEN:
            self._commons.refusals.note(self, rule, f"closed with code {UNAUTHORIZED}: {details}")
            self._working().send_close(UNAUTHORIZED, rule)
            self._flush()

    def cut_off(self, reason: str) -> None:
        """Drop the connection at once, with what was not sent yet.

        Args:
            reason: For the log.
        """
        logger.debug("%s: cut off: %s", self, reason)
        self._abort()

    def exceed(self, rule: str, details: str) -> None:
        """Drop the connection at once because of a limit.

        Args:
            rule: Its name.
            details: In words.
        """
        if not self._transport.is_closing():
            self._commons.refusals.note(self, rule, f"cut off: {details}")
            self._abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the handshake."""
        # uvloop's class is a transport without deriving from this one.
        self._transport = cast(asyncio.Transport, transport)
        self.is_made = True
        self._transport.set_write_buffer_limits(high=STUCK_BYTES)
        self._timer = self._commons.loop.call_later(self._commons.limits.handshake_seconds, self._give_up_handshake)
        self._observer.made(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrives; what is more than one turn's work waits for the next."""
        if self._is_open:
            self._commons.tally.bytes_in += len(data)
            self.charge("bytes", len(data))
        elif self._state is State.CONNECTING:
            self._header_bytes += len(data)
            if self._header_bytes > self._commons.limits.header_bytes:
                self._commons.refusals.note(self, "header_bytes", "refused, as its header is longer than the limit")
                self._transport.write(_HEADER_TOO_LONG.response().serialize())
                self._transport.close()
                return
        self._unparsed = self._unparsed[self._offset :] + data if self._unparsed else data
        self._offset = 0
        if self._reading is not _Reading.ON:
            return
        if self._is_open:
            self._go_on()
        else:
            self._set_reading(_Reading.WAITS_FOR_TURN)
            self._commons.comings_and_goings.wait(self)
        self._commons.breather.breathe()

    def take_turn(self) -> bool:
        """Handle a few frames of what has arrived, or the loss of the connection.

        Returns:
            Whether there are more, which wait for the next turn.
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
        self._tell_incomplete()
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
        """The peer does not read."""
        self.is_stuck = True

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.is_stuck = False
        self._commons.unread.hold(self, 0)
        self._observer.writable(self)

    def eof_received(self) -> None:
        """Answer the end of the stream; the transport closes by itself afterwards."""
        if self._websocket is not None and not self._transport.is_closing():
            self._websocket.receive_eof()
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the loss, soon: it takes a while to tell all others, and many connections may be lost at once."""
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

    @property
    def _state(self) -> State:
        return self._resting if self._websocket is None else self._websocket.state

    def _working(self) -> ServerProtocol:
        if self._websocket is None:
            self._websocket = websocket(self._resting, self._commons.limits.message_bytes)
        return self._websocket

    def _answered(self) -> tuple[Request, Visitor] | None:
        """What was asked for, for whoever answers it; None: the client is gone, or did not ask."""
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
        """Handle a few frames; whether there are more."""
        has_more = self._take_some()
        if self._websocket is None:
            return has_more
        self._flush()
        if not self._frames:
            # Thousands of peers are idle, and an empty deque is no small thing.
            self._frames = None
            if self._websocket.close_expected():
                self._leave()
            else:
                self._rest()
        return has_more

    def _take_some(self) -> bool:
        frames_left, size = FRAMES_IN_A_TURN, SLICE_BYTES
        while not self._pause and self._asking is None and (self._frames or self._unparsed):
            if not frames_left:
                return True
            if self._frames:
                frames_left -= 1
                self._take_frame(self._frames.popleft())
            elif self._websocket is None and (frame := self._short_frame()) is not None:
                frames_left -= 1
                self._take_short_frame(*frame)
            elif slice_ := self._slice(size):
                size = self._parse(slice_, size)
            else:
                break
        return False

    def _short_frame(self) -> ShortFrame | None:
        """The next frame, where it needs no parser that keeps its state."""
        if self._resting is not State.OPEN or self._is_traced:
            return None
        frame = short_frame(self._unparsed, self._offset, min(MAX_BYTES, self._commons.limits.message_bytes))
        if frame is not None:
            self._advance(frame[2])
        return frame

    def _take_short_frame(self, opcode: int, payload: bytes, _: int) -> None:
        self._commons.tally.messages_in += 1
        self.charge("messages")
        if opcode == PING:
            self._transmit(control_frame(PONG, payload))
        elif opcode == PONG:
            self._take_pong(payload)
        else:
            self._take_text(payload)

    def _advance(self, end: int) -> None:
        if end < len(self._unparsed):
            self._offset = end
        else:
            self._unparsed, self._offset = b"", 0

    def _slice(self, size: int) -> bytes:
        """So many bytes to parse, of one frame only where it is known where it begins; empty: its header is not all here."""
        if self._is_aligned and self._state is State.OPEN:
            if not self._frame_left:
                self._frame_left = frame_bytes(self._unparsed, self._offset) or 0
            size = min(size, self._frame_left, len(self._unparsed) - self._offset)
            self._frame_left -= size
        end = self._offset + size
        data = self._unparsed[self._offset : end]
        self._advance(end)
        return data

    def _parse(self, data: bytes, size: int) -> int:
        """Parse a slice, and say how large the next one may be."""
        websocket = self._working()
        websocket.receive_data(data)
        events = websocket.events_received()
        if not events:
            self._parsed_since_frame += len(data)
            return min(2 * size, MAX_SLICE_BYTES)
        self._parsed_since_frame = 0
        if isinstance(request := events[0], Request):
            self._answer_handshake(request)
            del events[0]
            self._is_aligned = not events and data.endswith(b"\n") and not websocket.reader.buffer
        self._frames = deque(cast("list[Frame]", events))
        return SLICE_BYTES

    def _tell_incomplete(self) -> None:
        if not (self._unparsed or self._is_holding or self._websocket):
            return
        size = len(self._unparsed) - self._offset + self._parsed_since_frame + len(self._partial or b"")
        if size <= SLICE_BYTES and not self._is_holding:
            return
        self._is_holding = size > SLICE_BYTES
        for holder in self._commons.incomplete.hold(self, size if self._is_holding else 0):
            holder.exceed(
                "incomplete_bytes_in_all", "all messages that are incomplete are too long, and it has the longest"
            )

    def _answer_handshake(self, request: Request) -> None:
        if self._working().close_expected():
            # What came with the request was no WebSocket, and the protocol has already given up.
            self.exceed("handshake", "no WebSocket client: it did not wait for the answer to its handshake")
            return
        answer = self._commons.reception.receive(request, self._address)
        if isinstance(answer, Page):
            self._show(answer, request)
            return
        self._address = answer.request.address
        self._asking = request, answer
        self._observer.asked(self, answer)

    def _open(self, request: Request, visitor: Visitor, admission: Admission | None) -> None:
        websocket = self._working()
        response = websocket.accept(request)
        resumption = None
        if visitor.resumption_key is not None:
            resumption = Resumption(visitor.resumption_key, secrets.token_urlsafe(_KEY_BYTES))
            response.headers[HEADER] = resumption.issued
        websocket.send_response(response)
        if websocket.state is not State.OPEN:
            return
        self._resting = State.OPEN
        self._is_traced = websocket.debug = is_traced()
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
        # The method is always GET before websockets 16.
        self._working().send_response(page.response(getattr(request, "method", "GET")))

    def _take_frame(self, frame: Frame) -> None:
        if not self._is_open:
            return
        self._commons.tally.messages_in += 1
        self.charge("messages")
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._is_fragmented = not frame.fin
        if frame.opcode is Opcode.BINARY:
            self._commons.refusals.note(self, "binary", "binary message dropped")
        elif frame.opcode is Opcode.TEXT and frame.fin:
            self._take_text(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._partial = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._partial is not None:
            self._take_fragment(self._partial, frame)
        elif frame.opcode is Opcode.PONG:
            self._take_pong(bytes(frame.data))

    def _take_pong(self, payload: bytes) -> None:
        if payload == _PING:
            self._observer.answered(self)

    def _take_fragment(self, partial: bytearray, frame: Frame) -> None:
        partial += frame.data
        if frame.fin:
            self._partial = None
            self._take_text(bytes(partial))

    def _take_text(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            if self._state is State.OPEN:
                # RFC 6455, section 8.1.
                self._working().fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            return
        self._observer.received(self, text)

    def _flush(self) -> None:
        """Send what the protocol has to say: pongs, the answer to the handshake, the end."""
        websocket = self._working()
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
        most = self._commons.limits.unread_bytes
        if self.is_stuck and most is not None and self._transport.get_write_buffer_size() > most:
            self.exceed("unread_bytes", f"it leaves more than {most} bytes unread")
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
        # uvloop raises the one, asyncio the other, when the other end was faster.
        with contextlib.suppress(RuntimeError, OSError):
            self._transport.write_eof()
        self._set_timer(GOODBYE_SECONDS, f"did not close within {GOODBYE_SECONDS:g} s")

    def _note_failed_handshake(self) -> None:
        error = self._working().handshake_exc
        if error is None:
            return
        if isinstance(error.__cause__, EOFError):
            logger.debug("%s: no WebSocket client: %.300s", self, error)
        else:
            self._commons.refusals.note(self, "handshake", f"no WebSocket client: {error}")

    def _abort(self) -> None:
        self._is_final = True
        self._transport.abort()
        self._let_go()

    def _let_go(self) -> None:
        """Free what was read.

        Now, and neither when the loop gets to tell that the connection is lost, as it may have read from many others by then,
        nor when the garbage collector comes, as the parser and its generator refer to each other.
        """
        self._is_final = self._is_final or self._said_goodbye()
        self._drop_websocket()
        self._resting = State.CLOSED
        self._asking = None
        self._unparsed, self._offset, self._partial, self._frames = b"", 0, None, None

    def _rest(self) -> None:
        """Do without a parser between two messages, if it can be."""
        websocket = self._websocket
        if websocket is None or websocket.state is not State.OPEN:
            return
        if self._is_aligned and not (self._is_traced or self._is_fragmented or self._frame_left):
            self._drop_websocket()

    def _drop_websocket(self) -> None:
        if self._websocket is not None:
            # The parser and its generator refer to each other.
            self._websocket.parser.close()
            self._websocket = None

    def _said_goodbye(self) -> bool:
        websocket = self._websocket
        return websocket is not None and (websocket.close_rcvd is not None or websocket.close_sent is not None)

    def _leave(self) -> None:
        if self._is_open:
            self._is_open = False
            error = None if self._websocket is None else self._websocket.parser_exc
            if isinstance(error, PayloadTooBig):
                self._commons.refusals.note(self, "message_bytes", f"closed with code 1009: {error}")
            self._observer.left(self, self._is_final or self._said_goodbye())

    def _give_up_handshake(self) -> None:
        self.exceed("handshake_seconds", f"no handshake within {self._commons.limits.handshake_seconds:g} s")

    def _set_timer(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = self._commons.loop.call_later(seconds, self.cut_off, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
