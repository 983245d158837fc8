from __future__ import annotations

import pytest

from gst_signalling_sync import ProtocolError
from gst_signalling_sync.webrtc.description import (
    leaves_setup_open,
    max_message_size,
    parse_candidate,
    with_names_of_sources,
    with_passive_setup,
)


@pytest.mark.parametrize("prefix", ["candidate:", "a=candidate:", ""])
def test_candidates_as_browsers_and_gstreamer_write_them(prefix: str) -> None:
    candidate = parse_candidate(f"{prefix}1 1 UDP 2015363327 192.0.2.7 40000 typ host", 2)
    assert candidate is not None
    assert (candidate.ip, candidate.port, candidate.type, candidate.sdpMLineIndex) == ("192.0.2.7", 40000, "host", 2)


def test_candidate_of_a_browser_keeps_its_mdns_name() -> None:
    candidate = parse_candidate("candidate:1 1 udp 1 4f2c.local 40000 typ host generation 0 ufrag x", 0)
    assert candidate is not None
    assert candidate.ip == "4f2c.local"


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 TCP 1 192.0.2.7 9 typ host tcptype active",
        "candidate:1 1 UDP 1 fe80::1 40000 typ host",
        "candidate:1 2 UDP 1 192.0.2.7 40000 typ host",
    ],
    ids=["TCP", "link-local", "RTCP component"],
)
def test_candidate_that_aiortc_could_never_use(text: str) -> None:
    assert parse_candidate(text, 0) is None


@pytest.mark.parametrize("text", ["hello", "candidate:1 1 udp", "candidate:1 1 udp x 192.0.2.7 40000 typ host"])
def test_what_is_no_candidate(text: str) -> None:
    with pytest.raises(ProtocolError, match="not a candidate"):
        parse_candidate(text, 0)


@pytest.mark.parametrize(
    ("line", "size"), [("", 65536), ("a=max-message-size:262144\r\n", 262144), ("a=max-message-size:0\r\n", None)]
)
def test_max_message_size(line: str, size: int | None) -> None:
    assert max_message_size(f"v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{line}") == size


def test_answer_that_makes_this_end_the_dtls_server() -> None:
    assert with_passive_setup("a=setup:active\r\na=x\r\n") == "a=setup:passive\r\na=x\r\n"


@pytest.mark.parametrize(("setup", "is_open"), [("actpass", True), ("passive", False), ("active", False)])
def test_offer_may_leave_the_dtls_roles_open(setup: str, is_open: bool) -> None:
    assert leaves_setup_open(f"v=0\r\nm=audio 9 x 0\r\na=setup:{setup}\r\n") is is_open


def test_name_of_a_track_is_told_at_each_of_its_ssrcs() -> None:
    unnamed = "a=msid:stream 0f1b9dcd-7b0c-4b4a-9b1e-2f8a6c1c8f11"
    audio = f"m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n{unnamed}\r\na=ssrc:1 cname:x\r\n"
    video = "m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=msid:stream wrist\r\na=ssrc:2 cname:x\r\na=ssrc:3 cname:x\r\n"
    assert with_names_of_sources(f"v=0\r\n{audio}{video}") == (
        f"v=0\r\n{audio}m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=msid:stream wrist\r\n"
        "a=ssrc:2 cname:x\r\na=ssrc:2 msid:wrist wrist\r\na=ssrc:3 cname:x\r\na=ssrc:3 msid:wrist wrist\r\n"
    )
