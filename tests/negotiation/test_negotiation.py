"""`Negotiation` over a connection of lines of SDP: no network, no threads and no clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from gst_signalling_sync import SessionClosed
from gst_signalling_sync.errors import ProtocolError
from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.media.tracks import Tracks
from gst_signalling_sync.webrtc.negotiation import Negotiation

OFFER, ANSWER = SdpType.OFFER, SdpType.ANSWER

HOST = "candidate:1 1 udp 1 192.0.2.1 9 typ host"


def data_only(*lines: str) -> str:
    """A description with a data section."""
    section = [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:u",
        "a=ice-pwd:p",
        "a=fingerprint:sha-256 AA",
        "a=setup:actpass",
        f"a={HOST}",
    ]
    session = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0"]
    return "\r\n".join([*session, *section, *lines, ""])


class Connection:
    """Says what aiortc's connection would say, and notes what is asked of it."""

    data = None
    state = "new"
    is_gathering = True

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.server_reports: list[object] = []
        self.signaling_state = "stable"
        self.has_remote_description = False
        self.local_sdp = data_only()
        self.applied: list[str] = []
        self.candidates: list[object] = []
        self.fails = False
        self.restored = 0

    def on_candidate(self, function: Callable[[str, str], None]) -> None:
        self.find = function

    def on_gathered(self, function: Callable[[], None]) -> None:
        pass

    async def prepare(self) -> None:
        pass

    async def offer(self) -> None:
        self.signaling_state = "have-local-offer"

    async def apply(self, kind: SdpType, sdp: str) -> None:
        if self.fails:
            raise ValueError("aiortc stumbled")
        self.applied.append(kind)
        self.has_remote_description = True
        self.signaling_state = "have-remote-offer" if kind is OFFER else "stable"

    async def answer(self, change: Callable[[str], str]) -> None:
        self.local_sdp = change(data_only())
        self.signaling_state = "stable"

    def why_unusable(self, kind: SdpType, sdp: str, mid: str) -> str | None:
        return None

    async def add_candidate(self, candidate: object) -> None:
        self.candidates.append(candidate)

    async def forget(self, mid: str) -> None:
        raise AssertionError("no section is replaced here")

    def snapshot(self) -> Connection:
        return self

    async def restore(self) -> None:
        self.restored += 1
        self.signaling_state = "stable"


class NoTracks:
    """The tracks of a connection without media."""

    def on_remote_offer(self, track_ids: object, used: object) -> Callable[[], None]:
        return lambda: None

    def on_remote_answer(self) -> None:
        pass

    async def settle(self, track_ids: object) -> None:
        pass

    def forget(self, mids: object) -> None:
        pass


class End:
    """A negotiation and what it tells the other end."""

    def __init__(self, *early: tuple[str, int]) -> None:
        self.connection = Connection()
        self.said: list[tuple[str, object]] = []
        self.settled = 0
        self.negotiation = Negotiation(
            cast("PeerConnection", self.connection),
            cast("Tracks", NoTracks()),
            "session x",
            lambda kind, sdp: self.said.append((kind, sdp)),
            early,
            lambda: cast("Any", None),
            lambda candidate, index: self.said.append(("candidate", (candidate, index))),
            settled=self._settle,
        )

    def _settle(self) -> None:
        self.settled += 1

    @property
    def kinds(self) -> list[str]:
        """What was said, without the contents."""
        return [kind for kind, _ in self.said]


def test_offer_is_answered_and_then_candidates_follow() -> None:
    end = End()
    end.connection.find("0", "candidate:2 1 udp 1 192.0.2.2 9 typ host")

    asyncio.run(end.negotiation.receive(OFFER, data_only()))

    assert end.kinds == [ANSWER, "candidate"]
    assert end.settled == 1


def test_candidates_of_an_offer_follow_when_it_has_been_sent() -> None:
    end = End()
    asyncio.run(end.negotiation.make_offer())
    end.connection.find("0", "candidate:2 1 udp 1 192.0.2.2 9 typ host")
    assert end.said == []

    end.negotiation.trickle()

    assert end.kinds == ["candidate"]


def test_offer_that_crosses_ours_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    end = End()
    asyncio.run(end.negotiation.make_offer())

    asyncio.run(end.negotiation.receive(OFFER, data_only()))

    assert end.connection.applied == []
    assert "ignored an offer that crossed ours" in caplog.text


def test_answer_to_no_offer_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    end = End()

    asyncio.run(end.negotiation.receive(ANSWER, data_only()))

    assert end.connection.applied == []
    assert "ignored an answer to no offer" in caplog.text


def test_answer_to_our_offer_settles_it() -> None:
    end = End()
    asyncio.run(end.negotiation.make_offer())

    asyncio.run(end.negotiation.receive(ANSWER, data_only("a=max-message-size:1000")))

    assert end.connection.applied == [ANSWER]
    assert (end.settled, end.negotiation.max_message_size, end.negotiation.takes_data) == (1, 1000, True)


def test_second_offer_waits_for_the_answer_to_the_first() -> None:
    end = End()
    asyncio.run(end.negotiation.make_offer())

    with pytest.raises(ProtocolError, match="another one is outstanding"):
        asyncio.run(end.negotiation.make_offer())


def test_offer_that_is_withdrawn_can_be_followed_by_another() -> None:
    end = End()
    asyncio.run(end.negotiation.make_offer())

    asyncio.run(end.negotiation.withdraw())
    asyncio.run(end.negotiation.make_offer())

    assert end.connection.restored == 1


@pytest.mark.parametrize("kind", [OFFER, ANSWER])
def test_description_that_aiortc_cannot_take_leaves_the_state_as_it_was(kind: SdpType) -> None:
    end = End()
    if kind is ANSWER:
        asyncio.run(end.negotiation.make_offer())
    end.connection.fails = True

    with pytest.raises(ProtocolError, match=f"unusable {kind} from the peer: aiortc stumbled"):
        asyncio.run(end.negotiation.receive(kind, data_only()))

    assert (end.connection.restored, end.settled, end.said) == (1, 0, [])


@pytest.mark.parametrize("comes", ["before the negotiation", "before the description"])
def test_candidate_of_the_peer_waits_for_its_description(comes: str) -> None:
    end = End((HOST, 0)) if comes == "before the negotiation" else End()
    if comes == "before the description":
        asyncio.run(end.negotiation.add_candidate(HOST, 0))
    assert end.connection.candidates == []

    asyncio.run(end.negotiation.receive(OFFER, data_only()))

    assert len(end.connection.candidates) == 1


@pytest.mark.parametrize("candidate", ["candidate:", "nonsense", "candidate:1 1 udp one 192.0.2.1 9 typ host"])
def test_candidate_that_cannot_be_read_is_dropped(candidate: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    end = End()
    asyncio.run(end.negotiation.receive(OFFER, data_only()))

    asyncio.run(end.negotiation.add_candidate(candidate, 0))

    assert end.connection.candidates == []
    assert "candidate" in caplog.text


def test_nothing_is_negotiated_after_the_end() -> None:
    end = End()
    asyncio.run(end.negotiation.stop())

    with pytest.raises(SessionClosed, match="ended during the negotiation"):
        asyncio.run(end.negotiation.receive(OFFER, data_only()))
    with pytest.raises(SessionClosed, match="ended during the negotiation"):
        asyncio.run(end.negotiation.make_offer())


def test_description_without_a_candidate_is_not_sent() -> None:
    end = End()
    end.connection.local_sdp = data_only().replace(f"a={HOST}\r\n", "")
    end.connection.problems.append("there is no network")

    with pytest.raises(SessionClosed, match="there is no network"):
        asyncio.run(end.negotiation.make_offer())

    assert end.said == []
