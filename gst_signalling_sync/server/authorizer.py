"""`Authorizer`: whether the server lets a client in, by bearer tokens (RFC 6750) or by a callable of the user's."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

from ..endpoint import redacted
from ..protocol.grant import Grant
from ..protocol.limits import ServerLimits
from ..protocol.permissions import Admission
from ..protocol.tokens import hashed, identity_of
from .credentials import AuthorizationRequest, Credentials
from .own_thread import run_on_own_thread
from .page import Page

__all__ = ["Authorize", "Authorizer", "Tokens"]

Authorize = Callable[[AuthorizationRequest], Grant | None]
"""A callable of the user's that decides on a client."""

Outcome = Admission | Page

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="signalling"'}

_MISSING: Final = Page(
    HTTPStatus.UNAUTHORIZED,
    "This signalling server requires a token: Authorization: Bearer TOKEN, or ?token=TOKEN from a web page.\n",
    refusal="tokens",
    headers=_CHALLENGE,
)

_UNKNOWN: Final = Page(HTTPStatus.FORBIDDEN, "This signalling server does not know that token.\n", refusal="tokens")

_EXPIRED: Final = Page(HTTPStatus.FORBIDDEN, "That token has expired.\n", refusal="expired")

_REFUSED: Final = Page(
    HTTPStatus.FORBIDDEN, "This signalling server does not let these credentials in.\n", refusal="authorize"
)


class Tokens(Protocol):
    """The tokens that a server accepts."""

    def find(self, token: str) -> Admission | None:
        """The admission that a token stands for, which may have expired; None: the token is unknown."""


class Authorizer:
    """Decides on clients; all calls are made on the loop.

    Tokens are looked up at once. Each call of the callable has its own thread, because it may ask a database. A thread cannot
    be stopped from outside, so a call that does not return keeps its place among those that may run at the same time.

    Args:
        tokens: The tokens that the server accepts; None: it has none.
        authorize: Decides on clients whose token is not among `tokens`; None: these are refused.
        limits: How many calls may run at the same time, and for how long.
        loop: The event loop.
    """

    def __init__(
        self, tokens: Tokens | None, authorize: Authorize | None, limits: ServerLimits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._tokens = tokens
        self._authorize = authorize
        self._limits = limits
        self._loop = loop
        self._waiting: deque[_Call] = deque()
        self._running = 0

    def decide(
        self, request: AuthorizationRequest, done: Callable[[Outcome], object], waits: Callable[[], object]
    ) -> None:
        """Decide on a client.

        Args:
            request: Its request, with its credentials.
            done: Called with the admission, or with the page that refuses it, at once or later.
            waits: Called where the maximum number of calls already run, so that this one waits.
        """
        admission = self._tokens.find(request.token) if self._tokens is not None and request.token else None
        if admission is not None:
            done(_unless_expired(admission))
        elif self._authorize is not None:
            if self._running >= self._limits.authorizations:
                waits()
            self._call(_Call(self._authorize, request, done))
        elif request.token is None and request.user is None:
            done(_MISSING)
        else:
            done(_UNKNOWN)

    def _call(self, call: _Call) -> None:
        call.timer = self._loop.call_later(self._limits.authorization_seconds, self._give_up, call)
        self._waiting.append(call)
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self._running < self._limits.authorizations:
            call = self._waiting.popleft()
            self._running += 1
            finish = partial(self._finish, call)
            try:
                run_on_own_thread("authorize", call.run, self._loop, finish)
            except RuntimeError as error:
                # The system has no more threads. The call must not count as running forever.
                finish(_failed(f"authorize was not called: {error}"))

    def _finish(self, call: _Call, outcome: Outcome) -> None:
        self._running -= 1
        call.finish(outcome)
        self._begin()

    def _give_up(self, call: _Call) -> None:
        seconds = self._limits.authorization_seconds
        with contextlib.suppress(ValueError):
            self._waiting.remove(call)
        call.finish(_failed(f"authorize did not return within {seconds:g} s", "authorization_seconds"))


class _Call:
    """One call of the user's callable."""

    def __init__(self, authorize: Authorize, request: AuthorizationRequest, done: Callable[[Outcome], object]) -> None:
        self._authorize = authorize
        self._request = request
        self._done: Callable[[Outcome], object] | None = done
        self.timer: asyncio.TimerHandle | None = None

    def run(self) -> Outcome:
        """Call the callable, on its own thread. An exception refuses the client."""
        request = self._request
        try:
            grant = self._authorize(request)
            if not isinstance(grant, Grant | None):
                raise TypeError(f"authorize must return a Grant or None, not {type(grant).__name__}")
        # Not even sys.exit() in it may end the thread without an outcome, because the call would count as running forever.
        except BaseException as error:  # noqa: BLE001 - raised by the user's callable, and logged
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.filename}:{frame.lineno}"
            return _failed(
                redacted(f"authorize raised {type(error).__name__}: {error} ({where})", _secrets_of(request))
            )
        if grant is None:
            return _REFUSED if request.token is not None or request.user is not None else _MISSING
        credential = hashed(request.token if request.token is not None else f"{request.user}:{request.password}")
        return _unless_expired(Admission(identity_of(grant, credential), grant))

    def finish(self, outcome: Outcome) -> None:
        """Report the outcome, unless one has been reported."""
        if self.timer is not None:
            self.timer.cancel()
        done, self._done = self._done, None
        if done is not None:
            done(outcome)


def _failed(details: str, rule: str = "authorize") -> Page:
    return Page(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "This signalling server could not find out whether it may let you in.\n",
        refusal=rule,
        headers={"Retry-After": "5"},
        details=details,
    )


def _secrets_of(request: AuthorizationRequest) -> tuple[str, ...]:
    return Credentials(request.token, request.user, request.password).secrets()


def _unless_expired(admission: Admission) -> Outcome:
    expires = admission.grant.expires
    return _EXPIRED if expires is not None and expires <= time.time() else admission
