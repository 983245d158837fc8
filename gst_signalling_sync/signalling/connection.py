"""`Connection`: a WebSocket connection (RFC 6455) with two threads, a reader, and a writer so that sending never blocks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import websocket
from websocket import ABNF

from ..endpoint import Endpoint
from ..errors import ConnectError, ConnectionLost
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
    """A WebSocket connection from `open` to `close`.

    The reader owns receiving, the writer owns sending. The reader never waits for the writer, so it notices a server that reads
    nothing. `close`, and a failure of either thread, stops both by shutting the stream down.

    Args:
        endpoint: The server.
        on_text: Called with each text message, on the reader.
        on_lost: Called once, as the last call, on the reader, with the reason; with None after `close`.
        keepalive: Seconds of silence after which the server is pinged; `math.inf`: never.
        resumption_key: The key by which the peer resumes. Defaults to None: it does not.
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
        # Acquired by the thread that sends the closing frame, and never released: a connection has one such frame.
        self._closing_frame = threading.Lock()
        # Interrupts `open` while it runs.
        self._interruption: Interruption | None = None
        # Used by the reader alone.
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
            deadline: For name resolution, TCP, proxy, TLS and the opening handshake together.

        Raises:
            ConnectError: The server cannot be reached, or refused the connection.
            ConnectTimeout: The server, or a proxy on the way, did not answer in time.
            ConnectionLost: `interrupt` was called meanwhile.
        """
        try:
            interruption = self._interruption = Interruption()
        except OSError as error:
            raise ConnectError(
                f"connecting to the signalling server {self.uri}: {error.strerror or error}: close files, or allow more"
                " (ulimit -n)."
            ) from error
        try:
            if self._closing:
                raise Interrupted
            self._stream, first = Opening(self._endpoint, deadline, interruption, self._resumption_key).open()
            self._received = memoryview(first)
            interruption.check()
            self._stream.tcp.opened(self._keepalive_seconds + ANSWER_SECONDS)
            # The writer first: the reader, which may stop at once, waits for the writer to stop.
            self._writer.start()
            self._reader.start()
        except BaseException as error:
            # The system may have no more threads, or Ctrl-C came between the two starts.
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
        """Make an `open` in another thread raise, whatever it waits for. Afterwards only `close` may be called."""
        self._closing = True
        interruption = self._interruption
        if interruption is not None:
            interruption.trigger()

    def break_off(self) -> None:
        """Drop the connection without a closing handshake, so that the server lets the peer resume. Returns at once."""
        self.interrupt()
        if self._stream is not None:
            self._stream.tcp.shut_down()

    def send(self, text: str) -> None:
        """Queue a text message; returns at once. On a lost connection, of which `on_lost` has told, the message is dropped."""
        self._outgoing.put(text)

    def close(self, seconds: float) -> None:
        """Send what was queued, do the closing handshake, and stop both threads; idempotent.

        Args:
            seconds: How long this may take in total.
        """
        deadline = Deadline(seconds)
        self._closing = True
        if not self._reader.is_alive():
            return
        self._outgoing.end()
        self._writer.join(min(deadline.remaining(), _CLOSING_SECONDS))
        self._reader.join(min(deadline.remaining(), _CLOSING_SECONDS))
        # From here on nothing waits for a server that does not answer, or for a socket that is full.
        assert self._stream is not None
        self._stream.tcp.shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._reader.join(_CLOSING_SECONDS)

    # What follows runs on the writer.

    def _write(self) -> None:
        assert self._stream is not None
        try:
            while (items := self._outgoing.take()) is not None:
                frames = [item if isinstance(item, bytes) else _text_frame(item) for item in items]
                self._stream.send(b"".join(frames), Deadline(_FOREVER))
            if self._closing and self._closing_frame.acquire(blocking=False):
                self._stream.send(close_frame(websocket.STATUS_NORMAL), Deadline(_FOREVER))
        except Exception as error:
            level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
            logger.log(level, "%s: sending failed: %s", self.uri, error, exc_info=level == logging.ERROR)
            # The shutdown ends the reader's wait, and the reader reports the loss.
            self._stream.tcp.shut_down()

    # What follows runs on the reader.

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
        try:
            self._on_lost(None if self._closing else ended.error(f"connection to {self.uri} lost: {ended}"))
        except Exception:
            logger.exception("%s: internal error in telling of its loss", self.uri)

    def _read_until_end(self, stream: Stream) -> _Ended:
        keepalive = Keepalive(clock.now(), self._keepalive_seconds)
        self._heard = stream.tcp.bytes_received
        messages = MessageReader(lambda size: self._receive(size, stream, keepalive))
        self._turns = Turns(clock.now())
        try:
            while True:
                self._handle(messages.next())
                if self._turns.is_over(clock.now()):
                    time.sleep(PAUSE_SECONDS)
        except _Ended as ended:
            return ended
        except ProtocolViolation as violation:
            self._say_goodbye(close_frame(violation.code, str(violation)))
            if violation.code == websocket.STATUS_MESSAGE_TOO_BIG:
                return _Ended(str(violation))
            return _Ended(f"the server violated the WebSocket protocol: {violation}")
        except Exception:
            # The loss must be told, or the client would seem to be connected forever.
            logger.exception("%s: internal error while receiving", self.uri)
            return _Ended("internal error")

    def _receive(self, size: int, stream: Stream, keepalive: Keepalive) -> bytes:
        """The next bytes from the server, at least one. Meanwhile it judges whether the server is alive, even within a frame.

        Raises:
            _Ended: The connection has ended.
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
        """Ping the server if it is time.

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
                raise _Ended("the local address does not exist any more", AddressGone)

    def _handle(self, message: Message) -> None:
        """Handle a message or control frame.

        Raises:
            _Ended: It ends the connection.
            ProtocolViolation: It is malformed.
        """
        match message.opcode:
            case ABNF.OPCODE_TEXT:
                self._handle_text(message.data)
            case ABNF.OPCODE_BINARY:
                self._warnings.warn("dropped a binary message of the server", f"{len(message.data)} bytes")
            case ABNF.OPCODE_PING:
                self._outgoing.put_control("pong", frame_of(ABNF.OPCODE_PONG, message.data))
            case ABNF.OPCODE_CLOSE:
                words = closing_words(message.data)
                # The answer echoes the code (RFC 6455 section 5.5.1).
                self._say_goodbye(frame_of(ABNF.OPCODE_CLOSE, message.data))
                raise _Ended(f"the server closed it ({words})" if words else "the server closed it")

    def _handle_text(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolViolation(
                websocket.STATUS_INVALID_PAYLOAD, f"a text message is not UTF-8: {error.reason}"
            ) from None
        try:
            self._on_text(text)
        except Exception:  # noqa: BLE001 - one message must not end the connection
            self._warnings.warn("internal error while handling a message", text[:200], trace=True)

    def _say_goodbye(self, frame: bytes) -> None:
        """Make the writer send a closing frame, unless it has sent one, before the stream is shut down."""
        self._says_goodbye = True
        if self._closing_frame.acquire(blocking=False):
            self._outgoing.close(frame)


class AddressGone(ConnectionLost):
    """The connection is lost because the local address is gone; the server may be well."""


class _Ended(Exception):
    """The connection has ended. The message says why; `error` is the exception to report."""

    def __init__(self, message: str, error: type[ConnectionLost] = ConnectionLost) -> None:
        super().__init__(message)
        self.error = error


def _text_frame(text: str) -> bytes:
    return frame_of(ABNF.OPCODE_TEXT, text.encode())
