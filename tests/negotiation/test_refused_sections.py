"""Only the unusable section is refused, in the first offer and in a running session, with a real peer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gst_signalling_sync import (
    Consumer,
    Session,
    SessionClosed,
    SignallingClient,
    SignallingServer,
    TrackNotFound,
    connect,
)

from ..helpers.waiting import Heard, wait_until
from .edited_peer import EditedPeer, sections_of

Extra = Callable[[str], str]


def media(
    codec: str, kind: str = "video", mid: str = "extra", lines: str = "", mux: str = "a=rtcp-mux\r\n", port: int = 9
) -> Extra:
    """A section with one codec."""
    return lambda transport: (
        f"m={kind} {port} UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sendonly\r\n{mux}"
        f"a=rtpmap:96 {codec}\r\n{lines}{transport}"
    )


def without(prefix: str, section: Extra) -> Extra:
    return lambda transport: re.sub(rf"{prefix}.*\r\n", "", section(transport))


UNUSABLE: dict[str, Extra] = {
    "H266": media("H266/90000"),
    "H263": media("H263-1998/90000"),
    "Theora": media("theora/90000"),
    "H264 of an unknown profile": media("H264/90000", lines="a=fmtp:96 packetization-mode=1;profile-level-id=zz\r\n"),
    "a codec of another kind of media": media("opus/48000/2"),
    "no codec": media("H263-1998/90000", lines="a=fmtp:97 x=y\r\n"),
    "an unknown kind of media": media("VP8/90000", kind="banana"),
    "text": media("t140/1000", kind="text"),
    "a fax": lambda transport: f"m=image 9 udptl t38\r\nc=IN IP4 0.0.0.0\r\na=mid:extra\r\n{transport}",
    "a protocol that is not WebRTC's": lambda transport: (
        f"m=application 9 TCP/MSRP *\r\nc=IN IP4 0.0.0.0\r\na=mid:extra\r\n{transport}"
    ),
    "no multiplexed RTCP": media("VP8/90000", mux=""),
    "a payload type that RTCP has": lambda transport: media("VP8/90000")(transport).replace("96", "72"),
    "junk": lambda transport: f"m=video 9 x\r\na=mid:extra\r\na=extmap:\r\n{transport}",
    "a second data section": lambda transport: (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:extra\r\na=sctp-port:5000\r\n"
        f"{transport}"
    ),
    "no identifier": without("a=mid:", media("H263-1998/90000")),
    "refused by the peer itself": lambda _: "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:extra\r\na=inactive\r\n",
}

NOT_FIRST = {"a second data section", "no identifier"}
"""Sections that are usable if they come first, or that must differ from others."""


@contextmanager
def in_session(
    server: SignallingServer,
    extra: Extra | None = None,
    place: int = 1,
    bundle: Callable[[list[str]], list[str]] = lambda mids: mids,
) -> Iterator[tuple[EditedPeer, Session]]:
    """A peer that adds a section to its offers, and a session with it."""
    with EditedPeer(server.uri, extra, place, bundle) as peer, connect(server.uri, name="edited") as session:
        yield peer, session


def is_refused(section: str) -> bool:
    return section.split(" ")[1] == "0"


def echoes(session: Session, text: str) -> bool:
    channel = session.channel("data")
    channel.send(text)
    return channel.recv() == text


@pytest.mark.parametrize("kind", UNUSABLE)
def test_first_offer_with_a_section_that_cannot_be_used(embedded_server: SignallingServer, kind: str) -> None:
    with in_session(embedded_server, UNUSABLE[kind]) as (peer, session):
        assert echoes(session, "the rest goes on")

        data, extra = peer.next_answer()
        assert not is_refused(data)
        assert is_refused(extra)
        assert not session.videos
        assert not session.audios


@pytest.mark.parametrize("kind", [kind for kind in UNUSABLE if kind not in NOT_FIRST])
def test_first_offer_that_begins_with_a_section_that_cannot_be_used(
    embedded_server: SignallingServer, kind: str
) -> None:
    with in_session(embedded_server, UNUSABLE[kind], place=0) as (peer, session):
        assert echoes(session, "the rest goes on")

        extra, data = peer.next_answer()
        assert is_refused(extra)
        assert not is_refused(data)


@pytest.mark.parametrize("kind", UNUSABLE)
def test_running_session_is_offered_a_section_that_cannot_be_used(embedded_server: SignallingServer, kind: str) -> None:
    with in_session(embedded_server) as (peer, session):
        peer.next_answer()
        peer.extra = UNUSABLE[kind]
        peer.offer()

        data, extra = peer.next_answer()
        assert not is_refused(data)
        assert is_refused(extra)
        assert echoes(session, "the rest goes on")

        peer.extra = media("VP8/90000")
        peer.offer()
        data, extra = peer.next_answer()
        assert not is_refused(data)
        assert not is_refused(extra)
        assert echoes(session, "and again")
        wait_until(lambda: len(session.videos) == 1, "the section that came back is used")


@pytest.mark.parametrize("place", [0, 1])
def test_refused_section_comes_back_and_goes_again(embedded_server: SignallingServer, place: int) -> None:
    with in_session(embedded_server, media("H263-1998/90000"), place) as (peer, session):
        for codec in ("H263-1998", "VP8", "H266", "VP8", "H263-1998"):
            peer.answers.get(timeout=10)
            peer.extra = media(f"{codec}/90000")
            peer.offer()
            answer = sections_of(peer.answers.get(timeout=10))
            peer.answers.put("")

            assert is_refused(answer[place]) == (codec != "VP8")
            assert not is_refused(answer[1 - place])
            assert echoes(session, codec)
            assert len(session.videos) == (codec == "VP8")


USABLE: dict[str, Extra] = {
    "simulcast": media("VP8/90000", lines="a=rid:hi send\r\na=rid:lo send\r\na=simulcast:send hi;lo\r\n"),
    "a codec among others that nobody has": lambda transport: (
        media("VP8/90000")(transport).replace("SAVPF 96", "SAVPF 97 96 98")
        + "a=rtpmap:97 H266/90000\r\na=rtpmap:98 theora/90000\r\n"
    ),
    "no direction": without("a=sendonly", media("VP8/90000")),
    "what its bundle says": lambda _: media("VP8/90000", mux="a=rtcp-mux\r\na=bundle-only\r\n", port=0)(""),
}


@pytest.mark.parametrize("kind", USABLE)
def test_section_that_can_be_used_is(embedded_server: SignallingServer, kind: str) -> None:
    with in_session(embedded_server, USABLE[kind]) as (peer, session):
        assert echoes(session, "connected")

        data, extra = peer.next_answer()
        assert not is_refused(data)
        assert not is_refused(extra)
        assert len(session.videos) == 1


def test_section_with_the_identifier_of_another_is_refused(embedded_server: SignallingServer) -> None:
    with in_session(embedded_server, media("VP8/90000", mid="0")) as (peer, session):
        assert echoes(session, "connected")

        assert [is_refused(section) for section in peer.next_answer()] == [False, True]


@pytest.mark.parametrize(
    "mids", [["missing", "0", "extra"], ["0", "missing", "extra"], ["extra", "0"], ["0", "0", "extra"]]
)
@pytest.mark.parametrize("codec", ["VP8", "H263-1998"])
def test_bundle_of_sections_that_are_not_there(embedded_server: SignallingServer, mids: list[str], codec: str) -> None:
    with in_session(embedded_server, media(f"{codec}/90000"), bundle=lambda _: mids) as (peer, session):
        assert echoes(session, "connected")

        sdp = peer.answers.get(timeout=10)
        (bundle,) = re.findall(r"^a=group:BUNDLE (.*?)\r$", sdp, re.MULTILINE)
        accepted = ["0", "extra"] if codec == "VP8" else ["0"]
        assert sorted(bundle.split()) == accepted


def test_track_that_is_missing_says_why(embedded_server: SignallingServer) -> None:
    with in_session(embedded_server, media("H266/90000")) as (_, session):
        with pytest.raises(TrackNotFound) as caught:
            _ = session.video

        assert "no codec that both ends have: the peer offers video as H266" in str(caught.value)


def test_offer_of_nothing_that_can_be_used_ends_a_session_that_is_not_connected(
    embedded_server: SignallingServer,
) -> None:
    transport = (
        "a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\na=setup:actpass\r\na=fingerprint:sha-256 AA\r\n"
    )
    offer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + media("H266/90000")(transport)
    with SignallingClient(embedded_server.uri) as modern, Consumer(embedded_server.uri) as consumer:
        ended = Heard(modern.session_ended)
        modern.session_requested.connect(lambda client, session_id, **_: client.send_sdp(session_id, "offer", offer))
        modern.set_status(["producer"], {"name": "modern"})

        with pytest.raises(SessionClosed, match="no codec that both ends have: the peer offers video as H266"):
            consumer.start_session(name="modern")

        assert "no codec that both ends have" in ended.next()["error"]


JUNK = {
    "empty": "",
    "words": "hello",
    "no sections": "v=0\r\n",
    "nothing usable": "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fingerprint:x\r\n",
}


@pytest.mark.parametrize("junk", JUNK)
def test_running_session_is_offered_nothing_that_can_be_used(
    embedded_server: SignallingServer, junk: str, caplog: pytest.LogCaptureFixture
) -> None:
    with in_session(embedded_server) as (peer, session):
        peer.next_answer()
        with caplog.at_level(logging.WARNING):
            peer.send(JUNK[junk])
            wait_until(lambda: "renegotiation failed" in caplog.text, "the offer is dropped with a log line")

        assert echoes(session, "still there")
        peer.offer()
        assert not any(map(is_refused, peer.next_answer()))
        assert echoes(session, "and a good offer is answered")
