"""Requests and the answers that belong to them, without a socket."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync.errors import ConnectionLost
from gst_signalling_sync.protocol.messages import (
    ConsumerList,
    Error,
    Event,
    PeerStatusChanged,
    ProducerList,
    SessionRequested,
    SessionStarted,
)
from gst_signalling_sync.signalling.pending import PendingRequest, PendingRequests

PRODUCERS = ProducerList(())
REFUSAL = Error("Peer with ID 'x' not found")


class Refused(Exception):
    pass


def accept(event: Event | None) -> Event | None:
    if isinstance(event, Error):
        raise Refused(event.details)
    return event


def list_request(discard: Callable[[Event | None], None] = lambda event: None) -> PendingRequest:
    return PendingRequest(
        is_answer=lambda event: isinstance(event, ProducerList),
        is_refusal=lambda details: False,
        accept=accept,
        discard=discard,
    )


def consumers_request() -> PendingRequest:
    return PendingRequest(
        is_answer=lambda event: isinstance(event, ConsumerList), is_refusal=lambda details: False, accept=accept
    )


def session_request(peer_id: str) -> PendingRequest:
    return PendingRequest(
        is_answer=lambda event: isinstance(event, SessionStarted) and event.peer_id == peer_id,
        is_refusal=lambda details: details == f"Peer with ID '{peer_id}' not found",
        accept=accept,
    )


def silent_request() -> PendingRequest:
    """A request that the server answers only in case of an error."""
    return PendingRequest(
        is_answer=None, is_refusal=lambda details: details.startswith("Cannot register"), accept=accept
    )


def add(pending: PendingRequests, *requests: PendingRequest) -> None:
    pending.add(list(requests), lambda: None)


@pytest.fixture
def pending() -> PendingRequests:
    return PendingRequests()


def test_answer_reaches_its_request(pending: PendingRequests) -> None:
    request = list_request()
    add(pending, request)

    assert pending.resolve(PRODUCERS)

    assert request.future.result(0) is PRODUCERS


def test_answers_reach_their_requests_in_order(pending: PendingRequests) -> None:
    first, second = list_request(), list_request()
    add(pending, first)
    add(pending, second)

    answers = ProducerList(()), ProducerList(())
    for answer in answers:
        pending.resolve(answer)

    assert first.future.result(0) is answers[0]
    assert second.future.result(0) is answers[1]


def test_event_that_answers_nothing_is_not_taken(pending: PendingRequests) -> None:
    request = list_request()
    add(pending, request)

    assert not pending.resolve(PeerStatusChanged("x", ()))
    assert not pending.resolve(SessionRequested("x", "session"))

    assert not request.future.done()


def test_event_without_any_request_is_not_taken(pending: PendingRequests) -> None:
    assert not pending.resolve(PRODUCERS)
    assert not pending.resolve(REFUSAL)


def test_error_answers_the_request_that_its_text_is_about(pending: PendingRequests) -> None:
    first, second = session_request("y"), session_request("x")
    add(pending, first)
    add(pending, second)

    assert pending.resolve(REFUSAL)

    with pytest.raises(Refused, match="not found"):
        second.future.result(0)
    assert not first.future.done()


def test_error_of_unknown_text_answers_the_oldest_request(pending: PendingRequests) -> None:
    first, second = session_request("x"), list_request()
    add(pending, first)
    add(pending, second)

    assert pending.resolve(Error("too busy"))

    with pytest.raises(Refused, match="too busy"):
        first.future.result(0)
    assert not second.future.done()


def test_session_with_another_peer_is_no_answer(pending: PendingRequests) -> None:
    request = session_request("x")
    add(pending, request)

    assert not pending.resolve(SessionStarted("y", "session"))

    assert not request.future.done()


def test_silent_request_is_accepted_by_the_answer_to_a_later_one(pending: PendingRequests) -> None:
    silent, listed = silent_request(), list_request()
    add(pending, silent, listed)

    pending.resolve(PRODUCERS)

    assert silent.future.result(0) is None
    assert listed.future.result(0) is PRODUCERS


def test_silent_request_is_refused_by_an_error(pending: PendingRequests) -> None:
    silent, listed = silent_request(), list_request()
    add(pending, silent, listed)

    pending.resolve(Error("Cannot register peer x as both producer and passive consumer"))

    with pytest.raises(Refused):
        silent.future.result(0)
    assert not listed.future.done()


@pytest.mark.parametrize(
    "details",
    [
        "Peer a is not part of b",
        'cannot forward offer from "a" to "b" as "a" is not the producer',
        "Invalid end session message with error from peer 'a', minimum protocol version is 1.1",
    ],
)
def test_error_about_a_relayed_message_answers_no_request(pending: PendingRequests, details: str) -> None:
    request = list_request()
    add(pending, request)

    assert not pending.resolve(Error(details))

    assert not request.future.done()


@pytest.mark.parametrize("peer_id", ["is not part of", "cannot forward offer", "Invalid end session message"])
def test_refusal_that_quotes_words_of_relay_errors_is_still_an_answer(pending: PendingRequests, peer_id: str) -> None:
    request = session_request(peer_id)
    add(pending, request)

    assert pending.resolve(Error(f"Peer with ID '{peer_id}' not found"))

    with pytest.raises(Refused):
        request.future.result(0)


def test_late_answer_is_discarded(pending: PendingRequests) -> None:
    discarded: list[Event | None] = []
    request = list_request(discarded.append)
    add(pending, request)
    request.future.cancel()

    assert pending.resolve(PRODUCERS)

    assert discarded == [PRODUCERS]


def test_late_answer_is_not_given_to_the_next_request(pending: PendingRequests) -> None:
    given_up, waiting = list_request(), list_request()
    add(pending, given_up)
    add(pending, waiting)
    given_up.future.cancel()

    late, answer = ProducerList(()), ProducerList(())
    pending.resolve(late)
    pending.resolve(answer)

    assert waiting.future.result(0) is answer


def test_request_that_was_given_up_and_never_answered_does_not_hold_up_the_next(pending: PendingRequests) -> None:
    given_up, waiting = consumers_request(), list_request()
    add(pending, given_up)
    add(pending, waiting)
    given_up.future.cancel()

    assert pending.resolve(PRODUCERS)

    assert waiting.future.result(0) is PRODUCERS


def test_error_in_accepting_reaches_the_caller(pending: PendingRequests) -> None:
    def fail(event: Event | None) -> None:
        raise KeyError("broken")

    request = PendingRequest(is_answer=lambda event: True, is_refusal=lambda details: False, accept=fail)
    add(pending, request)

    pending.resolve(PRODUCERS)

    with pytest.raises(KeyError, match="broken"):
        request.future.result(0)


def test_failure_reaches_every_waiting_request(pending: PendingRequests) -> None:
    requests = [list_request(), silent_request(), session_request("x")]
    add(pending, *requests)

    pending.fail(ConnectionLost("gone"))

    for request in requests:
        with pytest.raises(ConnectionLost, match="gone"):
            request.future.result(0)


def test_failure_reaches_every_later_request(pending: PendingRequests) -> None:
    pending.fail(ConnectionLost("gone"))
    sent: list[None] = []

    with pytest.raises(ConnectionLost, match="gone"):
        pending.add([list_request()], lambda: sent.append(None))

    assert not sent


def test_request_whose_sending_was_interrupted_takes_no_answer(pending: PendingRequests) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pending.add([list_request()], interrupted)
    request = list_request()
    add(pending, request)

    pending.resolve(PRODUCERS)

    assert request.future.result(0) is PRODUCERS


def test_failure_of_a_request_that_was_given_up_is_no_error(pending: PendingRequests) -> None:
    request = list_request()
    add(pending, request)
    request.future.cancel()

    pending.fail(ConnectionLost("gone"))

    assert request.future.cancelled()


def test_failing_again_and_again_does_not_make_the_error_grow(pending: PendingRequests) -> None:
    pending.fail(ConnectionLost("gone"))

    def depth() -> int:
        with pytest.raises(ConnectionLost) as caught:
            add(pending, list_request())
        return len(caught.traceback)

    assert depth() == depth() == depth()


def test_requests_of_several_threads_are_sent_in_the_order_of_the_queue(pending: PendingRequests) -> None:
    sent: list[PendingRequest] = []

    def request(_: int) -> None:
        mine = list_request()
        pending.add([mine], lambda: sent.append(mine))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request, range(200)))

    for mine in sent:
        answer = ProducerList(())
        pending.resolve(answer)
        assert mine.future.result(0) is answer
