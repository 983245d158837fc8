"""`SessionRequests`: other peers' requests for sessions, until each session begins or is refused.

`SessionAdmission` decides. Messages for a session that has not begun are kept here, without a peer connection.
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
from .protocol.messages import Event, IceMessage, SdpMessage, SessionRequested, SessionStarted
from .protocol.quota import TokenBucket
from .protocol.session_limits import SessionLimits
from .threads import clock
from .threads.loop_thread import LoopThread
from .webrtc.description import MAX_DESCRIPTION_CHARACTERS

__all__ = ["EarlyMessages", "SessionRequest", "SessionRequests"]

logger = logging.getLogger(__name__)

SessionRequest = SessionRequested | SessionStarted
"""The message by which the server tells a producer, or a passive consumer, that another peer wants a session."""

_LINES: Final = Rate(0.1, burst=1)
"""Maximum rate of log lines about refused requests."""

_TELLING_SECONDS: Final = 0.02
_TOLD_AT_ONCE: Final = 20
"""Sessions that are refused every `_TELLING_SECONDS`, of those that a peer requests too often: a thousand per second."""

BUSY: Final = "busy: other sessions have to be connected first, or there are as many as this end takes"
"""The error that the other end is told, whose reason is then ``"busy"``."""


class Admitting(Protocol):
    """The role's side of requests. Its methods must not block."""

    def count_interrupted(self) -> int:
        """The number of interrupted sessions."""

    def is_overwhelmed(self) -> bool:
        """Whether the queue of callbacks is full."""

    def begin(self, request: SessionRequest, early: EarlyMessages) -> None:
        """Begin a session, with what has come for it already."""

    def refuse(self, session_id: str, told: str | None) -> None:
        """Tell the other end that there will be no session, with the reason `told`; None: without a reason."""

    def give_up(self, session_id: str) -> None:
        """Close a session that has begun and is not connected."""


@dataclass(slots=True)
class EarlyMessages:
    """Messages for a session that has not begun.

    Attributes:
        candidates: The other end's candidates.
        description: Its description; None: none has come.
    """

    candidates: list[IceMessage] = field(default_factory=list)
    description: SdpMessage | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: SessionRequest
    early: EarlyMessages = field(default_factory=EarlyMessages)


class SessionRequests:
    """The requests of a role that are not decided yet; callable from any thread.

    The reader adds requests, and the loop tells what became of sessions.

    Args:
        named: Name of the role in log lines.
        limits: What other peers may use of the role.
        role: Carries out the decisions.
        met: Counts the limits that other peers meet.
    """

    def __init__(self, named: str, limits: SessionLimits, role: Admitting, met: LimitCounts) -> None:
        self._named = named
        self._met = met
        self._candidates = limits.candidates
        self._role = role
        # Guards all that follows. Held while sessions begin, so that the reader finds a session either here or begun.
        self._lock = threading.RLock()
        self._admission = SessionAdmission(limits)
        self._waiting: dict[str, _Waiting] = {}
        self._loop: LoopThread | None = None
        # The timer, which is used on the loop only, and the time at which it fires; math.inf: there is no timer.
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf
        # Whether no session begins, because the signalling connection is lost.
        self._is_held = False
        # Sessions that a peer requests too often; they are refused at a limited rate.
        self._unwanted: deque[str] = deque()
        self._tells_unwanted = False
        self._lines = TokenBucket(_LINES)
        self._refused = 0

    def open(self, loop: LoopThread) -> None:
        """Accept requests from now on, with a loop for timers."""
        with self._lock:
            self._loop = loop
            self._wakes_at = math.inf
            self._tells_unwanted = False
            self._is_held = False

    def close(self) -> None:
        """Accept no more requests, and forget those whose sessions have not begun."""
        with self._lock:
            self._loop = None
            self.drop()

    def hold(self) -> None:
        """Begin no session until `drop`, since the signalling connection is lost and the server may have forgotten sessions."""
        with self._lock:
            self._is_held = True

    def drop(self, keep: frozenset[str] = frozenset()) -> None:
        """Forget requests that the server has forgotten, and go on with the others.

        Args:
            keep: The ids of the sessions that the server knows. Defaults to none.
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
        """Add a request; on the reader."""
        now = clock.now()
        with self._lock:
            if self._loop is None:
                self._role.refuse(request.session_id, "the role is being closed")
                return
            if request.session_id in self._admission:
                self._note(now, f"session {request.session_id} was asked for a second time")
                return
            if not self._admission.may_ask(request.peer_id, now):
                # Refusing is delayed, so that other peers' messages need not wait for it.
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
        """Refuse a session because this role accepts no sessions that others start; on the reader."""
        with self._lock:
            self._role.refuse(request.session_id, "not a passive consumer")
            self._note(clock.now(), f"session {request.session_id} with peer {request.peer_id} was not asked for")

    def keep(self, event: Event) -> bool:
        """Keep a candidate or the first description for a session that has not begun, or drop another message; on the reader.

        Args:
            event: A message of the server.

        Returns:
            Whether it is for a session that has not begun.
        """
        session_id: str | None = getattr(event, "session_id", None)
        if session_id not in self._waiting:
            return False
        with self._lock:
            waiting = self._waiting.get(session_id)
            if waiting is None:
                return False
            early = waiting.early
            match event:
                case IceMessage():
                    if self._candidates is None or len(early.candidates) < self._candidates:
                        early.candidates.append(event)
                    else:
                        self._met.note("candidates")
                case SdpMessage(sdp=sdp) if early.description is None and len(sdp) <= MAX_DESCRIPTION_CHARACTERS:
                    early.description = event
            return True

    def withdraw(self, session_id: str) -> bool:
        """Record that the other end does not want a session any more; on the reader.

        Returns:
            Whether the session had not begun, so that it never does.
        """
        with self._lock:
            if session_id not in self._waiting:
                return False
            self._forget(session_id)
            return True

    def connected(self, session_id: str) -> None:
        """Record that a session is connected, whichever end requested it."""
        with self._lock:
            self._admission.connected(session_id)
            self._proceed()

    def ended(self, session_id: str) -> None:
        """Record that a session has ended, whichever end requested it."""
        with self._lock:
            self._admission.ended(session_id)
            self._proceed()

    def _proceed(self) -> None:
        """Carry out the decisions that are due; the lock is held."""
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
            waiting = self._waiting[session_id]
            try:
                self._role.begin(waiting.request, waiting.early)
            except Exception:
                # It must not count as one that is being connected forever, and the others must still begin.
                logger.exception("%s: internal error at the beginning of session %s", self._named, session_id)
                self._admission.ended(session_id)
                self._role.refuse(session_id, "internal error")
                self._role.give_up(session_id)
            # Not before: the reader would find it neither here nor among the sessions.
            self._waiting.pop(session_id, None)
        if due.wait is not None and now + due.wait < self._wakes_at:
            self._wakes_at = now + due.wait
            self._loop.call(self._wake_after, due.wait)

    def _count_interrupted(self) -> int:
        return self._role.count_interrupted() if self._admission.is_crowded else 0

    def _wake_after(self, seconds: float) -> None:
        """Set the timer; on the loop."""
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
        """Refuse some of the sessions that a peer requests too often; on the loop."""
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
        if self._lines.try_spend(1, now):
            logger.warning("%s: %s (%d since the last such line)", self._named, what, self._refused)
            self._refused = 0
