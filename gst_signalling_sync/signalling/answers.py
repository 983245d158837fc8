"""Which message answers or refuses which request: the protocol correlates them only by order and content."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import PeerNotFound, ServerError
from ..protocol.messages import ConsumerList, Error, Event, Peer, ProducerList, SessionRequested, SessionStarted
from .pending import PendingRequest

__all__ = ["SessionEvent", "list_request", "session_request", "status_request"]

SessionEvent = SessionStarted | SessionRequested
"""The answers to `startSession`: a `SessionStarted` to a consumer, a `SessionRequested` to a producer."""

Result = TypeVar("Result")


def list_request(kind: type[ProducerList] | type[ConsumerList], doing: str) -> PendingRequest:
    """A request for a list.

    Args:
        kind: The type of the list.
        doing: What is being tried, for the error message.

    Returns:
        The request, whose result is the list.
    """
    return PendingRequest(lambda event: isinstance(event, kind), lambda event: _raise_refusal(event, doing))


def status_request(accept: Callable[[tuple[Peer, ...]], Result], doing: str) -> tuple[PendingRequest, PendingRequest]:
    """A change of status, which the server answers only if it refuses, and a list after it, which shows that it did not.

    Args:
        accept: Called on the reader with the producers just after the change.
        doing: What is being tried, for the error message.

    Returns:
        The request for the status, and the request for the list, whose result is that of `accept`.
    """

    def accept_list(event: Event | None) -> Result | None:
        return accept(event.producers) if isinstance(event, ProducerList) and not refused() else None

    def refused() -> bool:
        return status.future.done() and (status.future.cancelled() or status.future.exception() is not None)

    status = PendingRequest(
        None,
        lambda event: _raise_refusal(event, doing),
        is_refusal=lambda details: details.startswith("Cannot register peer "),
    )
    return status, PendingRequest(lambda event: isinstance(event, ProducerList), accept_list)


def session_request(
    peer_id: str, accept: Callable[[SessionEvent], object], discard: Callable[[SessionEvent], None], doing: str
) -> PendingRequest:
    """A request for a session.

    Args:
        peer_id: The other end.
        accept: Called on the reader with the answer; returns the result.
        discard: Called on the reader instead, when nobody waits any more.
        doing: What is being tried, for the error message.

    Returns:
        The request, whose result is that of `accept`.
    """

    def is_answer(event: Event) -> bool:
        return isinstance(event, SessionEvent) and event.peer_id == peer_id

    def is_refusal(details: str) -> bool:
        return details == f"Peer with ID '{peer_id}' not found" or (
            details.startswith("Missing a producer or a consumer: ") and peer_id in details
        )

    def accept_answer(event: Event | None) -> object:
        _raise_refusal(event, doing)
        assert isinstance(event, SessionEvent)
        return accept(event)

    def discard_answer(event: Event | None) -> None:
        if isinstance(event, SessionEvent):
            discard(event)

    return PendingRequest(is_answer, accept_answer, discard_answer, is_refusal)


def _raise_refusal(event: Event | None, doing: str) -> Event | None:
    if not isinstance(event, Error):
        return event
    if event.details.startswith("Peer with ID"):
        raise PeerNotFound(f"{doing}: {event.details}")
    raise ServerError(f"{doing}: {event.details}", event.details)
