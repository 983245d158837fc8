"""A WebSocket connection (RFC 6455) driven by two threads: a reader, and a writer so that sending never blocks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import websocket
from websocket import ABNF

from ..endpoint import Endpoint
from ..errors import ConnectionLost
from ..protocol.keepalive import ANSWER_SECONDS, Keepalive, Verdict
from ..threads import clock
from ..threads.interruption import Interrupted, Interruption
from ..threads.waiting import Deadline
from .frames import Message, MessageReader, ProtocolViolation, close_frame, closing_words, frame_of
from .opening import Opening
from .outgoing import Outgoing
from .repeated import RepeatedWarnings
from .resumption_key import ResumptionKey
from .stream import Stream, TcpStream
from .turns import PAUSE_SECONDS, Turns

__all__ = ["AddressGone", "Connection"]

logger = logging.getLogger(__name__)

_CLOSING_SECONDS: Final = 1.0
"""How long the server may take to answer the closing handshake (RFC 6455 section 7.1.1)."""

_FOREVER: Final = float("inf")


class Connection:
    """A WebSocket from `open` to `close`.

    Threads: the reader owns receiving, the writer owns sending; the reader never waits for the writer, so that it notices a
    server that takes nothing. `close`, and a failure of either, ends both by shutting the stream down.

    Args:
        endpoint: The server.
        on_text: Called with each text message, on the reader.
        on_lost: Called once, last, on the reader, with the reason, or None after `close`.
        keepalive: Seconds of silence after which the server is asked for a sign of life; `math.inf`: never.
        resumption_key: By which the peer comes back; None: it does not.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_text: Callable[[str], None],
        on_lost: Callable[[ConnectionLost | None], None],
        keepalive: float,
        resumption_key: ResumptionKey | None = None,
    ) -> None:
        self.uri = endpoint.uri
        self._endpoint = endpoint
        self._resumption_key = resumption_key
        self._on_text = on_text
        self._on_lost = on_lost
        self._keepalive_seconds = keepalive
        self._warnings = RepeatedWarnings(logger, self.uri)
        self._closing = False
        self._outgoing = Outgoing()
        self._stream: Stream | None = None
        # Held by the thread that sends the closing frame, for good: a connection has one.
        self._closing_frame = threading.Lock()
        # What `open` waits by, as long as it does.
        self._interruption: Interruption | None = None
        # The reader's own.
        self._received = memoryview(b"")
        self._says_goodbye = False
        self._turns = Turns(0.0)
        self._heard = 0
        self._delivered = 0
        where = self.uri.split("//", 1)[1]
        self._reader = threading.Thread(target=self._read, name=f"gss-reader-{where}", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"gss-writer-{where}", daemon=True)

    def open(self, deadline: Deadline) -> None:
        """Connect, and start both threads.

        Args:
            deadline: For all of it: name, TCP, proxy, TLS and the opening handshake.

        Raises:
            ConnectError: There is no way to the server, or it refused.
            ConnectTimeout: It, or something on the way, did not answer in time.
            ConnectionLost: `interrupt` was called meanwhile.
        """
        interruption = self._interruption = Interruption()
        try:
            if self._closing:
                raise Interrupted
            self._stream, first = Opening(self._endpoint, deadline, interruption, self._resumption_key).open()
            self._received = memoryview(first)
            interruption.check()
            self._stream.tcp.opened(self._keepalive_seconds + ANSWER_SECONDS)
            # The writer first: the reader, which may end at once, waits for its end.
            self._writer.start()
            self._reader.start()
        except BaseException as error:
            # There may be no more threads to be had, or a Ctrl-C landed between the two.
            self._outgoing.end()
            if self._stream is not None:
                self._stream.tcp.shut_down()
                if not self._reader.is_alive():
                    self._stream.tcp.close()
            if isinstance(error, Interrupted):
                raise ConnectionLost(
                    f"connecting to the signalling server {self.uri}: closed while connecting"
                ) from None
            raise
        finally:
            self._interruption = None
            interruption.close()

    def interrupt(self) -> None:
        """Have an `open` under way in another thread raise, whatever it waits for. From then on only `close` is of use."""
        self._closing = True
        interruption = self._interruption
        if interruption is not None:
            interruption.trigger()

    def break_off(self) -> None:
        """End without a goodbye, as if the network had: of a peer that comes back the server expects that. Returns at once."""
        self.interrupt()
        if self._stream is not None:
            self._stream.tcp.shut_down()

    def send(self, text: str) -> None:
        """Queue a text message; returns at once. On a lost connection it goes nowhere: `on_lost` has told."""
        self._outgoing.put(text)

    def close(self, seconds: float) -> None:
        """Send what was queued, do the closing handshake, end both threads; idempotent.

        Args:
            seconds: How long this may take in all.
        """
        deadline = Deadline(seconds)
        self._closing = True
        if not self._reader.is_alive():
            return
        self._outgoing.end()
        self._writer.join(min(deadline.remaining(), _CLOSING_SECONDS))
        self._reader.join(min(deadline.remaining(), _CLOSING_SECONDS))
        # From here on a server that answers nothing, or a socket that takes nothing, is not waited for.
        assert self._stream is not None
        self._stream.tcp.shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._reader.join(_CLOSING_SECONDS)

    # The writer's.

    def _write(self) -> None:
        assert self._stream is not None
        try:
            while (items := self._outgoing.take()) is not None:
                frames = [item if isinstance(item, bytes) else _text_frame(item) for item in items]
                self._stream.send(b"".join(frames), Deadline(_FOREVER))
            if self._closing and self._closing_frame.acquire(blocking=False):
                self._stream.send(close_frame(websocket.STATUS_NORMAL), Deadline(_FOREVER))
        except OSError as error:
            # The reader reports the loss: shut down, its receiving ends.
            logger.debug("%s: sending failed: %s", self.uri, error)
            self._stream.tcp.shut_down()

    # The reader's.

    def _read(self) -> None:
        assert self._stream is not None
        try:
            ended = self._read_until_end(self._stream)
        finally:
            self._outgoing.end()
            if self._says_goodbye:
                self._writer.join(_CLOSING_SECONDS)
            self._stream.tcp.shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._stream.tcp.close()
        self._warnings.report()
        self._on_lost(None if self._closing else ended.error(f"connection to {self.uri} lost: {ended}"))

    def _read_until_end(self, stream: Stream) -> _Ended:
        keepalive = Keepalive(clock.now(), self._keepalive_seconds)
        self._heard = stream.tcp.bytes_received
        messages = MessageReader(lambda size: self._receive(size, stream, keepalive))
        self._turns = Turns(clock.now())
        try:
            while True:
                self._take(messages.next())
                if self._turns.is_over(clock.now()):
                    time.sleep(PAUSE_SECONDS)
        except _Ended as ended:
            return ended
        except ProtocolViolation as violation:
            self._say_goodbye(close_frame(violation.code, str(violation)))
            if violation.code == websocket.STATUS_MESSAGE_TOO_BIG:
                return _Ended(str(violation))
            return _Ended(f"the server broke the WebSocket protocol: {violation}")

    def _receive(self, size: int, stream: Stream, keepalive: Keepalive) -> bytes:
        """The next bytes of the server, at least one. Also judges whether it is alive, be it in the middle of a frame.

        Raises:
            _Ended: There are no more.
        """
        while not self._received:
            data: bytes | None = None
            begun = clock.now()
            try:
                data = stream.receive(Deadline(max(0.0, keepalive.next_at - begun)))
            except TimeoutError:
                pass
            except OSError as error:
                raise _Ended(str(error) or type(error).__name__) from None
            if data == b"":
                raise _Ended("the server closed it")
            now = clock.now()
            self._turns.waited(begun, now)
            if stream.tcp.bytes_received > self._heard:
                self._heard = stream.tcp.bytes_received
                keepalive.heard(now)
            if now >= keepalive.next_at:
                self._judge(keepalive, now, stream.tcp)
            self._received = memoryview(data or b"")
        taken, self._received = bytes(self._received[:size]), self._received[size:]
        return taken

    def _judge(self, keepalive: Keepalive, now: float, tcp: TcpStream) -> None:
        """Ask for a sign of life where it is time.

        Raises:
            _Ended: The connection is lost.
        """
        delivered, is_delivering = tcp.delivered()
        if delivered > self._delivered and is_delivering:
            keepalive.delivering(now)
        self._delivered = delivered
        match keepalive.judge(now, tcp.has_address()):
            case Verdict.ASK if not self._closing:
                self._outgoing.put_control("ping", frame_of(ABNF.OPCODE_PING, b""))
            case Verdict.SILENT:
                raise _Ended(f"the server was silent for {keepalive.silence(now):.0f} s and answered no ping")
            case Verdict.ADDRESS_GONE:
                raise _Ended("the address of this end does not exist any more", AddressGone)

    def _take(self, message: Message) -> None:
        """Take a message or control frame.

        Raises:
            _Ended: It ends the connection.
            ProtocolViolation: It is none.
        """
        match message.opcode:
            case ABNF.OPCODE_TEXT:
                self._take_text(message.data)
            case ABNF.OPCODE_BINARY:
                self._warnings.warn("dropped a binary message of the server", f"{len(message.data)} bytes")
            case ABNF.OPCODE_PING:
                self._outgoing.put_control("pong", frame_of(ABNF.OPCODE_PONG, message.data))
            case ABNF.OPCODE_CLOSE:
                words = closing_words(message.data)
                # What it said is said back (RFC 6455 section 5.5.1).
                self._say_goodbye(frame_of(ABNF.OPCODE_CLOSE, message.data))
                raise _Ended(f"the server closed it ({words})" if words else "the server closed it")

    def _take_text(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolViolation(
                websocket.STATUS_INVALID_PAYLOAD, f"a text message is not UTF-8: {error.reason}"
            ) from None
        try:
            self._on_text(text)
        except Exception:  # noqa: BLE001 - one message must not end what all the others need
            self._warnings.warn("internal error while handling a message", text[:200], trace=True)

    def _say_goodbye(self, frame: bytes) -> None:
        """Have the writer send a closing frame, unless it has sent one, before the stream is shut down."""
        self._says_goodbye = True
        if self._closing_frame.acquire(blocking=False):
            self._outgoing.close(frame)


class AddressGone(ConnectionLost):
    """The connection is lost because this end has another address now; nothing speaks against the server."""


class _Ended(Exception):
    """The connection is at its end; the message says why, `error` is what it is told as."""

    def __init__(self, message: str, error: type[ConnectionLost] = ConnectionLost) -> None:
        super().__init__(message)
        self.error = error


def _text_frame(text: str) -> bytes:
    return frame_of(ABNF.OPCODE_TEXT, text.encode())
