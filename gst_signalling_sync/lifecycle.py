"""`Life`: the life of a role from `start` to `close`, as a state machine. No threads, no I/O and no clock.

Callers, the reader of the signalling connection and the role's own thread tell it what they want and what happened. The role's
own thread (`role_thread`) carries out its decisions: the next attempt to connect, or the end. One invariant holds everywhere:
mutate, then call `drain_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from .errors import ConnectionLost
from .protocol.backoff import Backoff, Retry

__all__ = ["TRANSITIONS", "Attempt", "Life", "RoleState", "StateChange"]


_MIN_ATTEMPT_SECONDS: Final = 0.25
"""Minimum length of an attempt. A shorter one would fail for that reason, and its error would say nothing of the server."""


class RoleState(StrEnum):
    """The state of a role object; each member is equal to its name in lower case, ``"registered"`` for example.

    Example:
        if robot.state == "suspended":
            print("the signalling server is away; sessions go on")
    """

    NEW = "new"
    """The role was never started."""
    CONNECTING = "connecting"
    """`start` is connecting to the signalling server and registering."""
    REGISTERED = "registered"
    """The role is registered with the signalling server."""
    SUSPENDED = "suspended"
    """The signalling connection was lost and is being made again. Sessions that are connected go on."""
    CLOSING = "closing"
    """The role's sessions, then its signalling connection, are being closed."""
    CLOSED = "closed"
    """The role was closed, or gave up connecting. `start` begins a new life."""


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
"""The states that may follow each state. ``CLOSING`` follows ``CLOSED`` only if a lost connection or a failed `start` ended the
role, before `close` does."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of a role's state, which users are told of.

    Attributes:
        state: The new state.
        error: The reason, if something went wrong.
        lost: Whether the change is the loss of a connection on which the role was registered.
        again: Whether the change is a registration after a loss.
    """

    state: RoleState
    error: Exception | None = None
    lost: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to connect and register.

    Attributes:
        number: Number of the attempt, counted from the object's creation. Losses of earlier attempts' connections are ignored.
        until: Time at which the attempt has to be complete, on the caller's clock.
    """

    number: int
    until: float


class Life:
    """The life of a role object.

    Args:
        retry: How a lost connection is made again; None: it is not.
        random: Returns a number in ``[0, 1)``, for the jitter.
        attempt_seconds: Seconds that an attempt after a loss may take.
    """

    def __init__(self, retry: Retry | None, random: Callable[[], float], attempt_seconds: float) -> None:
        self._retry = retry
        self._backoff = Backoff(retry or Retry(), random)
        self._attempt_seconds = attempt_seconds
        self._state = RoleState.NEW
        self._error: Exception | None = None
        self._changes: list[StateChange] = []
        # The newest attempt's number, whether that attempt is under way, and when the next one is due.
        self._attempt = 0
        self._is_attempting = False
        self._due: float | None = None
        # How to report the loss of the attempt's connection, if it came before the attempt's result was reported.
        self._early_loss: Callable[[float], None] | None = None
        # The time until which `start` waits, and whether it has had a connection and lost it again.
        self._start_until = 0.0
        self._has_met_server = False
        self._registrations = 0
        self._was_registered = False
        # Whether the role holds resources: from `start` until `closed`.
        self._is_open = False
        # Whether it holds not even those that a failed `start` leaves, for the next one.
        self._is_released = True
        # Whether `close` was called outside of a callback. No callback may then start the role again.
        self._is_final = False
        self._is_end_wanted = False

    @property
    def state(self) -> RoleState:
        """The role's state."""
        return self._state

    @property
    def error(self) -> Exception | None:
        """The error that suspended or closed the role; None: there is no such error."""
        return self._error

    @property
    def has_met_server(self) -> bool:
        """Whether the newest `start` has had a connection and lost it again."""
        return self._has_met_server

    @property
    def registrations(self) -> int:
        """How often the server has accepted the role's registration so far."""
        return self._registrations

    @property
    def is_final(self) -> bool:
        """Whether `close` was called outside of a callback in this life."""
        return self._is_final

    @property
    def is_end_wanted(self) -> bool:
        """Whether `close` was called in this life. If not, a life that ends does so because its `start` failed."""
        return self._is_end_wanted

    def drain_changes(self) -> list[StateChange]:
        """Return the changes of state since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    # Calls of users.

    def start(self, now: float, until: float, in_callback: bool = False) -> None:
        """Have the role connect, unless it is connecting, registered or suspended.

        Args:
            now: The time, in seconds.
            until: The time until which the caller waits.
            in_callback: Whether the caller is a callback of this role. Defaults to False.

        Raises:
            ConnectionLost: The role is being closed; or the caller is a callback, and the role was closed outside of it.
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
        self._is_released = False
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
            in_callback: Whether the caller is a callback of this role. Defaults to False.
        """
        self._is_final = self._is_final or not in_callback
        self._is_end_wanted = True
        self._begin_end()

    def give_up_start(self) -> None:
        """Give up a `start` whose caller does not wait any longer."""
        if self._state is RoleState.CONNECTING:
            self._begin_end()

    # Calls of the role's own thread.

    @property
    def due(self) -> float | None:
        """When the next attempt is due; None: no attempt is planned, or one is under way."""
        return self._due

    @property
    def is_to_end(self) -> bool:
        """Whether the role's resources have to be released now."""
        return self._state is RoleState.CLOSING and not self._is_attempting

    @property
    def is_over(self) -> bool:
        """Whether the role holds no resources: it was never started, or is closed completely."""
        return not self._is_open

    def begin_attempt(self, now: float) -> Attempt | None:
        """Begin the attempt that is due, whose result is reported by `registered` or `failed`; None: no attempt is due."""
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
        if self._state not in (RoleState.CONNECTING, RoleState.SUSPENDED):
            return
        self._registrations += 1
        again, self._was_registered = self._was_registered, True
        self._backoff.succeeded(now)
        self._enter(RoleState.REGISTERED, again=again)
        if self._early_loss is not None:
            self._early_loss(now)

    def failed(self, now: float, error: Exception, is_final: bool = False, *, was_connected: bool = False) -> None:
        """Report that the attempt failed.

        Args:
            now: The time, in seconds.
            error: Why it failed.
            is_final: Whether another attempt would fail in the same way. Defaults to False.
            was_connected: Whether there was a connection, which was lost before the role was registered. Defaults to False.
        """
        self._is_attempting = False
        self._has_met_server = self._has_met_server or was_connected
        self._on_failure(now, error, is_final)

    def closed(self, is_released: bool = True) -> None:
        """Report that the end is over.

        Args:
            is_released: Whether all resources are released; a failed `start` leaves some. If `close` was called meanwhile, the
                end begins once more. Defaults to True.
        """
        if self._is_end_wanted and not is_released:
            return
        self._is_released = is_released
        self._is_open = False
        self._was_registered = False
        self._enter(RoleState.CLOSED, self._error)

    # Calls of the reader.

    def lost(self, now: float, attempt: int, error: Exception, *, has_moved: bool = False) -> None:
        """Report the loss of the connection that an attempt had made.

        Args:
            now: The time, in seconds.
            attempt: The attempt's number.
            error: Why the connection was lost.
            has_moved: Whether this end's change of address is the reason. Defaults to False.
        """
        if attempt != self._attempt:
            return
        if self._is_attempting:
            # The server may have registered the role, and callbacks may know it: it is suspended then, not refused.
            self._early_loss = partial(self._on_loss, error=error, has_moved=has_moved)
        elif self._state is RoleState.REGISTERED:
            self._on_loss(now, error, has_moved)

    def _begin_end(self) -> None:
        is_over = self._state is RoleState.CLOSED and not self._is_open and self._is_released
        if self._state is RoleState.CLOSING or is_over:
            return
        self._is_open = True
        self._due = None
        # A lost connection that ended the role remains its error, for callers that wait for the end.
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
        # A server that was there a moment ago may be restarting, and a lost connection is made again.
        waits = self._retry is not None and (self._retry.wait_for_server or self._has_met_server)
        if waits and not is_final:
            due = self._backoff.next_attempt(now)
            if due is not None and due + _MIN_ATTEMPT_SECONDS < self._start_until:
                self._error = error
                self._due = due
                return
        # Sessions from before a loss go on until the role is closed. A role that was never registered has no sessions.
        self._enter(RoleState.CLOSED if self._was_registered else RoleState.CLOSING, error)

    def _on_loss(self, now: float, error: Exception, has_moved: bool) -> None:
        self._backoff.lost(now, begins_again=has_moved)
        self._due = None if self._retry is None else self._backoff.next_attempt(now)
        self._enter(RoleState.CLOSED if self._due is None else RoleState.SUSPENDED, error, lost=True)

    def _enter(
        self, state: RoleState, error: Exception | None = None, *, lost: bool = False, again: bool = False
    ) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} cannot become {state}"
        self._state = state
        self._error = error
        self._changes.append(StateChange(state, error, lost, again))
