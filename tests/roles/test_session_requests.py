"""Requests for sessions that wait: their messages are kept until the session begins, and none falls between the two."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from gst_signalling_sync.limit_counts import LimitCounts
from gst_signalling_sync.protocol.limits import Rate
from gst_signalling_sync.protocol.messages import IceMessage, SdpMessage, SdpType, SessionStarted
from gst_signalling_sync.protocol.session_limits import SessionLimits
from gst_signalling_sync.session_requests import EarlyMessages, SessionRequest, SessionRequests
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.webrtc.description import MAX_DESCRIPTION_CHARACTERS

from ..helpers.waiting import wait_until

SECONDS = 10.0


class Role:
    """Begins sessions when it is allowed to."""

    def __init__(self) -> None:
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.begun: dict[str, EarlyMessages] = {}
        self.is_beginning = threading.Event()

    def count_interrupted(self) -> int:
        return 0

    def is_overwhelmed(self) -> bool:
        return False

    def begin(self, request: SessionRequest, early: EarlyMessages) -> None:
        self.is_beginning.set()
        assert self.may_begin.wait(SECONDS)
        self.begun[request.session_id] = early

    def refuse(self, session_id: str, told: str | None) -> None:
        raise AssertionError(f"{session_id} is refused: {told}")

    def give_up(self, session_id: str) -> None:
        raise AssertionError(f"{session_id} is given up")


def requests_of(role: Role, loop: LoopThread) -> SessionRequests:
    """Requests of which one begins at once, and the next one after half a second."""
    limits = SessionLimits(session_starts=Rate(2, burst=1))
    requests = SessionRequests("the role", limits, role, LimitCounts())
    requests.open(loop)
    return requests


def candidate(session_id: str) -> IceMessage:
    return IceMessage(session_id, "candidate:1 1 udp 1 192.0.2.1 9 typ host", 0)


def test_candidates_and_the_first_description_are_kept(loop: LoopThread) -> None:
    role = Role()
    requests = requests_of(role, loop)
    requests.ask(SessionStarted("peer", "first"))
    requests.ask(SessionStarted("peer", "second"))

    assert not requests.keep(candidate("first")), "it has begun"
    assert requests.keep(candidate("second"))
    assert requests.keep(SdpMessage("second", SdpType.OFFER, "x" * (MAX_DESCRIPTION_CHARACTERS + 1)))
    offer = SdpMessage("second", SdpType.OFFER, "v=0")
    assert requests.keep(offer)
    assert requests.keep(SdpMessage("second", SdpType.OFFER, "v=1"))
    wait_until(lambda: "second" in role.begun, "the second session begins")

    assert role.begun["second"].candidates == [candidate("second")]
    assert role.begun["second"].description is offer
    requests.close()


def test_message_for_a_session_that_is_just_beginning_waits_until_it_has_begun(loop: LoopThread) -> None:
    role = Role()
    requests = requests_of(role, loop)
    requests.ask(SessionStarted("peer", "first"))
    role.is_beginning.clear()
    role.may_begin.clear()
    requests.ask(SessionStarted("peer", "second"))
    assert role.is_beginning.wait(SECONDS)

    with ThreadPoolExecutor() as pool:
        kept = pool.submit(requests.keep, candidate("second"))
        try:
            assert "second" in requests
            assert not kept.done()
        finally:
            role.may_begin.set()
        assert not kept.result(SECONDS), "it is for the session, which has begun"
    assert "second" in role.begun
    requests.close()
