from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.engine.section import NO_COMMON_CODEC, why_unusable
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES

SESSION = ("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0")
TRANSPORT = (
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=ice-ufrag:user",
    "a=ice-pwd:password",
    "a=fingerprint:sha-256 AA:BB",
    "a=setup:actpass",
)
VIDEO = ("m=video 9 UDP/TLS/RTP/SAVPF 96", *TRANSPORT, "a=rtcp-mux", "a=rtpmap:96 VP8/90000")
DATA = ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *TRANSPORT, "a=sctp-port:5000")


def reason(*lines: str, is_answer: bool = False) -> str | None:
    """Why a description with one section is unusable."""
    return why_unusable("\r\n".join([*SESSION, *lines, ""]), is_answer, CAPABILITIES, ())


def without(section: tuple[str, ...], line: str) -> list[str]:
    """A section without the line that begins with a string."""
    left = [each for each in section if not each.startswith(line)]
    assert len(left) == len(section) - 1
    return left


@pytest.mark.parametrize("section", [VIDEO, DATA], ids=["video", "data"])
def test_complete_section_is_usable(section: tuple[str, ...]) -> None:
    assert reason(*section) is None


@pytest.mark.parametrize("line", ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=rtcp-mux"])
def test_missing_line_is_named(line: str) -> None:
    found = reason(*without(VIDEO, line))

    assert found is not None
    assert line in found


def test_data_without_a_port_of_sctp_is_unusable() -> None:
    assert reason(*without(DATA, "a=sctp-port")) == "it has no a=sctp-port"


def test_data_over_another_protocol_is_unusable() -> None:
    assert reason("m=application 9 TCP/BFCP webrtc-datachannel", *DATA[1:]) == "'TCP/BFCP' carries no data channels"


def test_answer_must_choose_a_role() -> None:
    assert reason(*VIDEO, is_answer=True) == "an answer's a=setup must be active or passive"


def test_unknown_codec_leaves_nothing_in_common() -> None:
    assert reason(*VIDEO[:-1], "a=rtpmap:96 X-UNKNOWN/90000") == NO_COMMON_CODEC


def test_anything_else_is_told_as_unreadable() -> None:
    found = reason("m=video 9 UDP/TLS/RTP/SAVPF no-number")

    assert found is not None
    assert found.startswith("it cannot be read: ")
