"""`RoleThread`: the thread that carries out the decisions of a role's `Life`, and the calls by which others change that life.

Only this thread connects, registers and closes. Callers of `start` and `close` change the life and wait. No thread holds a lock
meanwhile, so that callbacks, other threads and Ctrl-C never wait for one.
"""

from __future__ import annotations

import copy
import logging
import threading
from typing import Final, Protocol

from .errors import ConnectionLost, SignallingError
from .lifecycle import Attempt, Life, RoleState, StateChange
from .signalling.connection import AddressGone
from .threads import clock
from .threads.interruptible import Condition
from .threads.waiting import MAX_WAIT_SECONDS, Deadline, wait_for

__all__ = ["RoleThread", "Work"]

logger = logging.getLogger(__name__)

_JOIN_SECONDS: Final = 1.0
"""Seconds that a thread with nothing left to do may take to end."""


class Work(Protocol):
    """The role's side of its thread. All but `interrupt` and `on_change` are called on that thread."""

    def connect(self, attempt: Attempt) -> None:
        """Connect and register.

        Raises:
            SignallingError: The attempt failed, or was not complete in time.
        """

    def interrupt(self) -> None:
        """Have a `connect` that is under way raise soon; called from any thread, must not block."""

    def end(self, deadline: Deadline, is_wanted: bool) -> None:
        """Deliver what was sent, and release all resources.

        Args:
            deadline: For the delivery.
            is_wanted: Whether `close` was called; if not, a `start` has failed.
        """

    def on_change(self, change: StateChange) -> None:
        """Tell users of a change; called in the order of the changes, must not block."""

    def is_final(self, error: Exception) -> bool:
        """Whether another attempt would fail in the same way."""


class RoleThread:
    """The thread of a role, from `start` to `close`.

    Args:
        named: Name of the role in errors and log lines.
        name: Name of the thread, without ``gss-``.
        life: Decides what is done.
        work: Does it.
    """

    def __init__(self, named: str, name: str, life: Life, work: Work) -> None:
        self._named = named
        self._name = f"gss-{name}"
        self._work = work
        # Guards the life and what follows; notified when any of it changes.
        self._changed = Condition()
        self._life = life
        self._thread: threading.Thread | None = None
        # For the delivery at the end. Set by the first `close` of a life.
        self._ending = Deadline(0.0)

    @property
    def state(self) -> RoleState:
        """The role's state."""
        return self._life.state

    @property
    def error(self) -> Exception | None:
        """The error that suspended or closed the role; None: there is no such error."""
        return self._life.error

    @property
    def has_met_server(self) -> bool:
        """Whether the newest `start` has had a connection and lost it again."""
        return self._life.has_met_server

    @property
    def registrations(self) -> int:
        """How often the server has accepted the role's registration so far."""
        return self._life.registrations

    @property
    def is_over(self) -> bool:
        """Whether the role holds no resources: it was never started, or is closed completely."""
        return self._life.is_over

    def start(self, deadline: Deadline, in_callback: bool) -> None:
        """Have the role start, and wait until it is registered.

        Args:
            deadline: For the registration.
            in_callback: Whether the caller is a callback of the role.

        Raises:
            ConnectionLost: The role was closed meanwhile, or is suspended and was not registered again in time.
            SignallingError: The attempt failed with this error.
        """
        with self._changed:
            if self._life.is_to_end:
                # Ctrl-C may have interrupted the `close` before it told the role's own thread.
                self._ensure_thread()
                self._changed.notify_all()
            # A `start` during another thread's `close` takes effect after it.
            wait_for(self._changed, lambda: not self._is_closing_for(in_callback), deadline)
            registrations = self._life.registrations
            if self._life.state is RoleState.REGISTERED:
                return
            begins = self._life.state in (RoleState.NEW, RoleState.CLOSED)
            try:
                self._feed_start(deadline, in_callback)
                self._wait_registered(registrations, deadline, "starting")
            except BaseException:
                if begins and self._life.registrations == registrations:
                    self._undo_start()
                raise

    def wait_registered(self, deadline: Deadline, doing: str) -> None:
        """Wait while the role is suspended, or another thread starts it.

        Args:
            deadline: For the registration.
            doing: What needs the server, for the error.

        Raises:
            ConnectionLost: The role is not started, was closed meanwhile, or was not registered again in time.
        """
        with self._changed:
            if self._life.state in (RoleState.SUSPENDED, RoleState.CONNECTING):
                self._wait_registered(self._life.registrations, deadline, doing)
            elif self._life.state is not RoleState.REGISTERED:
                raise self._not_registered(doing)

    def wait_closed(self, deadline: Deadline) -> bool:
        """Wait until the role is closed, by `close` or by a lost connection.

        Returns:
            Whether it is closed.
        """
        with self._changed:
            return wait_for(self._changed, lambda: self._life.state is RoleState.CLOSED, deadline)

    def begin_close(self, deadline: Deadline) -> None:
        """Have the role end; returns at once. The caller is no callback of the role.

        Args:
            deadline: For the delivery of what was sent.
        """
        with self._changed:
            self._feed_close(deadline, in_callback=False)
        self._work.interrupt()

    def close(self, deadline: Deadline, in_callback: bool, grace: float) -> bool:
        """Have the role end, and wait until it has.

        Args:
            deadline: For the delivery of what was sent.
            in_callback: Whether the caller is a callback of the role.
            grace: Seconds that the end may take beyond the deadline.

        Returns:
            Whether it has ended.
        """
        waiting = Deadline(deadline.remaining() + grace)
        with self._changed:
            thread = self._feed_close(deadline, in_callback)
        self._work.interrupt()
        with self._changed:
            ended = wait_for(self._changed, lambda: self._life.state is not RoleState.CLOSING, waiting)
        if ended and thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)
        return ended

    def raise_error(self) -> None:
        """Raise the error that closed the role, if there is one."""
        with self._changed:
            error = self._life.error
        if error is not None:
            raise _copy_of(error)

    def lost(self, attempt: Attempt, error: ConnectionLost) -> None:
        """Report the loss of an attempt's connection; callable from any thread, does not block."""
        with self._changed:
            self._life.lost(clock.now(), attempt.number, error, has_moved=isinstance(error, AddressGone))
            self._tell()

    def _is_closing_for(self, in_callback: bool) -> bool:
        # A callback that is refused needs not wait for the end.
        return self._life.state is RoleState.CLOSING and not (in_callback and self._life.is_final)

    def _wait_registered(self, registrations: int, deadline: Deadline, doing: str) -> None:
        """Wait for one registration more than `registrations`; `_changed` is held."""

        def is_settled() -> bool:
            return self._life.registrations > registrations or self._life.state in (
                RoleState.CLOSING,
                RoleState.CLOSED,
            )

        # The attempt has the same deadline, and its own error says more than a timeout here would.
        waiting = Deadline(deadline.remaining() + _JOIN_SECONDS)
        wait_for(self._changed, is_settled, waiting)
        if self._life.registrations == registrations:
            raise self._not_registered(doing, deadline)

    def _not_registered(self, doing: str, deadline: Deadline | None = None) -> Exception:
        state, error = self._life.state, self._life.error
        if state is RoleState.SUSPENDED:
            within = "" if deadline is None else f" within {deadline}"
            return ConnectionLost(f"{doing}: {self._named} is suspended and was not registered again{within}: {error}")
        if error is not None and state in (RoleState.CLOSING, RoleState.CLOSED):
            # A copy, since an exception raised in several threads would collect the traceback of each.
            return _copy_of(error)
        if state is RoleState.NEW or (state is RoleState.CLOSED and deadline is None):
            return ConnectionLost(
                f"{doing}: {self._named} is not started: use it in a `with` statement, or call start()"
            )
        return ConnectionLost(f"{doing}: {self._named} was closed meanwhile")

    # `_changed` is held by the callers of what follows.

    def _feed_start(self, deadline: Deadline, in_callback: bool) -> None:
        now = clock.now()
        try:
            self._life.start(now, now + deadline.remaining(), in_callback)
        except ConnectionLost as error:
            raise ConnectionLost(f"starting {self._named}: {error}") from None
        try:
            self._tell()
            self._ensure_thread()
        except RuntimeError:
            # The system has no more threads. No resources are held yet.
            self._life.give_up_start()
            self._life.closed(is_released=False)
            self._tell()
            raise

    def _undo_start(self) -> None:
        """Undo a `start` whose caller does not wait any longer; returns soon, since the reason may be Ctrl-C."""
        if self._life.state is RoleState.CONNECTING:
            self._ending = Deadline(0.0)
            self._life.give_up_start()
            self._tell()
            if self._life.is_to_end:
                self._ensure_thread()
            self._work.interrupt()
        wait_for(self._changed, lambda: self._life.state is not RoleState.CLOSING, Deadline(_JOIN_SECONDS))

    def _feed_close(self, deadline: Deadline, in_callback: bool) -> threading.Thread | None:
        if self._life.state is not RoleState.CLOSING:
            self._ending = deadline
        self._life.close(in_callback)
        self._tell()
        if self._life.is_to_end:
            self._ensure_thread()
        return self._thread

    def _ensure_thread(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._main, name=self._name, daemon=True)
            thread.start()
            # The new thread waits for the lock that is held here, so it sees this assignment. If Ctrl-C comes before it, the
            # thread ends, and another one is started later.
            self._thread = thread

    def _tell(self) -> None:
        try:
            for change in self._life.drain_changes():
                self._work.on_change(change)
        finally:
            # Even after an internal error: the role's own thread may have to connect again.
            self._changed.notify_all()

    # What follows runs on the role's own thread.

    def _main(self) -> None:
        while (step := self._next_step()) is not None:
            try:
                if isinstance(step, Attempt):
                    self._carry_out(step)
                else:
                    self._end(step)
            except Exception:
                # Without this thread, the role would never be connected again, nor closed.
                logger.exception("%s: internal error in telling of a change", self._named)

    def _next_step(self) -> Attempt | Deadline | None:
        """Wait for the next step: an attempt, or the end, given by its deadline; None: there is none, and the thread ends."""
        with self._changed:
            if self._thread is not threading.current_thread():
                return None
            while True:
                now = clock.now()
                if self._life.is_to_end:
                    return self._ending
                if (attempt := self._life.begin_attempt(now)) is not None:
                    return attempt
                if self._life.is_over:
                    self._thread = None
                    return None
                # In slices: the clock may jump, for example when the machine was suspended, and a wait does not notice that.
                due = self._life.due
                self._changed.wait(None if due is None else min(max(0.0, due - now), MAX_WAIT_SECONDS))

    def _carry_out(self, attempt: Attempt) -> None:
        error: Exception | None = None
        try:
            self._work.connect(attempt)
        except SignallingError as failure:
            error = failure
        except Exception as failure:
            logger.exception("%s: internal error while connecting", self._named)
            error = failure
        with self._changed:
            now = clock.now()
            if error is None:
                self._life.registered(now)
            else:
                was_connected = isinstance(error, ConnectionLost)
                self._life.failed(now, error, self._work.is_final(error), was_connected=was_connected)
            self._tell()

    def _end(self, deadline: Deadline) -> None:
        is_wanted = self._life.is_end_wanted
        try:
            self._work.end(deadline, is_wanted)
        except Exception:
            logger.exception("%s: internal error while closing", self._named)
        with self._changed:
            self._life.closed(is_released=is_wanted)
            self._tell()


def _copy_of(error: Exception) -> Exception:
    try:
        twin = copy.copy(error)
    except TypeError:
        # The exception's arguments are not those of its constructor.
        return error
    twin.__cause__ = error.__cause__
    return twin
