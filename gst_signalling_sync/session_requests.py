"""`SessionRequests`: the sessions that other peers ask a role for, until they begin or are refused.

`SessionAdmission` decides. What arrives for a session that has not begun is kept for it here, and costs no peer connection.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from .limit_counts import LimitCounts
from .protocol.admission import SessionAdmission
from .protocol.limits import Rate
from .protocol.messages import Event, IceMessage, SessionRequested, SessionStarted
from .protocol.quota import TokenBucket
from .protocol.session_limits import SessionLimits
from .threads import clock
from .threads.loop_thread import LoopThread

__all__ = ["SessionRequest", "SessionRequests"]

logger = logging.getLogger(__name__)

SessionRequest = SessionRequested | SessionStarted
"""How a role hears that another peer wants a session: as its producer, or as its passive consumer."""

_LINES: Final = Rate(0.1, burst=1)
"""Of the log, about requests that were refused."""

_TELLING_SECONDS: Final = 0.02
_TOLD_AT_ONCE: Final = 20
"""A thousand sessions a second are ended that a peer asks for too often."""

BUSY: Final = "busy: other sessions have to be connected first, or there are as many as this end takes"
"""What the other end is told, which has the reason ``"busy"`` then."""


class Admitting(Protocol):
    """What a role does for its requests; must not block."""

    def count_interrupted(self) -> int:
        """How many sessions are interrupted."""

    def is_overwhelmed(self) -> bool:
        """Whether too many calls of receivers wait already."""

    def begin(self, request: SessionRequest, early: list[IceMessage]) -> None:
        """Begin a session, with the candidates that have come for it."""

    def refuse(self, session_id: str, told: str | None) -> None:
        """Tell the other end that there will be no session, and why if it is to know."""

    def give_up(self, session_id: str) -> None:
        """End a session that has begun and is not connected."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: SessionRequest
    early: list[IceMessage] = field(default_factory=list)


class SessionRequests:
    """Requests on their way; from any thread, as the reader brings them and the loop tells what becomes of them.

    Args:
        named: The role as log lines name it.
        limits: What others may use of it.
        role: Does what is decided.
        met: Counts the limits that others meet.
    """

    def __init__(self, named: str, limits: SessionLimits, role: Admitting, met: LimitCounts) -> None:
        self._named = named
        self._met = met
        self._candidates = limits.candidates
        self._role = role
        # Guards what follows. Held while sessions are begun, so that what the reader brings for one finds it here or begun.
        self._lock = threading.RLock()
        self._admission = SessionAdmission(limits)
        self._waiting: dict[str, _Waiting] = {}
        self._loop: LoopThread | None = None
        # The loop's own; and when it is to fire, math.inf where there is none.
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf
        # Whether nothing begins, because there is no server to say it to.
        self._is_held = False
        # To be ended at the server, when there is time for it.
        self._unwanted: deque[str] = deque()
        self._tells_unwanted = False
        self._lines = TokenBucket(_LINES)
        self._refused = 0

    def open(self, loop: LoopThread) -> None:
        """Take requests from now on, with a loop for what is due later."""
        with self._lock:
            self._loop = loop
            self._wakes_at = math.inf
            self._tells_unwanted = False
            self._is_held = False

    def close(self) -> None:
        """Take no requests any more, and forget those that have not begun."""
        with self._lock:
            self._loop = None
            self.drop()

    def hold(self) -> None:
        """Begin nothing until `drop`: the signalling connection is lost, and it is not known what the server remembers."""
        with self._lock:
            self._is_held = True

    def drop(self, keep: frozenset[str] = frozenset()) -> None:
        """Forget the requests that have not begun and that the server has forgotten, and go on with the others.

        Args:
            keep: The ids of the sessions that it has not forgotten.
        """
        with self._lock:
            self._unwanted.clear()
            for session_id in [each for each in self._waiting if each not in keep]:
                self._forget(session_id)
            self._is_held = False
            self._proceed()

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._waiting

    def ask(self, request: SessionRequest) -> None:
        """Take a request; on the reader."""
        now = clock.now()
        with self._lock:
            if self._loop is None:
                self._role.refuse(request.session_id, "the role is being closed")
                return
            if request.session_id in self._admission:
                self._note(now, f"session {request.session_id} was asked for a second time")
                return
            if not self._admission.may_ask(request.peer_id, now):
                # Others shall not wait for its being told.
                self._met.note("requests_per_peer")
                self._unwanted.append(request.session_id)
                self._tell_unwanted_later()
                self._note(now, f"session {request.session_id}: peer {request.peer_id} asks for too many")
                return
            if self._role.is_overwhelmed():
                self._met.note("callbacks")
                self._role.refuse(request.session_id, BUSY)
                self._note(
                    now, f"session {request.session_id} is refused: the receivers of this end's signals take too long"
                )
                return
            self._waiting[request.session_id] = _Waiting(request)
            refused = self._admission.ask(request.session_id, request.peer_id, now, self._count_interrupted())
            if refused is not None:
                self._met.note(refused.limit)
                self._refuse(refused.session_id, now)
            if refused is None or refused.session_id != request.session_id:
                self._proceed()

    def refuse_unasked(self, request: SessionRequest) -> None:
        """Refuse a session with a peer that takes none from others; on the reader."""
        with self._lock:
            self._role.refuse(request.session_id, "not a passive consumer")
            self._note(clock.now(), f"session {request.session_id} with peer {request.peer_id} was not asked for")

    def keep(self, event: Event) -> bool:
        """Keep a message for a session that has not begun, or drop what cannot be of use to it; on the reader.

        Args:
            event: Of the server.

        Returns:
            Whether its session has not begun.
        """
        session_id: str | None = getattr(event, "session_id", None)
        if session_id not in self._waiting:
            return False
        with self._lock:
            waiting = self._waiting.get(session_id)
            if waiting is None:
                return False
            if isinstance(event, IceMessage):
                if self._candidates is None or len(waiting.early) < self._candidates:
                    waiting.early.append(event)
                else:
                    self._met.note("candidates")
            return True

    def withdraw(self, session_id: str) -> bool:
        """Take note that the other end does not want a session any more; on the reader.

        Returns:
            Whether it had not begun: then it never does.
        """
        with self._lock:
            if session_id not in self._waiting:
                return False
            self._forget(session_id)
            return True

    def connected(self, session_id: str) -> None:
        """Take note that a session is connected, whoever asked for it."""
        with self._lock:
            self._admission.connected(session_id)
            self._proceed()

    def ended(self, session_id: str) -> None:
        """Take note that a session has ended, whoever asked for it."""
        with self._lock:
            self._admission.ended(session_id)
            self._proceed()

    def _proceed(self) -> None:
        """Do what is due; the lock is held."""
        if self._loop is None or self._is_held or not self._waiting:
            return
        now = clock.now()
        due = self._admission.due(now, self._count_interrupted())
        for limit in due.met:
            self._met.note(limit)
        for session_id in due.refuse:
            self._met.note("requests")
            self._refuse(session_id, now)
        for session_id in due.end:
            self._role.give_up(session_id)
        for session_id in due.begin:
            waiting = self._waiting.pop(session_id)
            self._role.begin(waiting.request, waiting.early)
        if due.wait is not None and now + due.wait < self._wakes_at:
            self._wakes_at = now + due.wait
            self._loop.call(self._wake_after, due.wait)

    def _count_interrupted(self) -> int:
        return self._role.count_interrupted() if self._admission.is_crowded else 0

    def _wake_after(self, seconds: float) -> None:
        """Proceed later; on the loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        with self._lock:
            self._wakes_at = math.inf
            self._proceed()

    def _tell_unwanted_later(self) -> None:
        if self._unwanted and not self._tells_unwanted and self._loop is not None:
            self._tells_unwanted = True
            self._loop.call(lambda: asyncio.get_running_loop().call_later(_TELLING_SECONDS, self._tell_unwanted))

    def _tell_unwanted(self) -> None:
        """End some sessions that a peer asks for too often; on the loop."""
        with self._lock:
            self._tells_unwanted = False
            for _ in range(min(_TOLD_AT_ONCE, len(self._unwanted))):
                self._role.refuse(self._unwanted.popleft(), None)
            self._tell_unwanted_later()

    def _forget(self, session_id: str) -> None:
        del self._waiting[session_id]
        self._admission.ended(session_id)

    def _refuse(self, session_id: str, now: float) -> None:
        peer_id = self._waiting.pop(session_id).request.peer_id
        self._role.refuse(session_id, BUSY)
        self._note(now, f"session {session_id} with peer {peer_id} is refused: {BUSY}")

    def _note(self, now: float, what: str) -> None:
        self._refused += 1
        if self._lines.take(1, now):
            logger.warning("%s: %s (%d since the last such line)", self._named, what, self._refused)
            self._refused = 0
