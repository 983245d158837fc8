"""An update of websocket-client that changes what `gst_signalling_sync.signalling` relies on fails here, with a sentence.

Only public names are used. These tests check what its documentation does not promise: how a frame buffer is extended, and which
methods of a socket the handshake calls.
"""

from __future__ import annotations

import inspect

import pytest
import websocket

FRAMES = "See `_LimitedFrames` in signalling/frames.py: it judges a frame's header before the payload is received."
HANDSHAKE = "See `_Exchange` in signalling/handshake.py: it is the socket that websocket-client shakes hands over."


class Recording(websocket.frame_buffer):
    """A frame buffer that records what there is when the length is known."""

    def __init__(self, data: bytes) -> None:
        super().__init__(self.take, skip_utf8_validation=True)
        self.unread = data
        self.seen: list[tuple[object, ...]] = []

    def take(self, size: int) -> bytes:
        data, self.unread = self.unread[:size], self.unread[size:]
        return data

    def recv_length(self) -> None:
        super().recv_length()
        self.seen.append((self.header, self.length, len(self.unread)))


@pytest.mark.parametrize(
    ("data", "header", "length", "unread"),
    [
        (b"\x81\x01x", (1, 0, 0, 0, 1, 0, 1), 1, 1),
        (b"\x4a\x7e\x01\x00" + b"x" * 256, (0, 1, 0, 0, 10, 0, 126), 256, 256),
        (b"\x92\xff" + b"\0" * 7 + b"\x01mask!", (1, 0, 0, 1, 2, 1, 127), 1, 5),
    ],
)
def test_length_is_received_after_the_header_and_before_mask_and_payload(
    data: bytes, header: tuple[int, ...], length: int, unread: int
) -> None:
    frames = Recording(data)
    try:
        frames.recv_frame()
    except websocket.WebSocketProtocolException:
        # The reserved bits, which are checked last.
        assert any(header[1:4])

    assert frames.seen == [(header, length, unread)], f"frame_buffer.recv_length or header has changed. {FRAMES}"


def test_mask_is_known_by_the_header() -> None:
    frames = Recording(b"")
    frames.header = (1, 0, 0, 0, 1, 1, 0)

    assert frames.has_mask(), f"frame_buffer.has_mask has changed. {FRAMES}"


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (websocket.frame_buffer.__init__, ("recv_fn", "skip_utf8_validation")),
        (websocket.ABNF.create_frame, ("data", "opcode", "fin")),
    ],
)
def test_arguments_are_the_same(function: object, names: tuple[str, ...]) -> None:
    now = tuple(name for name in inspect.signature(function).parameters if name != "self")  # type: ignore[arg-type]

    assert now == names, f"{function} now takes {now}. {FRAMES}"


def test_handshake_calls_no_more_of_a_socket_than_it_did() -> None:
    called: set[str] = set()

    class Socket:
        def __getattr__(self, name: str) -> object:
            called.add(name)
            return {"send": len, "recv": lambda size: b"", "gettimeout": lambda: None, "close": lambda: None}[name]

    with pytest.raises(websocket.WebSocketConnectionClosedException):
        websocket.WebSocket().connect("ws://server.invalid", socket=Socket(), host="robot", suppress_origin=True)

    assert called <= {"send", "recv", "gettimeout", "close"}, f"the handshake calls {called}. {HANDSHAKE}"
