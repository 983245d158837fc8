"""Peers that leave in the middle of the handshake of a session, or never go on with it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from gst_signalling_sync import Producer, SessionClosed, SignallingClient, SignallingServer, WaitTimeout

from ..helpers.peer_ids import id_of
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import Heard
from .stage import Stage
from .villains import end_of, on_request

SECONDS = 10.0


LEAVING: dict[str, Callable[[SignallingClient, str], object]] = {
    "ends the session": lambda villain, session_id: villain.end_session(session_id),
    "ends the session with an error": lambda villain, session_id: villain.end_session(session_id, "out of memory"),
    "stops producing": lambda villain, session_id: villain.set_status(),
    "disconnects": lambda villain, session_id: villain.close(),
}


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("when", ["before its offer", "after its offer"])
def test_producer_that_leaves_in_the_middle_of_the_handshake(
    stage: Stage, villain: SignallingClient, offer: str, leaves: str, when: str
) -> None:
    peer_id = id_of(villain)

    def begin_and_leave(session_id: str) -> None:
        if when == "after its offer":
            villain.send_sdp(session_id, "offer", offer)
        LEAVING[leaves](villain, session_id)

    on_request(villain, begin_and_leave)
    begin = time.monotonic()

    with pytest.raises(SessionClosed, match=f"session .* with peer {peer_id}") as caught:
        stage.consumer.start_session(peer_id, timeout=SECONDS)

    assert time.monotonic() - begin < 4
    assert ("out of memory" in str(caught.value)) == (leaves == "ends the session with an error")
    assert stage.goes_on()


def test_producer_that_vanishes_in_the_middle_of_the_handshake(stage: Stage) -> None:
    villain = RawPeer(stage.server.uri).register("producer")

    def vanish_when_asked() -> None:
        villain.receive()
        villain.vanish()

    with ThreadPoolExecutor() as pool:
        pool.submit(vanish_when_asked)

        with pytest.raises(SessionClosed, match=villain.id):
            stage.consumer.start_session(villain.id, timeout=SECONDS)

    assert stage.goes_on()


def test_producer_that_never_offers(stage: Stage, villain: SignallingClient) -> None:
    on_request(villain, lambda session_id: None)
    begin = time.monotonic()

    with pytest.raises(WaitTimeout, match=rf"{villain.peer_id}.*within 1 s.*no session description"):
        stage.consumer.start_session(villain.peer_id, timeout=1)

    assert time.monotonic() - begin < 4
    assert stage.goes_on()


def test_session_that_its_caller_gave_up_is_ended_at_the_other_end(stage: Stage, villain: SignallingClient) -> None:
    ended = Heard(villain.session_ended)
    on_request(villain, lambda session_id: None)

    with pytest.raises(WaitTimeout):
        stage.consumer.start_session(villain.peer_id, timeout=0.1)

    assert "gave up" in ended.next()["error"]


def test_consumer_that_never_answers_is_given_up_in_time(embedded_server: SignallingServer) -> None:
    # The 0.3 s are for the session; start() may take longer on a busy machine.
    producer = Producer(embedded_server.uri, timeout=0.3)
    producer.start(SECONDS)
    with closing(producer), SignallingClient(embedded_server.uri) as villain:
        ended = Heard(producer.session_ended)
        villain.start_session(id_of(producer))

        error = ended.next()["error"]

        assert (type(error), error.reason) == (SessionClosed, "not connected")
        assert re.search(rf"{villain.peer_id}.*0\.3 s", str(error))


def test_consumer_that_leaves_before_it_answers(stage: Stage) -> None:
    ended = Heard(stage.producer.session_ended)
    with SignallingClient(stage.server.uri) as villain:
        villain.start_session(id_of(stage.producer))

        peer = villain.peer_id

    assert "ended it, or left" in str(end_of(peer, ended))
    assert stage.goes_on()


def test_hundred_sessions_that_lead_nowhere_disturb_nobody(stage: Stage, villain: SignallingClient) -> None:
    for _ in range(100):
        villain.start_session(id_of(stage.producer))

    assert stage.goes_on(SECONDS)
