"""`Connection`: one peer's WebSocket (RFC 6455) as the server holds it: its handshake, its frames and messages, and its end.

An open connection has no task, queue or timer of its own, so that thousands of idle peers cost little. No peer is read for
longer than a turn. Peers that are let in go before those that are not: whatever a handshake or the end of a connection needs
waits for its turn.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from ..protocol.permissions import Admission
from .commons import Commons
from .frames import PING, PONG, control_frame
from .handshake import HEADER_TOO_LONG, Handshake
from .incoming import SLICE_BYTES, Incoming
from .observer import Observer
from .page import Page
from .reception import Visitor
from .tcp_connection import Reading, TcpConnection

__all__ = ["Connection"]

logger = logging.getLogger(__name__)

UNAUTHORIZED: Final = 3000
"""The close code for peers whose authorization has ended, by IANA's registry."""

FRAMES_IN_A_TURN: Final = 16

_PING: Final = b"lease"
"""The payload of pings and of their answers: an unsolicited pong does not count."""

_PING_FRAME: Final = control_frame(PING, _PING)


class Connection(TcpConnection):
    """A connection from accept to loss.

    Args:
        observer: Told what happens.
        commons: Shared with the other connections.
        address: Of the other end.
        descriptor: Of its socket.

    Attributes:
        peer_id: The peer's id once the connection is open, set by the observer.
    """

    __slots__ = (
        "_handshake",
        "_incoming",
        "_is_holding",
        "_observer",
        "peer_id",
    )

    def __init__(self, observer: Observer[Connection], commons: Commons, address: str, descriptor: int) -> None:
        super().__init__(commons, address, descriptor)
        self.peer_id = ""
        self._observer = observer
        self._incoming = Incoming(commons.limits.message_bytes)
        # None: it is complete, or the connection is dropped.
        self._handshake: Handshake | None = Handshake(self, commons)
        self._is_holding = False

    def __str__(self) -> str:
        return f"peer {self.peer_id}" if self.peer_id else super().__str__()

    def show(self, page: Page) -> None:
        """Answer the waiting request by a page.

        Args:
            page: The page.
        """
        if self._handshake is not None and (asked := self._pop_request(self._handshake)) is not None:
            self._handshake.show(self._incoming.working(), asked[0], page)
            self._resume_after_answer()

    def admit(self, admission: Admission | None) -> None:
        """Answer the waiting request for a WebSocket by opening it.

        Args:
            admission: The identity and rights of the client; None: the server asks for no tokens.
        """
        if self._handshake is not None and (asked := self._pop_request(self._handshake)) is not None:
            self._open(*asked, admission)
            self._resume_after_answer()

    def send(self, frames: bytes) -> None:
        """Send WebSocket frames without waiting; a peer that leaves too much unread is cut off instead.

        Args:
            frames: Complete frames.
        """
        if self._incoming.state is State.OPEN:
            self._transmit(frames)

    def ping(self) -> None:
        """Ping the peer."""
        self.send(_PING_FRAME)

    @property
    def is_lost(self) -> bool:
        """Whether the TCP connection is gone, and the observer has not been told yet."""
        return self._reading is Reading.WAITS_FOR_END

    def conclude(self) -> None:
        """Report the loss of the TCP connection now, before its turn for that has come."""
        if self.is_lost:
            self._reading = Reading.OVER
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the handshake."""
        super().connection_made(transport)
        self._timer = self._commons.loop.call_later(self._commons.limits.handshake_seconds, self._give_up_handshake)
        self._observer.made(self)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes; more than one turn's work waits for the next turn."""
        if self._is_open:
            self._commons.tally.bytes_in += len(data)
            self.charge("bytes", len(data))
        elif self._incoming.state is State.CONNECTING and not self._has_room(len(data)):
            return
        self._incoming.add(data)
        if self._reading is not Reading.ON:
            return
        if self._is_open:
            self._go_on()
        else:
            self._set_reading(Reading.WAITS_FOR_TURN)
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
        if self._handshake is not None and self._handshake.is_waiting:
            self._set_reading(Reading.WAITS_FOR_ANSWER)
        elif self._pause:
            pause, self._pause = self._pause, 0.0
            self._commons.loop.call_later(pause, self._go_on)
            self._set_reading(Reading.WAITS_FOR_RATE)
        elif has_more:
            self._set_reading(Reading.WAITS_FOR_TURN)
        else:
            self._set_reading(Reading.ON)
        return self._reading is Reading.WAITS_FOR_TURN

    def resume_writing(self) -> None:
        """Report that the peer reads again."""
        super().resume_writing()
        self._observer.writable(self)

    def eof_received(self) -> None:
        """Answer the end of the stream; the transport then closes by itself."""
        websocket = self._incoming.websocket
        if websocket is not None and not self._transport.is_closing():
            websocket.receive_eof()
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Schedule the report of the loss: telling all other peers takes a while, and many connections may be lost at once."""
        super().connection_lost(exc)
        self._commons.incomplete.hold(self, 0)
        has_turn = self._reading is Reading.WAITS_FOR_TURN
        self._reading = Reading.WAITS_FOR_END
        if not has_turn:
            self._commons.comings_and_goings.wait(self)

    def _has_room(self, size: int) -> bool:
        """Whether the request may be so much longer; if not, it is refused."""
        if self._handshake is None or self._handshake.has_room(size):
            return True
        self._transport.write(HEADER_TOO_LONG.response().serialize())
        self._transport.close()
        return False

    def _pop_request(self, handshake: Handshake) -> tuple[Request, Visitor] | None:
        """The request that waits for its answer; None: the client is gone, or did not ask."""
        asked = handshake.pop_request()
        return None if self._transport.is_closing() else asked

    def _resume_after_answer(self) -> None:
        if self._reading is Reading.WAITS_FOR_ANSWER:
            self._flush()
            self._go_on()

    def _go_on(self) -> None:
        if self.take_turn():
            self._commons.turns.wait(self)

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
        while not self._pause and incoming.has_any:
            if self._handshake is not None and self._handshake.is_waiting:
                break
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
        if self._handshake is None or self._incoming.working().close_expected():
            # The request came together with bytes that are not WebSocket frames, and the parser has given up.
            self.exceed("handshake", "not a WebSocket client: it did not wait for the response to its handshake")
            return
        answer = self._handshake.receive(request, self._address)
        if isinstance(answer, Page):
            self._handshake.show(self._incoming.working(), request, answer)
            return
        self._address = answer.request.address
        self._observer.asked(self, answer)

    def _open(self, request: Request, visitor: Visitor, admission: Admission | None) -> None:
        websocket = self._incoming.working()
        resumption = Handshake.accept(websocket, request, visitor)
        if websocket.state is not State.OPEN:
            return
        self._incoming.open()
        self._flush()
        self._cancel_timer()
        self._handshake = None
        self._is_open = True
        self._observer.opened(self, admission, resumption)

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
            elif not self._transport.is_closing():
                if self._handshake is not None:
                    self._handshake.end(websocket)
                self._end_stream()
        if self._timer is None and websocket.close_expected() and not self._transport.is_closing():
            self._limit_goodbye()

    def _let_go(self) -> None:
        self._is_final = self._is_final or self._incoming.said_goodbye
        self._incoming.close()
        self._handshake = None

    def _leave(self) -> None:
        if self._is_open:
            self._is_open = False
            if (excess := self._incoming.excess) is not None:
                self._commons.refusals.note(self, "message_bytes", f"closed with code 1009: {excess}")
            self._observer.left(self, self._is_final or self._incoming.said_goodbye)

    def _give_up_handshake(self) -> None:
        self.exceed("handshake_seconds", f"no complete handshake within {self._commons.limits.handshake_seconds:g} s")
