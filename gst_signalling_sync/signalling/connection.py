"""A WebSocket connection (RFC 6455) driven by two threads: a reader, and a writer so that sending never blocks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, PayloadTooBig, ProtocolError
from websockets.frames import CLOSE_CODE_EXPLANATIONS, Close, CloseCode, Frame, Opcode

from ..endpoint import Endpoint
from ..errors import ConnectionLost
from ..protocol.keepalive import ANSWER_SECONDS, Keepalive, Verdict
from ..threads import clock
from ..threads.interruption import Interrupted, Interruption
from ..threads.waiting import Deadline
from .opening import Opening
from .outgoing import Outgoing
from .repeated import RepeatedWarnings
from .stream import Stream, TcpStream

__all__ = ["MAX_FRAGMENTS", "Connection"]

logger = logging.getLogger(__name__)

MAX_FRAGMENTS: Final = 4096
"""The most frames that one message may come in."""

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
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_text: Callable[[str], None],
        on_lost: Callable[[ConnectionLost | None], None],
        keepalive: float,
    ) -> None:
        self.uri = endpoint.uri
        self._endpoint = endpoint
        self._on_text = on_text
        self._on_lost = on_lost
        self._keepalive_seconds = keepalive
        self._warnings = RepeatedWarnings(logger, self.uri)
        self._closing = False
        self._outgoing = Outgoing()
        self._stream: Stream | None = None
        self._protocol: ClientProtocol | None = None
        # Guards the protocol's state; never held while waiting.
        self._protocol_lock = threading.Lock()
        # What `open` waits by, as long as it does.
        self._interruption: Interruption | None = None
        # The reader's own.
        self._fragments: list[bytes] = []
        self._is_text = False
        self._says_goodbye = False
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
            self._stream, self._protocol = Opening(self._endpoint, deadline, interruption).open()
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
        """Have an `open` under way in another thread raise, whatever it waits for."""
        self._closing = True
        interruption = self._interruption
        if interruption is not None:
            interruption.trigger()
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
            while (item := self._outgoing.take()) is not None:
                self._stream.send(item if isinstance(item, bytes) else self._framed(item), Deadline(_FOREVER))
            if self._closing:
                with self._protocol_lock:
                    self._require_protocol().send_close(CloseCode.NORMAL_CLOSURE)
                    frames = self._require_protocol().data_to_send()
                self._stream.send(b"".join(frames), Deadline(_FOREVER))
        except (InvalidState, OSError) as error:
            # The reader reports the loss: shut down, its receiving ends.
            logger.debug("%s: sending failed: %s", self.uri, error)
            self._stream.tcp.shut_down()

    def _framed(self, text: str) -> bytes:
        with self._protocol_lock:
            self._require_protocol().send_text(text.encode())
            return b"".join(self._require_protocol().data_to_send())

    # The reader's.

    def _read(self) -> None:
        assert self._stream is not None
        try:
            reason = self._read_until_end(self._stream)
        finally:
            self._outgoing.end()
            if self._says_goodbye:
                self._writer.join(_CLOSING_SECONDS)
            self._stream.tcp.shut_down()
        self._writer.join(_CLOSING_SECONDS)
        self._stream.tcp.close()
        self._warnings.report()
        self._on_lost(None if self._closing else ConnectionLost(f"connection to {self.uri} lost: {reason}"))

    def _read_until_end(self, stream: Stream) -> str:
        keepalive = Keepalive(clock.now(), self._keepalive_seconds)
        heard = stream.tcp.bytes_received
        reason = self._feed(b"")
        while reason is None:
            try:
                data = stream.receive(Deadline(max(0.0, keepalive.next_at - clock.now())))
            except TimeoutError:
                pass
            except OSError as error:
                return str(error) or type(error).__name__
            else:
                if not data:
                    return "the server closed it"
                reason = self._feed(data)
            now = clock.now()
            if stream.tcp.bytes_received > heard:
                heard = stream.tcp.bytes_received
                keepalive.heard(now)
            if now >= keepalive.next_at:
                reason = reason or self._judge(keepalive, now, stream.tcp)
        return reason

    def _judge(self, keepalive: Keepalive, now: float, tcp: TcpStream) -> str | None:
        """Ask for a sign of life where it is time; why the connection is lost, if it is."""
        delivered, is_delivering = tcp.delivered()
        if delivered > self._delivered and is_delivering:
            keepalive.delivering(now)
        self._delivered = delivered
        match keepalive.judge(now, tcp.has_address()):
            case Verdict.ASK if not self._closing:
                with self._protocol_lock:
                    self._require_protocol().send_ping(b"")
                    frames = self._require_protocol().data_to_send()
                self._outgoing.put_control("ping", b"".join(frames))
            case Verdict.SILENT:
                return f"the server was silent for {keepalive.silence(now):.0f} s and answered no ping"
            case Verdict.ADDRESS_GONE:
                return "the address of this end does not exist any more"
        return None

    def _feed(self, data: bytes) -> str | None:
        """Take bytes from the server; why the connection is lost, if it is."""
        protocol = self._require_protocol()
        with self._protocol_lock:
            if data:
                protocol.receive_data(data)
            events = protocol.events_received()
            answers = protocol.data_to_send()
            failure = protocol.parser_exc
        for event in events:
            # The first is the answer to the opening handshake.
            reason = self._take(event, answers) if isinstance(event, Frame) else None
            if reason is not None:
                return reason
        if failure is not None:
            self._say_goodbye(b"".join(answers))
            if isinstance(failure, PayloadTooBig):
                return f"a message of the server is too large: {failure}"
            return f"the server broke the WebSocket protocol: {failure}"
        return None

    def _take(self, frame: Frame, answers: list[bytes]) -> str | None:
        """Take a frame; why the connection is lost, if it is.

        Args:
            frame: The frame.
            answers: What the protocol answers to this one and those behind it, which is taken from here.
        """
        match frame.opcode:
            case Opcode.CLOSE:
                self._say_goodbye(b"".join(answers))
                return f"the server closed it{_closing_words(frame)}"
            case Opcode.PING:
                if answers:
                    self._outgoing.put_control("pong", answers.pop(0))
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                return self._take_fragment(bytes(frame.data), frame.fin)
            case Opcode.CONT:
                return self._take_fragment(bytes(frame.data), frame.fin)
        return None

    def _take_fragment(self, data: bytes, is_last: bool) -> str | None:
        self._fragments.append(data)
        if len(self._fragments) > MAX_FRAGMENTS:
            return self._fail(CloseCode.POLICY_VIOLATION, f"a message came in more than {MAX_FRAGMENTS} fragments")
        if not is_last:
            return None
        message = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments.clear()
        if not self._is_text:
            self._warnings.warn("dropped a binary message of the server", f"{len(message)} bytes")
            return None
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            return self._fail(CloseCode.INVALID_DATA, f"a text message is not UTF-8: {error.reason}")
        try:
            self._on_text(text)
        except Exception:  # noqa: BLE001 - one message must not end what all the others need
            self._warnings.warn("internal error while handling a message", text[:200], trace=True)
        return None

    def _fail(self, code: CloseCode, problem: str) -> str:
        with self._protocol_lock:
            self._require_protocol().fail(code, problem)
            frames = self._require_protocol().data_to_send()
        self._say_goodbye(b"".join(frames))
        return f"the server broke the WebSocket protocol: {problem}"

    def _say_goodbye(self, frame: bytes) -> None:
        """Have the writer send a closing frame before the stream is shut down."""
        self._says_goodbye = True
        self._outgoing.put_control("close", frame)

    def _require_protocol(self) -> ClientProtocol:
        assert self._protocol is not None
        return self._protocol


def _closing_words(frame: Frame) -> str:
    """Code and reason of a closing frame, such as `` (1001 going away)``."""
    try:
        close = Close.parse(bytes(frame.data))
    except (ProtocolError, UnicodeDecodeError):
        return ""
    if close.code == CloseCode.NO_STATUS_RCVD:
        return ""
    words = close.reason or CLOSE_CODE_EXPLANATIONS.get(close.code, "")
    printable = "".join(char if char.isprintable() else " " for char in words)
    return f" ({close.code} {printable})".replace(" )", ")")
