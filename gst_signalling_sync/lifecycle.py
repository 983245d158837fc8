"""`Life`: what a role is and does between `start` and `close`, as a state machine without threads, I/O and clock.

Callers, the reader of the signalling connection and the role's own thread feed it with what they want and what happened; the
role's own thread (`role_thread`) carries out what it says: the next attempt to connect, or the end. One invariant holds
everywhere: mutate, then drain `changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .errors import ConnectionLost
from .protocol.backoff import Backoff, Retry

__all__ = ["TRANSITIONS", "Attempt", "Life", "RoleState", "StateChange"]


_MIN_ATTEMPT_SECONDS: Final = 0.25
"""An attempt with less time than this would fail for want of it, and its error would tell nothing of the server."""


class RoleState(StrEnum):
    """The state of a role object; each member is equal to its name in lower case, ``"registered"`` for example.

    Example:
        if robot.state == "suspended":
            print("the signalling server is away; sessions go on")
    """

    NEW = "new"
    """It was never started."""
    CONNECTING = "connecting"
    """`start` connects to the signalling server and registers."""
    REGISTERED = "registered"
    """The server knows it."""
    SUSPENDED = "suspended"
    """The signalling connection was lost. It is made again; sessions that are connected go on."""
    CLOSING = "closing"
    """Its sessions are being closed, then its signalling connection."""
    CLOSED = "closed"
    """It was closed, or gave up; `start` begins again."""


TRANSITIONS: Final[Mapping[RoleState, frozenset[RoleState]]] = MappingProxyType(
    {
        RoleState.NEW: frozenset({RoleState.CONNECTING, RoleState.CLOSING}),
        RoleState.CONNECTING: frozenset({RoleState.REGISTERED, RoleState.CLOSED, RoleState.CLOSING}),
        RoleState.REGISTERED: frozenset({RoleState.SUSPENDED, RoleState.CLOSED, RoleState.CLOSING}),
        RoleState.SUSPENDED: frozenset({RoleState.REGISTERED, RoleState.CLOSED, RoleState.CLOSING}),
        RoleState.CLOSING: frozenset({RoleState.CLOSED}),
        RoleState.CLOSED: frozenset({RoleState.CONNECTING, RoleState.CLOSING}),
    }
)
"""Which state may follow which. ``CLOSED`` to ``CLOSING`` only where a lost connection, not `close`, ended the role."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of state that somebody has to be told of.

    Attributes:
        state: The new state.
        error: Why, where something went wrong.
        lost: Whether a signalling connection that was registered was lost just now.
        again: Whether the role is registered again after a loss.
    """

    state: RoleState
    error: Exception | None = None
    lost: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to connect and register, to be carried out.

    Attributes:
        number: Counted over the whole life of the object; what happens to an earlier one's connection is of no interest.
        until: When it has to be done, on the caller's clock.
    """

    number: int
    until: float


class Life:
    """The life of a role object.

    Args:
        retry: How a lost connection is made again; None: not at all.
        random: Gives numbers in ``[0, 1)`` for the jitter.
        attempt_seconds: Seconds that an attempt after a loss may take.
    """

    def __init__(self, retry: Retry | None, random: Callable[[], float], attempt_seconds: float) -> None:
        self._retry = retry
        self._backoff = Backoff(retry or Retry(), random)
        self._attempt_seconds = attempt_seconds
        self._state = RoleState.NEW
        self._error: Exception | None = None
        self._changes: list[StateChange] = []
        # Of the newest attempt, which is under way while `_is_attempting`. `_due`: when the next one is, None for none.
        self._attempt = 0
        self._is_attempting = False
        self._due: float | None = None
        # The connection of the attempt under way was lost before the attempt could be reported.
        self._early_loss: Exception | None = None
        # Until when `start` waits, and whether it has had a connection and lost it again.
        self._start_until = 0.0
        self._has_met_server = False
        self._registrations = 0
        self._was_registered = False
        # Whether there is anything to end: from `start` until `closed`.
        self._is_open = False
        # Whether somebody outside of a callback wanted the end. No callback may then start it again.
        self._is_final = False
        self._is_end_wanted = False

    @property
    def state(self) -> RoleState:
        """The state."""
        return self._state

    @property
    def error(self) -> Exception | None:
        """Why the role is suspended, or closed other than by `close`; None otherwise."""
        return self._error

    @property
    def has_met_server(self) -> bool:
        """Whether the newest start has had a connection and lost it again."""
        return self._has_met_server

    @property
    def registrations(self) -> int:
        """How often the server has accepted the role's registration so far."""
        return self._registrations

    @property
    def is_final(self) -> bool:
        """Whether a `close` outside of a callback ends, or ended, this life."""
        return self._is_final

    @property
    def is_end_wanted(self) -> bool:
        """Whether `close` was called in this life; else it ends because its start failed."""
        return self._is_end_wanted

    def drain_changes(self) -> list[StateChange]:
        """The changes of state since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    # What callers want.

    def start(self, now: float, until: float, in_callback: bool = False) -> None:
        """Have the role connect, unless it is at it or done.

        Args:
            now: The time.
            until: Until when its caller waits.
            in_callback: Whether a callback of this role asks.

        Raises:
            ConnectionLost: The role is being closed; or it was closed from outside while the callback that asks was running.
        """
        if in_callback and self._is_final:
            raise ConnectionLost(
                "it was closed while this callback was running, and a callback does not start it again"
            )
        if self._state is RoleState.CLOSING:
            raise ConnectionLost("it is being closed")
        if self._state not in (RoleState.NEW, RoleState.CLOSED):
            return
        self._is_open = True
        self._is_final = False
        self._is_end_wanted = False
        self._start_until = until
        self._has_met_server = False
        self._due = now
        self._backoff.lost(now)
        self._enter(RoleState.CONNECTING)

    def close(self, in_callback: bool = False) -> None:
        """Have the role end; idempotent.

        Args:
            in_callback: Whether a callback of this role asks.
        """
        self._is_final = self._is_final or not in_callback
        self._is_end_wanted = True
        self._begin_end()

    def give_up_start(self) -> None:
        """Have a start end whose caller does not wait any more."""
        if self._state is RoleState.CONNECTING:
            self._begin_end()

    # What the role's own thread asks and reports.

    @property
    def due(self) -> float | None:
        """When the next attempt is due; None: none is planned, or one is under way."""
        return self._due

    @property
    def is_to_end(self) -> bool:
        """Whether everything that was opened has to be closed now."""
        return self._state is RoleState.CLOSING and not self._is_attempting

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do, or to keep."""
        return not self._is_open

    def begin_attempt(self, now: float) -> Attempt | None:
        """Take the attempt that is due, if one is; `registered` or `failed` has to report it."""
        if self._due is None or now < self._due:
            return None
        self._due = None
        self._attempt += 1
        self._is_attempting = True
        self._early_loss = None
        longest = now + self._attempt_seconds
        return Attempt(self._attempt, self._start_until if self._state is RoleState.CONNECTING else longest)

    def registered(self, now: float) -> None:
        """Report that the server has accepted the registration."""
        self._is_attempting = False
        if self._early_loss is not None:
            self._has_met_server = True
            self._on_failure(now, self._early_loss, is_final=False)
            return
        if self._state not in (RoleState.CONNECTING, RoleState.SUSPENDED):
            return
        self._registrations += 1
        again, self._was_registered = self._was_registered, True
        self._backoff.succeeded(now)
        self._enter(RoleState.REGISTERED, again=again)

    def failed(self, now: float, error: Exception, is_final: bool = False, *, was_connected: bool = False) -> None:
        """Report that the attempt failed.

        Args:
            now: The time.
            error: Why.
            is_final: Whether another attempt would fail in the same way.
            was_connected: Whether there was a connection, which was lost before the role was registered.
        """
        self._is_attempting = False
        self._has_met_server = self._has_met_server or was_connected
        self._on_failure(now, error, is_final)

    def closed(self) -> None:
        """Report that everything is closed."""
        self._is_open = False
        self._was_registered = False
        self._enter(RoleState.CLOSED, self._error)

    # What the reader reports.

    def lost(self, now: float, attempt: int, error: Exception, *, has_moved: bool = False) -> None:
        """Report that the connection that an attempt had made was lost.

        Args:
            now: The time.
            attempt: The attempt's number.
            error: Why.
            has_moved: Whether it was lost because this end has another address now.
        """
        if attempt != self._attempt:
            return
        if self._is_attempting:
            self._early_loss = error
        elif self._state is RoleState.REGISTERED:
            self._backoff.lost(now, begins_again=has_moved)
            self._suspend(now, error, lost=True)

    def _begin_end(self) -> None:
        if self._state is RoleState.CLOSING or (self._state is RoleState.CLOSED and not self._is_open):
            return
        self._is_open = True
        self._due = None
        # Why a lost connection ended it is still to be told by who waits for its end.
        self._enter(RoleState.CLOSING, self._error if self._state is RoleState.CLOSED else None)

    def _on_failure(self, now: float, error: Exception, is_final: bool) -> None:
        if self._state is RoleState.CONNECTING:
            self._on_failed_start(now, error, is_final)
        elif self._state is RoleState.SUSPENDED:
            self._error = error
            due = None if is_final else self._backoff.next_attempt(now)
            if due is None:
                self._enter(RoleState.CLOSED, error)
            else:
                self._due = due

    def _on_failed_start(self, now: float, error: Exception, is_final: bool) -> None:
        # A server that was there a moment ago is one that restarts, and a lost connection is made again.
        waits = self._retry is not None and (self._retry.wait_for_server or self._has_met_server)
        if waits and not is_final:
            due = self._backoff.next_attempt(now)
            if due is not None and due + _MIN_ATTEMPT_SECONDS < self._start_until:
                self._error = error
                self._due = due
                return
        # Sessions of before a loss go on, until somebody closes the role; a role without a past has nothing to keep.
        self._enter(RoleState.CLOSED if self._was_registered else RoleState.CLOSING, error)

    def _suspend(self, now: float, error: Exception, lost: bool) -> None:
        due = None if self._retry is None else self._backoff.next_attempt(now)
        self._due = due
        self._enter(RoleState.CLOSED if due is None else RoleState.SUSPENDED, error, lost=lost)

    def _enter(
        self, state: RoleState, error: Exception | None = None, *, lost: bool = False, again: bool = False
    ) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} cannot become {state}"
        self._state = state
        self._error = error
        self._changes.append(StateChange(state, error, lost, again))
