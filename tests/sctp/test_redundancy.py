"""Redundant data bundling: what a thin stream repeats while its link loses packets."""

from __future__ import annotations

from gst_signalling_sync.webrtc.sctp import Message
from gst_signalling_sync.webrtc.sctp.outstanding import Outstanding
from gst_signalling_sync.webrtc.sctp.redundancy import Redundancy

ROOM = 1000
PACKET = 9
"""The number of the packet that is filled."""


def outstanding(*sizes: int, max_retransmits: int | None = None) -> Outstanding:
    """Chunks under way of some sizes, each with its own first byte."""
    found = Outstanding(1)
    for number, size in enumerate(sizes):
        message = Message(0, 51, b"x", max_retransmits=max_retransmits)
        found.add(message, True, bytes([number]) * size, 0.0, number)
    return found


def copies(redundancy: Redundancy, room: int = ROOM, now: float = 1.0) -> list[bytes]:
    chunks: list[bytes] = []
    redundancy.fill(chunks, room, now, PACKET)
    return chunks


def after_loss(found: Outstanding) -> Redundancy:
    redundancy = Redundancy(found)
    redundancy.on_loss(1.0)
    return redundancy


def test_nothing_is_repeated_before_a_loss() -> None:
    assert copies(Redundancy(outstanding(20))) == []


def test_chunks_under_way_are_repeated_after_a_loss() -> None:
    assert copies(after_loss(outstanding(20, 30))) == [bytes(20), b"\1" * 30]


def test_repeating_ends_some_seconds_after_the_last_loss() -> None:
    redundancy = after_loss(outstanding(20))

    assert copies(redundancy, now=11.0) == []
    assert redundancy.until is None


def test_stream_with_much_under_way_repeats_nothing() -> None:
    assert copies(after_loss(outstanding(300, 300))) == []


def test_copies_end_where_the_packet_is_full() -> None:
    assert copies(after_loss(outstanding(20, 30)), room=40) == [bytes(20)]


def test_chunks_of_the_packet_itself_are_not_repeated() -> None:
    found = outstanding(20)
    found.add(Message(0, 51, b"x"), True, b"new", 1.0, PACKET)

    assert copies(after_loss(found)) == [bytes(20)]


def test_message_with_a_maximum_of_retransmissions_is_not_repeated() -> None:
    assert copies(after_loss(outstanding(20, max_retransmits=0))) == []
