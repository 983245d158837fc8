"""`Description` and `Section`: descriptions in lines, and what a section says (RFC 8866, RFC 9143)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sdp import Description, Section

SESSION = ("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0")
VIDEO = Section(("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=ice-ufrag:u", "a=ice-pwd:p", "a=rtcp-mux"))
DATA = Section(("m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=bundle-only"))


def test_description_is_split_and_put_together_again() -> None:
    sdp = str(Description(SESSION, (VIDEO, DATA), ("0", "1")))

    parsed = Description.parse(sdp)

    assert str(parsed) == sdp
    assert [each.kind for each in parsed.sections] == ["video", "application"]
    assert parsed.bundle == ("0", "1")


@given(st.text() | st.lists(st.sampled_from(["m=", "m=video", "a=mid:", "a=group:BUNDLE 0 0 1", "v=0"])).map("\n".join))
def test_any_string_can_be_split(text: str) -> None:
    description = Description.parse(text)

    assert Description.parse(str(description)) == description
    assert len(description.sections) == sum(line.startswith("m=") for line in text.splitlines())


@pytest.mark.parametrize(
    ("line", "is_refused"),
    [("m=video 9 UDP/TLS/RTP/SAVPF 96", False), ("m=video 0 UDP/TLS/RTP/SAVPF 96", True), ("m=video", False)],
)
def test_section_with_port_0_is_refused(line: str, is_refused: bool) -> None:
    assert Section((line,)).is_refused is is_refused


def test_section_that_is_in_its_bundle_only_is_not_refused() -> None:
    assert not DATA.is_refused


def test_tagged_section_is_the_first_of_the_bundle_that_is_not_refused() -> None:
    refused = VIDEO.refusal(None)
    other = Section(("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:2"))

    assert Description(SESSION, (VIDEO, other), ("2", "0")).tagged == other
    assert Description(SESSION, (refused, other), ("0", "2")).tagged == other
    assert Description(SESSION, (refused, other), ("0",)).tagged is None
    assert Description(SESSION, (VIDEO, other)).tagged is None


def test_section_of_a_bundle_gets_what_it_leaves_to_the_tagged_section() -> None:
    audio = Section(("m=audio 0 UDP/TLS/RTP/SAVPF 111", "a=mid:2", "a=bundle-only", "a=ice-ufrag:own"))

    completed = audio.completed(VIDEO, (*SESSION, "a=recvonly"))

    assert completed.lines[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111"
    assert completed.having("a=ice-ufrag:", "a=ice-pwd:", "a=rtcp-mux") == (
        "a=ice-ufrag:own",
        "a=ice-pwd:p",
        "a=rtcp-mux",
    )
    assert completed.lines[-1] == "a=recvonly"


def test_refusal_has_port_0_and_the_identifier() -> None:
    refusal = VIDEO.refusal(None)

    assert refusal.is_refused
    assert (refusal.kind, refusal.mid) == ("video", "0")
