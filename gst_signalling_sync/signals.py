"""Signals: what an object tells plain functions, which it holds strongly and whose errors it survives."""

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
    """A set in the order of insertion, which is then the order in which receivers are called."""

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
    """A `blinker.Signal` whose receivers are held strongly, are called in the order connected, and cannot break it.

    Receivers are called ``receiver(sender, **named)`` on a callback thread of the role object that the sender belongs to.
    They may block and may call any method of this library.

    Args:
        doc: What the signal tells, and the names of the arguments.
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
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._has_threads = has_threads
        # Whether there was a receiver for the signals of some objects alone.
        self._knows_senders = False
        # The receivers on named threads. Never changed, but replaced, because several threads read it without a lock.
        self._threads: dict[Hashable, str] = {}
        # Held while it is replaced.
        self._lock = threading.Lock()

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
        """Have a function called whenever the signal is emitted; usable as a decorator, with and without arguments.

        Receivers on one thread are called one after another, in the order in which things happened. Those on different
        threads do not wait for each other::

            @channel.message.connect(thread="motion")
            def move(channel, session, data): ...  # may take seconds


            @stop.message.connect(thread="stop")
            def halt(channel, session, data): ...  # is called at once

        Args:
            receiver: Called as ``receiver(sender, **named)``. Left out: a decorator is returned.
            sender: Call only for signals of this object.
            weak: Forget the receiver when nobody else holds it, as blinker does by default.
            thread: The name of a callback thread, which all receivers of the role object share that name it. It runs from
                the first callback until the role object is closed. None: the role object's default thread. A receiver that
                is connected again moves to the thread named last.

        Returns:
            The receiver.

        Raises:
            TypeError: The receiver cannot be called, or is a coroutine function, which nothing here would await.
            ValueError: The thread's name is not a string or is empty, or the signal has no threads.
        """
        if thread is not None:
            self._check_thread(thread)
        if receiver is None:
            return lambda function: self.connect(function, sender, weak, thread=thread)
        if not callable(receiver):
            raise TypeError(f"{receiver!r} cannot be called; a receiver is a function")
        if inspect.iscoroutinefunction(receiver):
            raise TypeError(f"{receiver!r} is a coroutine function; a receiver must be a plain function")
        self._knows_senders |= sender is not blinker.ANY
        # Before it can be called.
        self._set_thread(receiver, thread)
        super().connect(receiver, sender, weak)
        if self._on_connect is not None:
            self._on_connect()
        return receiver

    def disconnect(self, receiver: Callable[..., Any], sender: Any = blinker.ANY) -> None:
        """Have a function no longer called.

        Args:
            receiver: As it was connected.
            sender: No longer for signals of this object; ANY: for none.
        """
        super().disconnect(receiver, sender)
        if sender is blinker.ANY:
            self._set_thread(receiver, None)
        if self._on_disconnect is not None:
            self._on_disconnect()

    def emit(self, sender: object, **named: object) -> None:
        """Call every receiver here and now; one that raises is logged, reported by `callback_failed`, and stops nobody else.

        Args:
            sender: The object that the signal is about.
            **named: Passed to each receiver.
        """
        for receiver in list(self.receivers_for(sender)):
            self.call(receiver, sender, named)

    def threads_for(self, sender: object) -> tuple[str | None, ...]:
        """The threads that a signal of an object has receivers on; None: the default one."""
        if not self.receivers:
            return ()
        threads = self._threads
        if not threads and not self._knows_senders:
            return (None,)
        return tuple(dict.fromkeys(threads.get(_key(receiver)) for receiver in self.receivers_for(sender)))

    def receivers_on(self, thread: str | None, sender: object) -> list[Callable[..., Any]]:
        """The receivers of one thread for signals of an object, in the order connected."""
        threads = self._threads
        if not threads:
            return list(self.receivers_for(sender)) if thread is None else []
        return [receiver for receiver in self.receivers_for(sender) if threads.get(_key(receiver)) == thread]

    def emit_on(self, thread: str | None, sender: object, named: dict[str, object]) -> None:
        """Call the receivers of one thread, as `emit` does."""
        for receiver in self.receivers_on(thread, sender):
            self.call(receiver, sender, named)

    def call(self, receiver: Callable[..., Any], sender: object, named: dict[str, object]) -> None:
        """Call one receiver, as `emit` does."""
        try:
            receiver(sender, **named)
        # A callback may even call sys.exit(); it must not take its thread, and every later callback, with it.
        except BaseException as error:
            logger.error("callback %r of %r raised", receiver, sender, exc_info=error)
            if self is not callback_failed:
                callback_failed.emit(sender, error=error, receiver=receiver)

    def _check_thread(self, thread: str) -> None:
        if not self._has_threads:
            raise ValueError("this signal is emitted where it arises; its receivers cannot have a thread")
        if not isinstance(thread, str) or not thread:
            raise ValueError(f"thread must be a name, not {thread!r:.100}")

    def _set_thread(self, receiver: Callable[..., Any], thread: str | None) -> None:
        key = _key(receiver)
        if thread is None and key not in self._threads:
            return
        with self._lock:
            threads = dict(self._threads)
            threads.pop(key, None)
            if thread is not None:
                threads[key] = thread
            self._threads = threads


def _key(receiver: Callable[..., Any]) -> Hashable:
    """What tells receivers apart: a bound method is another object each time it is looked up."""
    if inspect.ismethod(receiver):
        return id(receiver.__func__), id(receiver.__self__)
    return id(receiver)


callback_failed = Signal(
    "A receiver of some signal raised: ``(sender, error, receiver)``, with the sender of that signal, the exception and"
    " the receiver. Emitted on the thread where it happened.",
    has_threads=False,
)
"""Emitted when a receiver of any signal raises."""
