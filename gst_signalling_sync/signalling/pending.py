"""Requests that wait for the server's answer, matched by order: the protocol correlates nothing else."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from ..protocol.messages import Error, Event

__all__ = ["PendingRequest", "PendingRequests"]

_RELAY_ERRORS: Final = ("is not part of", "cannot forward offer", "Invalid end session message")
"""Words of the errors that answer a relayed message or the end of a session, for which no caller waits."""


@dataclass(slots=True, eq=False)
class PendingRequest:
    """A request whose answer somebody waits for.

    Attributes:
        is_answer: Whether an event answers it. None: the server answers it only by an `Error`, and has accepted it when
            it answers a later request.
        accept: Makes the future's result of the answer; called on the reader, in the order of the messages.
        discard: Called on the reader instead, when nobody waits any more.
        future: The result. A caller that gives up cancels it; the request keeps its place until its late answer.
    """

    is_answer: Callable[[Event], bool] | None
    accept: Callable[[Event | None], Any]
    discard: Callable[[Event | None], None] = lambda event: None
    future: Future[Any] = field(default_factory=Future)

    def resolve(self, event: Event | None) -> None:
        """Hand over the answer, None being silent acceptance."""
        if not self.future.set_running_or_notify_cancel():
            self.discard(event)
            return
        try:
            self.future.set_result(self.accept(event))
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, not to the reader
            self.future.set_exception(error)


class PendingRequests:
    """Requests in the order sent."""

    def __init__(self) -> None:
        # Guards the queue, and is held while sending: the order of the queue has to be the order on the wire.
        self._lock = threading.Lock()
        self._pending: deque[PendingRequest] = deque()
        self._failure: Exception | None = None

    def add(self, requests: list[PendingRequest], send: Callable[[], None]) -> None:
        """Remember requests and send them, with no other request in between.

        Args:
            requests: In the order in which they are sent.
            send: Sends them all; must not block.

        Raises:
            Exception: What `fail` was called with.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self._pending.extend(requests)
            send()

    def resolve(self, event: Event) -> bool:
        """Hand an event to the request that it answers.

        Returns:
            Whether it answered one, even one that nobody waits for any more.
        """
        answered = self._take(event)
        for request in answered[:-1]:
            request.resolve(None)
        for request in answered[-1:]:
            request.resolve(event)
        return bool(answered)

    def fail(self, error: Exception) -> None:
        """Have every request raise an error, the waiting ones and those to come."""
        with self._lock:
            self._failure = error
            pending, self._pending = self._pending, deque()
        for request in pending:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(error)

    def _take(self, event: Event) -> list[PendingRequest]:
        """Remove the request that an event answers, behind the silently accepted ones before it."""
        if isinstance(event, Error) and any(words in event.details for words in _RELAY_ERRORS):
            return []
        with self._lock:
            if isinstance(event, Error):
                return [self._pending.popleft()] if self._pending else []
            for position, request in enumerate(self._pending):
                if request.is_answer is None:
                    continue
                if not request.is_answer(event):
                    return []
                return [self._pending.popleft() for _ in range(position + 1)]
        return []
