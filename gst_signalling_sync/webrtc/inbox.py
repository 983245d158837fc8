"""`Inbox`: the messages that a channel received, on their way to the `message` receivers or to `recv`.

A message goes to the receivers if there are any when it arrives, else it waits for `recv`; and to whichever there is then
if that changed meanwhile. In every case the order is that of arrival.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Final

from ..signals import Signal
from ..threads.callback_thread import CallbackThread
from ..threads.waiting import LONGEST_WAIT_SECONDS, Deadline
from .message import Message

__all__ = ["Inbox"]


_MESSAGE_BYTES: Final = 200
"""What a message takes of memory beside its own length, about."""


class _End:
    """Nothing comes after this."""


class Inbox:
    """A queue that the loop fills, and that `recv` or the callback thread empties.

    Args:
        sender: The channel, as sender of the signal.
        callbacks: Where the signal is emitted.
    """

    def __init__(self, sender: object, callbacks: CallbackThread) -> None:
        self._sender = sender
        self.message = Signal("A message arrived: ``(channel, data)``, str or bytes.", self._on_receiver)
        self._callbacks = callbacks
        self._waiting: SimpleQueue[Message | _End] = SimpleQueue()
        self.messages = 0
        self.size = 0
        # Guards what follows, which the loop, the callback thread and the callers of recv() count in.
        self._lock = threading.Lock()
        self._taken = 0
        self._taken_size = 0
        self._on_the_way = 0

    @property
    def is_empty(self) -> bool:
        """Whether `take` would wait."""
        return self._waiting.empty()

    @property
    def waiting(self) -> int:
        """Messages that arrived and nobody has taken."""
        return self.messages - self._taken

    @property
    def waiting_size(self) -> int:
        """About what these take of memory: characters of texts, bytes of bytes, and something for each."""
        return self.size - self._taken_size + self.waiting * _MESSAGE_BYTES

    def put(self, message: Message) -> None:
        """Add a message; on the loop."""
        self.messages += 1
        self.size += len(message)
        self._arrive(message)

    def end(self) -> None:
        """Add the end; on the loop."""
        self._arrive(_End())

    def take(self, seconds: float) -> Message | None:
        """Wait for the next message.

        Returns:
            The message, or None at the end.

        Raises:
            Empty: None came in time.
        """
        message = self._get(Deadline(seconds))
        if isinstance(message, _End):
            # Every other thread that waits here, or will, has to see the end too.
            self._waiting.put(message)
            return None
        self._count(message)
        return message

    def _get(self, deadline: Deadline) -> Message | _End:
        while True:
            remaining = deadline.remaining()
            try:
                # In slices, because CPython may notice a signal only after the wait that it came just before.
                return self._waiting.get(timeout=min(remaining, LONGEST_WAIT_SECONDS))
            except Empty:
                if remaining <= LONGEST_WAIT_SECONDS:
                    raise

    def _on_receiver(self) -> None:
        if self._callbacks.is_current:
            # What waits came before whatever else is to be delivered, the end of the channel for example.
            self._callbacks.post_next(self._deliver_waiting)
        else:
            self._callbacks.post(self._deliver_waiting)

    def _arrive(self, message: Message | _End) -> None:
        with self._lock:
            # Behind others on their way, even if there is no receiver any more, or it would overtake them.
            to_receivers = bool(self.message.receivers) or self._on_the_way > 0
            self._on_the_way += to_receivers
        if to_receivers:
            self._callbacks.post(self._deliver, message)
        else:
            self._waiting.put(message)

    def _deliver(self, message: Message | _End) -> None:
        try:
            self._deliver_waiting()
            if isinstance(message, _End) or not self.message.receivers:
                self._waiting.put(message)
            else:
                self._count(message)
                self.message.emit(self._sender, data=message)
        finally:
            with self._lock:
                self._on_the_way -= 1

    def _deliver_waiting(self) -> None:
        while self.message.receivers:
            try:
                message = self._waiting.get_nowait()
            except Empty:
                return
            if isinstance(message, _End):
                self._waiting.put(message)
                return
            self._count(message)
            self.message.emit(self._sender, data=message)

    def _count(self, message: Message) -> None:
        with self._lock:
            self._taken += 1
            self._taken_size += len(message)
