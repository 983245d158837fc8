"""Session descriptions that are unusable, or come when none is due."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from gst_signalling_sync import Producer, SessionClosed, SignallingClient, SignallingError, WaitTimeout

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.peer_ids import id_of
from ..helpers.waiting import Heard, wait_until
from .stage import Stage
from .villains import end_of, meddle, on_request

SECONDS = 10.0


def without(prefix: str) -> Callable[[str], str]:
    def remove(sdp: str) -> str:
        return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(prefix))

    return remove


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(old, new, sdp, flags=re.MULTILINE)


def audio_lines(count: int) -> Callable[[str], str]:
    def make(sdp: str) -> str:
        session, _, media = sdp.partition("m=")
        transport = "".join(
            line for line in media.splitlines(keepends=True) if line.startswith(("a=ice-", "a=fingerprint", "a=setup"))
        )
        return session + "".join(
            f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=mid:{number}\r\na=rtcp-mux\r\n"
            f"a=rtpmap:0 PCMU/8000\r\n{transport}"
            for number in range(count)
        )

    return make


UNUSABLE: dict[str, Callable[[str], str]] = {
    "empty": lambda sdp: "",
    "junk": lambda sdp: "\0 hello\r\nworld=\n" * 100,
    "truncated": lambda sdp: sdp[: len(sdp) // 2],
    "no media": lambda sdp: sdp.partition("m=")[0],
    "too long": lambda sdp: "v=0\r\n" + "a=x:" + "y" * 900_000,
    "unknown media": replaced("^m=application", "m=banana"),
    "media without a port": replaced("^m=application [0-9]+", "m=application"),
    "port a word": replaced("^m=application [0-9]+", "m=application port"),
    "no fingerprint": without("a=fingerprint"),
    "no ufrag": without("a=ice-ufrag"),
    "no password": without("a=ice-pwd"),
    "hundreds of tracks": audio_lines(500),
    "thousands of feedback messages for thousands of codecs": lambda sdp: (
        sdp + "".join(f"a=rtpmap:{number} A/1\r\na=rtcp-fb:* {number}\r\n" for number in range(3000))
    ),
    "feedback messages for many codecs": lambda sdp: (
        sdp + "".join(f"a=rtpmap:{number} A/1\r\na=rtcp-fb:* {number}\r\n" for number in range(100))
    ),
    "thousands of sources": lambda sdp: sdp + "".join(f"a=ssrc:{number} cname:x\r\n" for number in range(9000)),
    "thousands of candidates": lambda sdp: sdp + "a=candidate:1 1 udp 1 192.0.2.77 9 typ host\r\n" * 10_000,
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_offer_is_refused_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = Heard(villain.session_ended)
    on_request(villain, lambda session_id: villain.send_sdp(session_id, "offer", UNUSABLE[kind](offer)))
    begin = time.monotonic()

    with pytest.raises(SessionClosed, match=rf"{villain.peer_id}: unusable offer from the peer: .") as caught:
        stage.consumer.start_session(villain.peer_id, timeout=SECONDS)

    assert time.monotonic() - begin < 4
    assert len(str(caught.value)) < 1000
    assert "unusable offer" in ended.next()["error"]
    assert "Traceback" not in caplog.text
    assert stage.goes_on()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_offer_of_a_consumer_is_refused_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str
) -> None:
    ended = Heard(villain.session_ended)

    villain.start_session(id_of(stage.producer), UNUSABLE[kind](offer) or "\r\n")

    assert "unusable offer" in ended.next()["error"]
    assert stage.goes_on()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_answer_ends_the_session_with_the_reason(
    stage: Stage, villain: SignallingClient, offer: str, kind: str
) -> None:
    ended = Heard(villain.session_ended)
    at_the_producer = Heard(stage.producer.session_ended)
    answer = UNUSABLE[kind](offer.replace("a=setup:actpass", "a=setup:active"))
    descriptions = Heard(villain.sdp_received)
    session_id = villain.start_session(id_of(stage.producer))
    descriptions.next()

    villain.send_sdp(session_id, "answer", answer)

    assert "unusable answer" in ended.next()["error"]
    assert isinstance(end_of(villain.peer_id, at_the_producer), SignallingError)
    assert stage.goes_on()


def test_answer_with_no_offer_is_dropped_with_a_log_line(
    stage: Stage, villain: SignallingClient, offer: str, caplog: pytest.LogCaptureFixture
) -> None:
    on_request(villain, lambda session_id: villain.send_sdp(session_id, "answer", offer))

    with pytest.raises(WaitTimeout, match=rf"{villain.peer_id}.*no session description"):
        stage.consumer.start_session(villain.peer_id, timeout=2)

    assert "ignored an answer to no offer" in caplog.text
    assert stage.goes_on()


def test_second_answer_is_dropped_with_a_log_line(
    stage: Stage, villain: SignallingClient, caplog: pytest.LogCaptureFixture
) -> None:
    meddle(stage, villain, lambda answer: [("answer", answer), ("answer", answer)])

    wait_until(lambda: "ignored an answer to no offer" in caplog.text, "the second answer is dropped")


def test_offer_where_an_answer_is_due_is_refused_by_the_server(
    stage: Stage, villain: SignallingClient, offer: str
) -> None:
    refused = Heard(villain.error_received)
    session_id = villain.start_session(id_of(stage.producer))

    villain.send_sdp(session_id, "offer", offer)

    assert "cannot forward offer" in refused.next()["details"]
    assert stage.goes_on()


def test_offer_where_an_answer_is_due_is_dropped_with_a_log_line(offer: str, caplog: pytest.LogCaptureFixture) -> None:
    def offer_back(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        server.send("startSession", peerId="rude", sessionId="rude")
        server.expect("peer")
        server.send("peer", sessionId="rude", sdp={"type": "offer", "sdp": offer})
        server.serve()

    with signalling_server(offer_back) as uri, Producer(uri):
        wait_until(lambda: "ignored an offer that crossed ours" in caplog.text, "the offer is dropped")
