"""`PendingRequests`: requests that wait for the server's answers, matched by order, as the protocol has no request ids."""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import WaitTimeout
from ..protocol.messages import Error, Event
from ..threads.interruptible import Future
from ..threads.waiting import Deadline, result_of

__all__ = ["PendingRequest", "PendingRequests"]

_RELAY_ERRORS: Final = re.compile(r"Peer .* is not part of |cannot forward offer |Invalid end session message ")
"""Beginnings of errors that answer a relayed message or the end of a session, for which no caller waits."""


@dataclass(slots=True, eq=False)
class PendingRequest:
    """A request whose answer a caller waits for.

    Attributes:
        is_answer: Whether an event answers it. None: the server answers it only by an `Error`, and has accepted it when it
            answers a later request.
        accept: Called on the reader with the answer, in the order of the messages; returns the result.
        discard: Called on the reader instead, when nobody waits any more.
        is_refusal: Whether the details of an `Error` can only be about this request.
        future: The result. A caller that gives up cancels it; the request keeps its place until its late answer.
    """

    is_answer: Callable[[Event], bool] | None
    accept: Callable[[Event | None], Any]
    discard: Callable[[Event | None], None] = lambda event: None
    is_refusal: Callable[[str], bool] = lambda details: False
    future: Future[Any] = field(default_factory=Future)

    @property
    def is_abandoned(self) -> bool:
        """Whether its caller gave up waiting; the answer may still come."""
        return self.future.cancelled()

    def wait(self, deadline: Deadline, doing: str) -> Any:
        """Wait for the result. A caller that gives up abandons the request.

        Args:
            deadline: How long to wait.
            doing: What is being tried, for the error message.

        Raises:
            WaitTimeout: No answer in time.
            SignallingError: Raised by `accept`, or because the connection was lost.
        """
        try:
            return result_of(self.future, deadline)
        except TimeoutError:
            if self.future.cancel():
                raise WaitTimeout(f"{doing}: the server did not answer within {deadline}") from None
            return self.future.result()
        except BaseException:
            self.future.cancel()
            raise

    def resolve(self, event: Event | None) -> None:
        """Set the result by the answer; None stands for silent acceptance."""
        if not self.future.set_running_or_notify_cancel():
            self.discard(event)
            return
        try:
            self.future.set_result(self.accept(event))
        except Exception as error:  # noqa: BLE001 - raised in the caller, not in the reader
            self.future.set_exception(error)


class PendingRequests:
    """Requests in the order in which they were sent."""

    def __init__(self) -> None:
        # Guards the queue, and is held while sending: the order of the queue must be the order on the wire.
        self._lock = threading.Lock()
        self._pending: deque[PendingRequest] = deque()
        self._failure: Exception | None = None

    def add(self, requests: list[PendingRequest], send: Callable[[], None]) -> None:
        """Add requests and send them, with no other request between them.

        Args:
            requests: In the order in which they are sent.
            send: Sends all of them; must not block.

        Raises:
            Exception: The error that `fail` was called with.
        """
        with self._lock:
            if self._failure is not None:
                # A new exception each time: one that is raised again and again accumulates tracebacks.
                raise type(self._failure)(*self._failure.args)
            # First, because Ctrl-C may interrupt it: a request that was never sent would take the answer to the next one. The
            # reader cannot resolve the requests before they are added, since it needs the lock.
            send()
            self._pending.extend(requests)

    def resolve(self, event: Event) -> bool:
        """Resolve the request that an event answers.

        Returns:
            Whether the event answered a request, even one that nobody waits for any more.
        """
        with self._lock:
            request = self._refused(event.details) if isinstance(event, Error) else self._answered(event)
            if request is None:
                return False
            accepted = [] if isinstance(event, Error) else self._silently_accepted_before(request)
            for each in (*accepted, request):
                self._pending.remove(each)
        for each in accepted:
            each.resolve(None)
        request.resolve(event)
        return True

    def fail(self, error: Exception) -> None:
        """Make every request raise an error, both the waiting and the later ones."""
        with self._lock:
            self._failure = error
            pending, self._pending = self._pending, deque()
        for request in pending:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(error)

    def _answered(self, event: Event) -> PendingRequest | None:
        """The first request that an event answers, even an abandoned one: answers come in the order of requests."""
        return next((each for each in self._pending if each.is_answer is not None and each.is_answer(event)), None)

    def _refused(self, details: str) -> PendingRequest | None:
        """The request that the server refused, as far as the details of the error tell."""
        if _RELAY_ERRORS.match(details):
            return None
        for each in self._pending:
            if each.is_refusal(details):
                return each
        return next((each for each in self._pending if not each.is_abandoned), None)

    def _silently_accepted_before(self, request: PendingRequest) -> list[PendingRequest]:
        before = itertools.takewhile(lambda each: each is not request, self._pending)
        return [each for each in before if each.is_answer is None]
