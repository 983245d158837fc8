"""`Signal`: calls connected functions, which it holds strongly and whose exceptions it survives."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, MutableSet
from typing import Any, TypeVar, cast, overload

import blinker

__all__ = ["Signal", "callback_failed"]

logger = logging.getLogger(__name__)

Receiver = TypeVar("Receiver", bound=Callable[..., Any])


class _InOrder(MutableSet[Any]):
    """A set in the order of insertion, in which receivers are then called."""

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        self._elements = dict.fromkeys(elements)

    def __contains__(self, element: object) -> bool:
        return element in self._elements

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)

    def add(self, value: Any) -> None:
        self._elements[value] = None

    def discard(self, value: Any) -> None:
        self._elements.pop(value, None)

    def copy(self) -> _InOrder:
        return _InOrder(self._elements)

    def __or__(self, other: Iterable[Any]) -> _InOrder:
        return _InOrder((*self._elements, *other))


class Signal(blinker.Signal):
    """A `blinker.Signal` that holds its receivers strongly, calls them in the order connected, and survives their exceptions.

    Receivers are called ``receiver(sender, **named)`` on a callback thread of the role object that the sender belongs to.
    They may block, and may call any method of this library.

    Args:
        doc: What the signal means, and the names of its arguments.
        on_connect: Called after a receiver was connected.
        on_disconnect: Called after a receiver was disconnected by `disconnect`.
        has_threads: Whether receivers may be connected to named threads.
    """

    set_class = cast(type[set[Any]], _InOrder)

    def __init__(
        self,
        doc: str,
        on_connect: Callable[[], object] | None = None,
        on_disconnect: Callable[[], object] | None = None,
        *,
        has_threads: bool = True,
    ) -> None:
        super().__init__(doc)
        # blinker makes its set of the receivers for all senders when it is first needed, on any thread. Made twice at the same
        # time, it would lose a receiver.
        super().connect(_nobody, weak=False)
        super().disconnect(_nobody)
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._has_threads = has_threads
        # Whether any receiver was connected for a particular sender.
        self._knows_senders = False
        # The threads of receivers on named threads. Replaced and never changed, because threads read it without a lock.
        self._threads: dict[Hashable, str] = {}
        # Held while receivers are connected and disconnected, for which blinker has no lock. Reentrant, because blinker has
        # signals of its own for that.
        self._lock = threading.RLock()

    @overload
    def connect(
        self, receiver: Receiver, sender: Any = blinker.ANY, weak: bool = False, *, thread: str | None = None
    ) -> Receiver: ...

    @overload
    def connect(
        self, receiver: None = None, sender: Any = blinker.ANY, weak: bool = False, *, thread: str | None = None
    ) -> Callable[[Receiver], Receiver]: ...

    def connect(
        self,
        receiver: Callable[..., Any] | None = None,
        sender: Any = blinker.ANY,
        weak: bool = False,
        *,
        thread: str | None = None,
    ) -> Callable[..., Any]:
        """Connect a function to the signal. Usable as a decorator, with and without arguments.

        Receivers on one thread are called one after another, in the order of the events. Receivers on different threads do not
        wait for each other::

            @channel.message.connect(thread="motion")
            def move(channel, session, data): ...  # may take seconds


            @stop.message.connect(thread="stop")
            def halt(channel, session, data): ...  # is called at once

        Args:
            receiver: Called as ``receiver(sender, **named)``. Defaults to None: a decorator is returned.
            sender: The object whose signals are delivered. Defaults to every sender.
            weak: Whether to hold the receiver weakly, as blinker does by default. Defaults to False.
            thread: The name of a callback thread, shared by all receivers of the role object that name it. It runs from the
                first callback until the role object is closed. A receiver that is connected again moves to the new thread.
                Defaults to None: the role object's default thread.

        Returns:
            The receiver.

        Raises:
            TypeError: The receiver cannot be called, or is a coroutine function, which would never be awaited.
            ValueError: The thread's name is not a string or is empty, or the signal has no threads.
        """
        if thread is not None:
            self._check_thread(thread)
        if receiver is None:
            return lambda function: self.connect(function, sender, weak, thread=thread)
        if not callable(receiver):
            raise TypeError(f"a receiver must be a function, not {receiver!r}")
        if inspect.iscoroutinefunction(receiver):
            raise TypeError(f"a receiver must be a plain function, not the coroutine function {receiver!r}")
        with self._lock:
            self._knows_senders |= sender is not blinker.ANY
            # The thread must be known before the receiver can be called.
            self._set_thread(receiver, thread)
            super().connect(receiver, sender, weak)
        if self._on_connect is not None:
            self._on_connect()
        return receiver

    def disconnect(self, receiver: Callable[..., Any], sender: Any = blinker.ANY) -> None:
        """Disconnect a function.

        Args:
            receiver: As it was connected.
            sender: The object whose signals are no longer delivered. Defaults to every sender.
        """
        with self._lock:
            super().disconnect(receiver, sender)
            if sender is blinker.ANY:
                self._set_thread(receiver, None)
        if self._on_disconnect is not None:
            self._on_disconnect()

    def emit(self, sender: object, **named: object) -> None:
        """Call every receiver on the calling thread. An exception is logged and emitted as `callback_failed`.

        Args:
            sender: The object that emits the signal.
            **named: Passed to each receiver.
        """
        for receiver in list(self.receivers_for(sender)):
            self.call(receiver, sender, named)

    def threads_for(self, sender: object) -> tuple[str | None, ...]:
        """The names of the threads with receivers for a sender; None stands for the default thread."""
        if not self.receivers:
            return ()
        threads = self._threads
        if not threads and not self._knows_senders:
            return (None,)
        return tuple(dict.fromkeys(threads.get(_key(receiver)) for receiver in self.receivers_for(sender)))

    def receivers_on(self, thread: str | None, sender: object) -> list[Callable[..., Any]]:
        """The receivers on one thread for a sender, in the order connected."""
        threads = self._threads
        if not threads:
            return list(self.receivers_for(sender)) if thread is None else []
        return [receiver for receiver in self.receivers_for(sender) if threads.get(_key(receiver)) == thread]

    def emit_on(self, thread: str | None, sender: object, named: dict[str, object]) -> None:
        """Call the receivers on one thread, as `emit` does."""
        for receiver in self.receivers_on(thread, sender):
            self.call(receiver, sender, named)

    def call(self, receiver: Callable[..., Any], sender: object, named: dict[str, object]) -> None:
        """Call one receiver, as `emit` does."""
        try:
            receiver(sender, **named)
        # Not even sys.exit() in a callback may end the thread, and with it every later callback.
        except BaseException as error:
            logger.error("callback %r of %r raised", receiver, sender, exc_info=error)
            if self is not callback_failed:
                callback_failed.emit(sender, error=error, receiver=receiver)

    def _check_thread(self, thread: str) -> None:
        if not self._has_threads:
            raise ValueError(
                "thread must not be given for this signal, whose receivers are called where the event happens"
            )
        if not isinstance(thread, str) or not thread:
            raise ValueError(f"thread must be a non-empty string, not {thread!r:.100}")

    def _set_thread(self, receiver: Callable[..., Any], thread: str | None) -> None:
        key = _key(receiver)
        if thread is None and key not in self._threads:
            return
        threads = dict(self._threads)
        threads.pop(key, None)
        if thread is not None:
            threads[key] = thread
        self._threads = threads


def _nobody(sender: object) -> None:
    """A receiver that is never called."""


def _key(receiver: Callable[..., Any]) -> Hashable:
    """An identity of a receiver: a bound method is another object at each look-up."""
    if inspect.ismethod(receiver):
        return id(receiver.__func__), id(receiver.__self__)
    return id(receiver)


callback_failed = Signal(
    "A receiver of a signal raised: ``(sender, error, receiver)``, with the sender of that signal, the exception and the"
    " receiver. Emitted on the thread of the receiver.",
    has_threads=False,
)
"""Emitted when a receiver of any signal raises."""
