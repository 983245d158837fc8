"""Requests to reset streams, and their answers (RFC 6525)."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.sctp import MalformedPacket, OutgoingReset, Settings
from gst_signalling_sync.webrtc.sctp.parameters import parameter, parse_parameters
from gst_signalling_sync.webrtc.sctp.reconfiguration import Reconfiguration, ResetRequest
from gst_signalling_sync.webrtc.sctp.round_trips import RoundTrips

OURS, THEIRS = 100, 200
"""The first numbers of requests."""

RESET_OUTGOING, RESPONSE, ADD_OUTGOING, RESET_TSNS = 13, 16, 17, 15
PERFORMED, DENIED, ALREADY_IN_PROGRESS, BAD_NUMBER, IN_PROGRESS = 1, 2, 4, 5, 6


def reconfiguration() -> Reconfiguration:
    return Reconfiguration(OURS, THEIRS, RoundTrips(Settings(initial_rto=0.5)))


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def streams_of(chunk: bytes) -> list[int]:
    """The streams of a request of this end."""
    ((kind, content),) = parse_parameters(chunk[4:])
    assert kind == RESET_OUTGOING
    return [int.from_bytes(content[at : at + 2], "big") for at in range(12, len(content), 2)]


def response(number: int, result: int) -> bytes:
    """The value of a chunk with an answer of the peer."""
    return parameter(RESPONSE, numbers(number, result))


def request(number: int, last_tsn: int, *streams: int, kind: int = RESET_OUTGOING) -> bytes:
    """The value of a chunk with a request of the peer."""
    return parameter(kind, numbers(number, 0, last_tsn) + b"".join(stream.to_bytes(2, "big") for stream in streams))


def result_of(answer: object) -> int:
    """The result in an answer of this end."""
    assert isinstance(answer, bytes)
    ((kind, content),) = parse_parameters(answer[4:])
    assert kind == RESPONSE
    return int.from_bytes(content[4:8], "big")


def never(stream: int) -> bool:
    return False


def test_streams_are_reset_by_one_request() -> None:
    ours = reconfiguration()
    ours.want([1])
    ours.want([3, 1])

    chunk = ours.take_request(50, 50, never, 0.0)

    assert chunk is not None
    assert streams_of(chunk) == [1, 3]
    assert ours.wanted == []


def test_stream_with_waiting_messages_is_reset_later() -> None:
    ours = reconfiguration()
    ours.want([1, 3])

    chunk = ours.take_request(50, 50, lambda stream: stream == 3, 0.0)

    assert chunk is not None
    assert streams_of(chunk) == [1]
    assert ours.wanted == [3]


def test_request_waits_until_the_peer_has_what_precedes_the_reset() -> None:
    ours = reconfiguration()
    ours.want([1])
    assert ours.take_request(50, 49, never, 0.0) is None
    ours.want([3])

    chunk = ours.take_request(60, 50, never, 0.0)

    assert chunk is not None
    assert streams_of(chunk) == [1]
    assert ours.wanted == [3]


def test_one_request_is_outstanding_at_a_time() -> None:
    ours = reconfiguration()
    ours.want([1])
    ours.take_request(50, 50, never, 0.0)
    ours.want([3])

    assert ours.take_request(50, 50, never, 0.0) is None
    assert list(ours.on_chunk(response(OURS, PERFORMED), 0)) == [OutgoingReset((1,), True)]

    following = ours.take_request(50, 50, never, 0.0)
    assert following is not None
    assert streams_of(following) == [3]


def test_request_without_an_answer_is_repeated_unchanged() -> None:
    ours = reconfiguration()
    ours.want([1])
    first = ours.take_request(50, 50, never, 0.0)
    assert ours.resend_at == 0.5

    ours.on_time(0.5)

    assert ours.is_due
    assert ours.take_request(60, 60, never, 0.5) == first
    assert ours.timeouts == 1


def test_request_in_progress_is_asked_for_again() -> None:
    ours = reconfiguration()
    ours.want([1])
    ours.take_request(50, 50, never, 0.0)

    assert list(ours.on_chunk(response(OURS, IN_PROGRESS), 0)) == []
    assert ours.resend_at is not None


def test_denied_request_is_not_performed() -> None:
    ours = reconfiguration()
    ours.want([1])
    ours.take_request(50, 50, never, 0.0)

    assert list(ours.on_chunk(response(OURS, DENIED), 0)) == [OutgoingReset((1,), False)]


def test_answer_to_another_request_is_ignored() -> None:
    ours = reconfiguration()
    ours.want([1])
    ours.take_request(50, 50, never, 0.0)

    assert list(ours.on_chunk(response(OURS + 1, PERFORMED), 0)) == []


def test_peers_request_is_handed_to_the_caller() -> None:
    (told,) = reconfiguration().on_chunk(request(THEIRS, 33, 2, 4), 30)

    assert told == ResetRequest(THEIRS, 33, (2, 4))


def test_repeated_request_gets_the_same_answer() -> None:
    ours = reconfiguration()
    (told,) = ours.on_chunk(request(THEIRS, 33, 2), 33)
    assert isinstance(told, ResetRequest)
    assert result_of(ours.perform(told)) == PERFORMED

    (again,) = ours.on_chunk(request(THEIRS, 33, 2), 33)

    assert result_of(again) == PERFORMED


def test_request_that_waits_is_in_progress_until_it_is_performed() -> None:
    ours = reconfiguration()
    (told,) = ours.on_chunk(request(THEIRS, 33, 2), 30)
    assert isinstance(told, ResetRequest)

    assert result_of(ours.defer(told)) == IN_PROGRESS
    assert ours.deferred is told
    assert result_of(ours.perform(told)) == PERFORMED
    assert ours.deferred is None


def test_waiting_request_may_be_repeated_with_another_number() -> None:
    ours = reconfiguration()
    (told,) = ours.on_chunk(request(THEIRS, 33, 2), 30)
    assert isinstance(told, ResetRequest)
    ours.defer(told)

    assert list(ours.on_chunk(request(THEIRS + 1, 33, 2), 30)) == [ResetRequest(THEIRS + 1, 33, (2,))]


def test_request_for_other_streams_is_refused_while_one_waits() -> None:
    ours = reconfiguration()
    (told,) = ours.on_chunk(request(THEIRS, 33, 2), 30)
    assert isinstance(told, ResetRequest)
    ours.defer(told)

    (answer,) = ours.on_chunk(request(THEIRS + 1, 33, 4), 30)

    assert result_of(answer) == ALREADY_IN_PROGRESS


def test_request_out_of_sequence_is_refused() -> None:
    (answer,) = reconfiguration().on_chunk(request(THEIRS + 7, 33, 2), 33)

    assert result_of(answer) == BAD_NUMBER


@pytest.mark.parametrize(("kind", "expected"), [(ADD_OUTGOING, PERFORMED), (RESET_TSNS, DENIED)])
def test_other_requests_are_answered_at_once(kind: int, expected: int) -> None:
    (answer,) = reconfiguration().on_chunk(request(THEIRS, 0, kind=kind), 33)

    assert result_of(answer) == expected


@pytest.mark.parametrize(
    "value",
    [parameter(RESPONSE, bytes(7)), parameter(RESET_OUTGOING, bytes(3)), parameter(RESET_OUTGOING, numbers(THEIRS))],
)
def test_short_parameter_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedPacket, match="must have at least"):
        list(reconfiguration().on_chunk(value, 0))
