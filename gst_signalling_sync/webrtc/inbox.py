"""`Inbox`: the messages that a channel received, until `message` receivers or `recv` get them.

A message goes to the receivers, each on its own thread, or waits for `recv` if there are none. It belongs to the receivers, and
no longer to `recv`, once the first of their threads gets it: receivers that are disconnected before that leave it to `recv`.
Each thread, and `recv`, gets messages in the order of arrival.

A message that exceeds its maximum age before the first thread gets it is dropped, and counted.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

from ..signals import Signal
from ..threads import clock
from ..threads.callbacks import Callbacks
from ..threads.waiting import MAX_WAIT_SECONDS, Deadline
from .message import Message, ReceivedMessage

__all__ = ["Inbox"]


_MESSAGE_BYTES: Final = 200
"""Approximate bytes of memory that a message takes in addition to its length."""


class _End:
    """The end of the messages."""


@dataclass(frozen=True, slots=True)
class _Noted:
    """A message with its maximum age or its date."""

    message: Message
    until: float
    """Time at which the message is dropped unless a thread has got it, on `threads.clock`."""
    sent_at: float | None
    """Time at which it was sent; see `ReceivedMessage`."""


_Entry = Message | _Noted


@dataclass(frozen=True, slots=True)
class _Outlet:
    """A signal that is emitted for every message."""

    signal: Signal
    sender: object
    named: dict[str, object]
    tells_times: bool = False
    """Whether its receivers get a `ReceivedMessage`."""

    def arguments(self, entry: _Entry) -> dict[str, object]:
        """The arguments with which its receivers are called."""
        if self.tells_times:
            return self.named | {"message": _with_time(entry)}
        return self.named | {"data": entry.message if isinstance(entry, _Noted) else entry}


class Inbox:
    """A queue that the loop fills, and that `recv` or the callback threads empty.

    Args:
        sender: The channel, which is the sender of the signals.
        callbacks: The callback threads.
    """

    def __init__(self, sender: object, callbacks: Callbacks) -> None:
        self.message = Signal("A message arrived: ``(channel, data)``, str or bytes.", self.refresh, self.refresh)
        self.received = Signal(
            "A message arrived: ``(channel, message)``, a `ReceivedMessage`, which knows when it was sent.",
            self._tell_times,
            self.refresh,
        )
        self._sender = sender
        self._outlets = [_Outlet(self.message, sender, {})]
        self._callbacks = callbacks
        # For `recv`: messages that arrived without a receiver, and those that disconnected receivers left.
        self._waiting: SimpleQueue[_Entry | _End] = SimpleQueue()
        self.messages = 0
        self.size = 0
        self.expired = 0
        """The number of messages that were dropped because of their age."""
        # Guards all that follows, which the loop, the callback threads and the callers of `recv` share.
        self._lock = threading.Lock()
        # For receivers, numbered in the order of arrival. While it has a message that no receiver has got, `_waiting` is empty.
        self._log: deque[_Entry] = deque()
        self._first = 0
        self._untaken = 0
        """The number of the first message that no receiver has got."""
        # The threads that have receivers. Cached, since asking the signals for each message would be slow.
        self._threads: tuple[str | None, ...] = ()
        self._next: dict[str | None, int] = {}
        """For each thread that has receivers, the number of the first message that it has not got."""
        self._has_ended = self._end_is_told = False
        self._taken = 0
        self._gone = 0
        self._gone_size = 0

    @property
    def is_empty(self) -> bool:
        """Whether `take` would wait."""
        return self._waiting.empty()

    @property
    def has_receivers(self) -> bool:
        """Whether a signal has receivers."""
        return any(outlet.signal.receivers for outlet in self._outlets)

    @property
    def waiting(self) -> int:
        """The number of unread messages."""
        return self.messages - self._taken

    @property
    def waiting_size(self) -> int:
        """Approximate memory of the messages here: their lengths in characters or bytes, and `_MESSAGE_BYTES` for each."""
        return self.size - self._gone_size + (self.messages - self._gone) * _MESSAGE_BYTES

    def put(self, message: Message) -> None:
        """Add a message; on the loop."""
        self._add(message, message)

    def put_noted(self, message: Message, until: float = math.inf, sent_at: float | None = None) -> None:
        """Add a message with its maximum age or its date; on the loop.

        Args:
            message: The message.
            until: Time at which it is dropped, on `threads.clock`. Defaults to never.
            sent_at: Time at which it was sent, as Unix time by the other end's clock. Defaults to None: not known.
        """
        self._add(message, _Noted(message, until, sent_at))

    def _add(self, message: Message, entry: _Entry) -> None:
        self.messages += 1
        self.size += len(message)
        with self._lock:
            threads = self._threads if self._callbacks.is_open else self._serve_threads()
            if threads:
                self._log.append(entry)
            else:
                self._waiting.put(entry)
            number = self._first + len(self._log) - 1
        for thread in threads:
            self._callbacks.post_to(thread, self._deliver, thread, number)

    def end(self) -> None:
        """Add the end; on the loop."""
        with self._lock:
            self._has_ended = True
            self._serve_threads()
            self._tell_end()

    def forward_to(self, signal: Signal, sender: object, **named: object) -> None:
        """Emit another signal for every message too. `refresh` has to be called when its receivers change.

        Args:
            signal: The signal.
            sender: Its sender.
            **named: Arguments of its receivers, in addition to ``data``.
        """
        self._add_outlet(_Outlet(signal, sender, named))

    def _tell_times(self) -> None:
        # Added only when it has a receiver, since each outlet costs time for each message.
        self._add_outlet(_Outlet(self.received, self._sender, {}, tells_times=True))

    def _add_outlet(self, added: _Outlet) -> None:
        with self._lock:
            if all(outlet.signal is not added.signal for outlet in self._outlets):
                self._outlets = [*self._outlets, added]
        self.refresh()

    def refresh(self) -> None:
        """Handle that receivers were connected or disconnected."""
        with self._lock:
            threads = self._serve_threads()
            number = self._end_of_log - 1
            self._tell_end()
        for thread in threads:
            # Waiting messages came before whatever is queued, for example the end of the channel.
            self._callbacks.post_next(thread, self._deliver, thread, number)

    def take(self, seconds: float) -> Message | None:
        """Wait for the next message.

        Args:
            seconds: How long to wait.

        Returns:
            The message; None: the channel is closed.

        Raises:
            Empty: No message came in time.
        """
        entry = self._take_entry(seconds)
        return entry.message if isinstance(entry, _Noted) else entry

    def take_with_time(self, seconds: float) -> ReceivedMessage | None:
        """Wait for the next message, as `take` does, and return it with the time at which it was sent."""
        entry = self._take_entry(seconds)
        return None if entry is None else _with_time(entry)

    def _take_entry(self, seconds: float) -> _Entry | None:
        deadline = Deadline(seconds)
        while True:
            entry = self._get(deadline)
            if isinstance(entry, _End):
                # Put back, since every thread that waits here, now or later, has to see the end.
                self._waiting.put(entry)
                return None
            message, has_expired = _opened(entry)
            with self._lock:
                self._taken += 1
                self._gone += 1
                self._gone_size += len(message)
                self.expired += has_expired
            if not has_expired:
                return entry

    def _get(self, deadline: Deadline) -> _Entry | _End:
        while True:
            remaining = deadline.remaining()
            try:
                # In slices: CPython may notice a signal that came just before a wait only after that wait.
                return self._waiting.get(timeout=min(remaining, MAX_WAIT_SECONDS))
            except Empty:
                if remaining <= MAX_WAIT_SECONDS:
                    raise

    def _deliver(self, thread: str | None, number: int) -> None:
        """Call a thread's receivers with the messages up to a number that it has not got; on that thread."""
        is_last = False
        while not is_last and (taken := self._take_for(thread, number)) is not None:
            entry, calls, is_last = taken
            for outlet, receiver in calls:
                outlet.signal.call(receiver, outlet.sender, outlet.arguments(entry))

    # What follows is called with the lock held, or acquires it.

    def _take_for(
        self, thread: str | None, number: int
    ) -> tuple[_Entry, list[tuple[_Outlet, Callable[..., Any]]], bool] | None:
        """Take the next message for a thread's receivers.

        Returns:
            The message, the receivers to call, and whether it is the last message up to the number; None: there is none.
        """
        with self._lock:
            calls = [
                (outlet, receiver)
                for outlet in self._outlets
                for receiver in outlet.signal.receivers_on(thread, outlet.sender)
            ]
            if not calls:
                self._serve_threads()
                self._tell_end()
                return None
            end = min(number + 1, self._end_of_log)
            while (mine := self._next.setdefault(thread, self._untaken)) < end:
                entry = self._log[mine - self._first]
                has_expired = isinstance(entry, _Noted) and clock.now() > entry.until
                self._next[thread] = mine + 1
                if mine == self._untaken:
                    self._untaken += 1
                    self._taken += 1
                    self.expired += has_expired
                self._forget_served()
                if self._has_ended:
                    self._tell_end()
                if not has_expired:
                    return entry, calls, mine + 1 == end
            return None

    @property
    def _end_of_log(self) -> int:
        return self._first + len(self._log)

    def _serve_threads(self) -> tuple[str | None, ...]:
        """Update the threads that have receivers. Without such threads, `recv` gets the messages that no thread has got."""
        threads: tuple[str | None, ...] = ()
        if self._callbacks.is_open:
            threads = self._outlets[0].signal.threads_for(self._outlets[0].sender)
            for outlet in self._outlets[1:]:
                threads = tuple(dict.fromkeys((*threads, *outlet.signal.threads_for(outlet.sender))))
        if threads:
            if not self._waiting.empty():
                self._collect_waiting()
            for thread in threads:
                self._next.setdefault(thread, self._untaken)
        if len(self._next) > len(threads):
            self._next = {thread: self._next[thread] for thread in threads}
            self._forget_served()
        if not threads and self._log:
            self._leave_to_recv()
        self._threads = threads
        return threads

    def _collect_waiting(self) -> None:
        """Give the messages that wait for `recv` to receivers, who have got all others."""
        while True:
            try:
                message = self._waiting.get_nowait()
            except Empty:
                return
            if isinstance(message, _End):
                self._end_is_told = False
            else:
                self._log.append(message)

    def _leave_to_recv(self) -> None:
        for message in self._log:
            self._waiting.put(message)
        self._first = self._untaken = self._end_of_log
        self._log.clear()

    def _forget_served(self) -> None:
        """Remove the messages from the log that every thread has got."""
        oldest = min((self._untaken, *self._next.values()))
        while self._first < oldest:
            entry = self._log.popleft()
            self._gone += 1
            self._gone_size += len(entry.message if isinstance(entry, _Noted) else entry)
            self._first += 1

    def _tell_end(self) -> None:
        if self._has_ended and not self._end_is_told and self._untaken == self._end_of_log:
            self._end_is_told = True
            self._waiting.put(_End())


def _opened(entry: _Entry) -> tuple[Message, bool]:
    """The message of an entry, and whether it exceeds its maximum age."""
    if isinstance(entry, _Noted):
        return entry.message, clock.now() > entry.until
    return entry, False


def _with_time(entry: _Entry) -> ReceivedMessage:
    return ReceivedMessage(entry.message, entry.sent_at) if isinstance(entry, _Noted) else ReceivedMessage(entry, None)
