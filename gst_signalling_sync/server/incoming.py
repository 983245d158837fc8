"""`Incoming`: the bytes of a connection until they are frames and messages, and the parser of `websockets` while there is one.

A connection has a parser only while it needs one: from the first byte of a handshake to its last, for a frame that has not
arrived as a whole, and from the beginning of the closing handshake. Whole frames of usual kinds go through `frames` instead. So
an idle peer costs little, the garbage collector too.
"""

from __future__ import annotations

from collections import deque
from typing import Final, cast

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from .frames import MAX_BYTES, ShortFrame, frame_bytes, short_frame
from .websocket import is_traced, websocket

__all__ = ["SLICE_BYTES", "Incoming"]

SLICE_BYTES: Final = 1024
"""Bytes that are parsed at once: about 170 of the smallest frames, so that parsing them is short work as well."""

MAX_SLICE_BYTES: Final = 64 * 1024
"""Maximum that is parsed at once of a long frame."""


class Incoming:
    """What arrives on one connection.

    Args:
        max_bytes: Maximum length of a message.
    """

    __slots__ = (
        "_frame_left",
        "_frames",
        "_is_aligned",
        "_is_fragmented",
        "_is_traced",
        "_max_bytes",
        "_offset",
        "_parsed_since_frame",
        "_partial",
        "_resting",
        "_unparsed",
        "websocket",
    )

    def __init__(self, max_bytes: int) -> None:
        self.websocket: ServerProtocol | None = None
        """The parser, which also makes the frames of handshakes; None: the connection needs none at the moment."""
        self._max_bytes = max_bytes
        # The state of a connection without a parser.
        self._resting = State.CONNECTING
        self._is_traced = False
        # What has arrived, in the order of its way: bytes, frames, and the parts of a message.
        self._unparsed = b""
        self._offset = 0
        self._parsed_since_frame = 0
        self._frames: deque[Frame] | None = None
        self._partial: bytearray | None = None
        self._is_fragmented = False
        # How much of the present frame the parser has not been given yet; it gets no byte beyond. That needs to be known
        # where frames begin, which it is not when a frame has arrived together with the handshake.
        self._frame_left = 0
        self._is_aligned = False

    @property
    def state(self) -> State:
        """The state of the WebSocket connection."""
        return self._resting if self.websocket is None else self.websocket.state

    @property
    def has_any(self) -> bool:
        """Whether there are frames, or bytes, to handle."""
        return bool(self._frames or self._unparsed)

    @property
    def has_frames(self) -> bool:
        """Whether there are frames that the parser has made."""
        return bool(self._frames)

    @property
    def incomplete_bytes(self) -> int:
        """Bytes of messages that are incomplete or wait for their turn."""
        return len(self._unparsed) - self._offset + self._parsed_since_frame + len(self._partial or b"")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held."""
        return not (self._unparsed or self.websocket)

    @property
    def said_goodbye(self) -> bool:
        """Whether either end has sent a closing frame."""
        websocket = self.websocket
        return websocket is not None and (websocket.close_rcvd is not None or websocket.close_sent is not None)

    @property
    def excess(self) -> PayloadTooBig | None:
        """What was wrong with a message that was too long; None: there was no such message."""
        error = None if self.websocket is None else self.websocket.parser_exc
        return error if isinstance(error, PayloadTooBig) else None

    def working(self) -> ServerProtocol:
        """The parser, which is made if there is none."""
        if self.websocket is None:
            self.websocket = websocket(self._resting, self._max_bytes)
        return self.websocket

    def add(self, data: bytes) -> None:
        """Add received bytes."""
        self._unparsed = self._unparsed[self._offset :] + data if self._unparsed else data
        self._offset = 0

    def open(self) -> None:
        """Record that the handshake is complete."""
        self._resting = State.OPEN
        self._is_traced = self.working().debug = is_traced()

    def next_frame(self) -> Frame | None:
        """Take the next frame that the parser has made."""
        return self._frames.popleft() if self._frames else None

    def next_short_frame(self) -> ShortFrame | None:
        """Take the next frame, where it needs no parser that keeps its state."""
        if self.websocket is not None or self._resting is not State.OPEN or self._is_traced:
            return None
        frame = short_frame(self._unparsed, self._offset, min(MAX_BYTES, self._max_bytes))
        if frame is not None:
            self._advance(frame[2])
        return frame

    def next_slice(self, size: int) -> bytes:
        """Take bytes to parse: of one frame only, where it is known where it begins.

        Args:
            size: Maximum number.

        Returns:
            The bytes; empty: the header of the frame has not arrived as a whole.
        """
        if self._is_aligned and self.state is State.OPEN:
            if not self._frame_left:
                self._frame_left = frame_bytes(self._unparsed, self._offset) or 0
            size = min(size, self._frame_left, len(self._unparsed) - self._offset)
            self._frame_left -= size
        end = self._offset + size
        data = self._unparsed[self._offset : end]
        self._advance(end)
        return data

    def parse(self, data: bytes, size: int) -> tuple[Request | None, int]:
        """Parse a slice, to a request or to frames that `next_frame` returns.

        Args:
            data: The slice.
            size: Its maximum length.

        Returns:
            The request of a handshake, if the slice completes it, and the maximum length of the next slice.
        """
        websocket = self.working()
        websocket.receive_data(data)
        events = websocket.events_received()
        if not events:
            self._parsed_since_frame += len(data)
            return None, min(2 * size, MAX_SLICE_BYTES)
        self._parsed_since_frame = 0
        request = events.pop(0) if isinstance(events[0], Request) else None
        if request is not None:
            self._is_aligned = not events and data.endswith(b"\n") and not websocket.reader.buffer
        self._frames = deque(cast("list[Frame]", events))
        return cast("Request | None", request), SLICE_BYTES

    def joined(self, frame: Frame) -> bytes | None:
        """Add a text frame, or the continuation of one, to its message.

        Returns:
            The message once it is complete; None: it is not, or it is binary.
        """
        self._is_fragmented = not frame.fin
        if frame.opcode is Opcode.TEXT and frame.fin:
            return bytes(frame.data)
        if frame.opcode is Opcode.TEXT:
            self._partial = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._partial is not None:
            self._partial += frame.data
            if frame.fin:
                message, self._partial = bytes(self._partial), None
                return message
        return None

    def rest(self) -> None:
        """Drop the parser between two messages, if nothing depends on its state."""
        # Thousands of peers are idle, and an empty deque is not small.
        self._frames = None
        if self.websocket is None or self.websocket.state is not State.OPEN:
            return
        if self._is_aligned and not (self._is_traced or self._is_fragmented or self._frame_left):
            self._drop_websocket()

    def close(self) -> None:
        """Free everything that was read."""
        self._drop_websocket()
        self._resting = State.CLOSED
        self._unparsed, self._offset, self._partial, self._frames = b"", 0, None, None

    def _advance(self, end: int) -> None:
        if end < len(self._unparsed):
            self._offset = end
        else:
            self._unparsed, self._offset = b"", 0

    def _drop_websocket(self) -> None:
        if self.websocket is not None:
            # The parser and its generator refer to each other.
            self.websocket.parser.close()
            self.websocket = None
