"""DCEP, the Data Channel Establishment Protocol (RFC 8832)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sctp import dcep
from gst_signalling_sync.webrtc.sctp.dcep import MalformedOpen, Open

LIMITS = st.one_of(
    st.just((None, None)),
    st.integers(0, 2**32 - 1).map(lambda limit: (limit, None)),
    st.integers(0, 2**32 - 1).map(lambda limit: (None, limit)),
)


@given(st.text(max_size=40), st.text(max_size=40), st.booleans(), LIMITS, st.integers(0, 2**16 - 1))
def test_open_is_read_as_it_was_written(
    label: str, protocol: str, ordered: bool, limits: tuple[int | None, int | None], priority: int
) -> None:
    announced = Open(label, protocol, ordered, *limits, priority)

    assert Open.parse(announced.serialize()) == announced
    assert dcep.is_open(announced.serialize())


def test_open_is_laid_out_as_in_the_rfc() -> None:
    announced = Open("ä", "p", ordered=False, max_retransmits=3)

    assert announced.serialize() == bytes.fromhex("03 81 0000 00000003 0002 0001") + "äp".encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x03", b"\x02" + bytes(11), bytes.fromhex("03 03 0000 00000000 0000 0000"),
     bytes.fromhex("03 00 0000 00000000 0002 0000") + b"a", bytes.fromhex("03 00 0000 00000000 0001 0000") + b"\xff"],
    ids=["empty", "short", "acknowledgement", "unknown type", "short label", "not UTF-8"],
)  # fmt: skip
def test_malformed_open_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedOpen):
        Open.parse(data)


def test_both_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="both"):
        Open("a", max_retransmits=1, life_time=1).serialize()


def test_label_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="65,535"):
        Open("a" * 65536).serialize()


def test_acknowledgement_is_known() -> None:
    assert dcep.is_ack(dcep.ACK)
    assert not dcep.is_ack(b"")
    assert not dcep.is_open(dcep.ACK)
