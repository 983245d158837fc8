"""Signals: what an object tells plain functions, which it holds strongly and whose errors it survives."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, MutableSet
from typing import Any, TypeVar, cast

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

    Receivers are called ``receiver(sender, **named)`` on the callback thread of the role object that the sender belongs
    to. They may block and may call any method of this library.

    Args:
        doc: What the signal tells, and the names of the arguments.
        on_connect: Called after a receiver was connected.
    """

    set_class = cast(type[set[Any]], _InOrder)

    def __init__(self, doc: str, on_connect: Callable[[], object] | None = None) -> None:
        super().__init__(doc)
        self._on_connect = on_connect

    def connect(self, receiver: Receiver, sender: Any = blinker.ANY, weak: bool = False) -> Receiver:
        """Have a function called whenever the signal is emitted; usable as a decorator.

        Args:
            receiver: Called as ``receiver(sender, **named)``.
            sender: Call only for signals of this object.
            weak: Forget the receiver when nobody else holds it, as blinker does by default.

        Returns:
            The receiver.

        Raises:
            TypeError: The receiver cannot be called, or is a coroutine function, which nothing here would await.
        """
        if not callable(receiver):
            raise TypeError(f"{receiver!r} cannot be called; a receiver is a function")
        if inspect.iscoroutinefunction(receiver):
            raise TypeError(f"{receiver!r} is a coroutine function; a receiver must be a plain function")
        super().connect(receiver, sender, weak)
        if self._on_connect is not None:
            self._on_connect()
        return receiver

    def emit(self, sender: object, **named: object) -> None:
        """Call every receiver; one that raises is logged, reported by `callback_failed`, and stops nobody else.

        Args:
            sender: The object that the signal is about.
            **named: Passed to each receiver.
        """
        for receiver in list(self.receivers_for(sender)):
            try:
                receiver(sender, **named)
            # A callback may even call sys.exit(); it must not take its thread, and every later callback, with it.
            except BaseException as error:
                logger.error("callback %r of %r raised", receiver, sender, exc_info=error)
                if self is not callback_failed:
                    callback_failed.emit(sender, error=error, receiver=receiver)


callback_failed = Signal(
    "A receiver of some signal raised: ``(sender, error, receiver)``, with the sender of that signal, the exception and"
    " the receiver. Emitted on the thread where it happened."
)
"""Emitted when a receiver of any signal raises."""
