from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.transport_departures import split_feedback

FEEDBACK = b"feedback" * 2


def rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


RECEIVER_REPORT = rtcp(201, 0, bytes(4))
TRANSPORT_WIDE = rtcp(205, 15, bytes(8) + FEEDBACK)
NACK = rtcp(205, 1, bytes(12))


def test_feedback_is_separated_from_the_rest() -> None:
    assert split_feedback(RECEIVER_REPORT + TRANSPORT_WIDE + NACK) == (RECEIVER_REPORT + NACK, [FEEDBACK])


def test_every_message_of_a_compound_packet_is_found() -> None:
    assert split_feedback(TRANSPORT_WIDE * 3) == (b"", [FEEDBACK] * 3)


def test_truncated_feedback_is_left_to_the_parser_of_the_rest() -> None:
    assert split_feedback(TRANSPORT_WIDE[:-4]) == (TRANSPORT_WIDE[:-4], [])


@given(st.binary(max_size=200))
def test_nothing_of_another_packet_is_lost(data: bytes) -> None:
    rest, feedback = split_feedback(data)

    assert len(rest) + sum(len(message) for message in feedback) <= len(data)
    if not feedback:
        assert rest == data
