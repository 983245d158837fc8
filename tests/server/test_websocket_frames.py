"""The parser of WebSocket frames (RFC 6455 section 5.2), compared with that of `websockets`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from gst_signalling_sync.server.frames import PONG, TEXT, control_frame, frame_bytes, short_frame
from gst_signalling_sync.server.unmasking import apply_mask, apply_mask_in_python

MAX_BYTES = 1000

frames = st.builds(
    Frame, st.sampled_from(Opcode), st.binary(max_size=300) | st.binary(min_size=900, max_size=1200), st.booleans()
).filter(lambda frame: frame.opcode < Opcode.CLOSE or (frame.fin and len(frame.data) < 126))


def parsed(data: bytes) -> Frame | None:
    """The first frame, as `websockets` parses it; None: there is no frame, or it is invalid."""
    reader = StreamReader()
    reader.feed_data(data)
    parser = Frame.parse(reader.read_exact, mask=True)
    try:
        next(parser)
    except StopIteration as end:
        frame: Frame = end.value
        return frame
    except ProtocolError:
        return None
    return None


@given(frames, st.binary(max_size=20), st.binary(max_size=20))
def test_frame_that_is_here_is_taken_apart_as_it_was_made(frame: Frame, before: bytes, after: bytes) -> None:
    data = frame.serialize(mask=True)
    start, end = len(before), len(before) + len(data)

    taken = short_frame(before + data + after, start, MAX_BYTES)

    is_taken = frame.opcode in (Opcode.TEXT, Opcode.PING, Opcode.PONG) and frame.fin and len(frame.data) <= MAX_BYTES
    assert taken == ((frame.opcode, bytes(frame.data), end) if is_taken else None)
    assert frame_bytes(before + data + after, start) == len(data)


@given(frames)
def test_frame_of_which_the_end_is_missing_waits(frame: Frame) -> None:
    data = frame.serialize(mask=True)

    for end in range(min(len(data), 20)):
        assert short_frame(data[:end], 0) is None
        assert frame_bytes(data[:end], 0) in (None, len(data))


@given(st.binary(max_size=40))
def test_whatever_is_taken_apart_is_what_the_other_parser_finds(data: bytes) -> None:
    taken = short_frame(data, 0)

    if taken is not None:
        frame = parsed(data)
        assert frame is not None
        assert (frame.opcode, frame.data, frame.fin) == (*taken[:2], True)


@pytest.mark.parametrize(
    "header", [b"\x81\x05", b"\xc1\x85", b"\x01\x85", b"\x83\x85", b"\x89\xfe\x00\x05", b"\x88\x85"]
)
def test_frame_that_is_wrong_or_another_kind_is_left_to_the_other_parser(header: bytes) -> None:
    assert short_frame(header + bytes(4) + b"hello" + bytes(200), 0) is None


def test_control_frame_is_read_by_the_other_parser() -> None:
    assert control_frame(PONG, b"lease") == Frame(Opcode.PONG, b"lease").serialize(mask=False)
    assert control_frame(TEXT, b"") == Frame(Opcode.TEXT, b"").serialize(mask=False)


@given(st.binary(max_size=100), st.binary(min_size=4, max_size=4))
def test_mask_in_python_is_the_compiled_one(data: bytes, mask: bytes) -> None:
    assert apply_mask_in_python(data, mask) == apply_mask(data, mask)
    assert apply_mask(apply_mask(data, mask), mask) == data
