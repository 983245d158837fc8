"""The messages of the in-band control channel, and its announcement."""

from __future__ import annotations

import contextlib
import json

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.errors import SESSION_CLOSED_REASONS, ProtocolError
from gst_signalling_sync.protocol.control import (
    MAX_CONTROL_BYTES,
    ClockAnswer,
    ClockQuestion,
    ControlMessage,
    Goodbye,
    InBandCandidate,
    InBandDescription,
    OfferWanted,
    Paused,
    announce_control,
    control_version,
    parse_control,
    serialise_control,
)
from gst_signalling_sync.protocol.messages import SdpType

SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
types = st.sampled_from(
    ["goodbye", "description", "candidate", "clock", "clockAnswer", "offerWanted", "paused", "something new"]
)
keys = st.sampled_from(
    [
        "reason",
        "text",
        "kind",
        "sdp",
        "candidate",
        "sdpMLineIndex",
        "number",
        "received",
        "answered",
        "video",
        "audio",
        "mids",
        "else",
    ]
)


@pytest.mark.parametrize(
    "message",
    [
        *(Goodbye(reason) for reason in SESSION_CLOSED_REASONS),
        Goodbye("limit", "too many sessions"),
        InBandDescription(SdpType.OFFER, SDP),
        InBandDescription(SdpType.ANSWER, SDP),
        InBandCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", 0),
        InBandCandidate("", 3),
        OfferWanted(3, 0),
        Paused(frozenset()),
        Paused(frozenset(["front", "1"])),
        ClockQuestion(0),
        ClockAnswer(2**53 - 1, 1_795_867_200.000001, 1_795_867_200.25),
    ],
)
def test_what_is_said_is_heard(message: ControlMessage) -> None:
    assert parse_control(serialise_control(message)) == message


def test_a_text_that_no_peer_could_read_is_said_as_far_as_possible() -> None:
    assert parse_control(serialise_control(Goodbye("rejected", "\udc80" * 1000))) == Goodbye("rejected", "?" * 500)


def test_a_type_of_a_later_version_is_ignored() -> None:
    assert parse_control('{"type": "call", "name": "home"}') is None


def test_a_key_of_a_later_version_is_ignored() -> None:
    assert parse_control('{"type": "goodbye", "reason": "left", "after": 3}') == Goodbye()


def test_a_reason_of_a_later_version_is_told_as_text() -> None:
    assert parse_control('{"type": "goodbye", "reason": "moved"}') == Goodbye("left", "moved")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "goodbye",
        "{}",
        '{"type": 1}',
        '{"type": "goodbye"}',
        '{"type": "goodbye", "reason": 1}',
        '{"type": "description", "kind": "pranswer", "sdp": ""}',
        '{"type": "offerWanted", "video": 1}',
        '{"type": "offerWanted", "video": -1, "audio": 0}',
        '{"type": "offerWanted", "video": 1001, "audio": 0}',
        '{"type": "paused"}',
        '{"type": "paused", "mids": "front"}',
        '{"type": "paused", "mids": [1]}',
        json.dumps({"type": "paused", "mids": ["x" * 300]}),
        json.dumps({"type": "paused", "mids": ["x"] * 1001}),
        '{"type": "clock"}',
        '{"type": "clock", "number": true}',
        '{"type": "clock", "number": -1}',
        '{"type": "clock", "number": 9007199254740992}',
        '{"type": "clockAnswer", "number": 1, "received": 1}',
        '{"type": "clockAnswer", "number": 1, "received": 1, "answered": NaN}',
        '{"type": "clockAnswer", "number": 1, "received": Infinity, "answered": 1}',
        f'{{"type": "clockAnswer", "number": 1, "received": 1, "answered": 1{"0" * 400}}}',
        '{"type": "description", "kind": "offer"}',
        '{"type": "candidate", "candidate": ""}',
        '{"type": "candidate", "candidate": "", "sdpMLineIndex": true}',
        '{"type": "candidate", "candidate": "", "sdpMLineIndex": -1}',
        json.dumps({"type": "candidate", "candidate": "x" * 5000, "sdpMLineIndex": 0}),
        "[" * 60000,
        " " * (MAX_CONTROL_BYTES + 1),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_control(text)


def test_bytes_are_refused() -> None:
    with pytest.raises(ProtocolError, match="must be a string, not"):
        parse_control(b"{}")


def test_a_description_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="must have at most"):
        serialise_control(InBandDescription(SdpType.OFFER, "x" * MAX_CONTROL_BYTES))


@given(st.builds(lambda type_, rest: {**rest, "type": type_}, types, st.dictionaries(keys, json_values)))
def test_any_object_is_understood_or_refused(fields: dict[str, object]) -> None:
    with contextlib.suppress(ProtocolError):
        parse_control(json.dumps(fields))


@given(st.text())
def test_any_string_is_refused_or_ignored(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        assert parse_control(text) is None


class TestAnnouncement:
    """``a=x-gst-signalling-sync``."""

    def test_is_found_where_it_was_put(self) -> None:
        assert control_version(SDP) == 0
        assert control_version(announce_control(SDP)) == 2

    def test_is_put_once(self) -> None:
        assert announce_control(announce_control(SDP)) == announce_control(SDP)

    def test_stands_at_the_level_of_the_session(self) -> None:
        session, _, media = announce_control(SDP).partition("m=")
        assert session.endswith("a=x-gst-signalling-sync:2\r\n")
        assert "x-gst" not in media

    def test_does_not_count_in_a_media_section(self) -> None:
        assert control_version(SDP + "a=x-gst-signalling-sync:1\r\n") == 0

    def test_of_a_later_version_counts_as_ours(self) -> None:
        assert control_version(announce_control(SDP).replace("sync:2", "sync:7")) == 2

    def test_changes_nothing_for_a_peer_that_does_not_know_it(self) -> None:
        plain, announced = (SessionDescription.parse(sdp) for sdp in (SDP, announce_control(SDP)))
        assert str(plain) == str(announced)
