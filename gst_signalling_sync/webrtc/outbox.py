"""`Outbox`: the messages of a channel that SCTP has not taken yet. No I/O and no clock.

The counterpart of `Inbox`. It has no lock of its own: that of its channel guards it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from .engine.data import SentMessage
from .message import Message, message_size

__all__ = ["MAX_BYTES", "MAX_MESSAGES", "Outbox"]

MAX_BYTES: Final = 1024 * 1024
"""Bytes above which the outbox is full."""

MAX_MESSAGES: Final = 8192
"""Messages above which the outbox is full too, since empty messages cost memory as well."""


class Outbox:
    """A queue of messages, in the order in which they were sent.

    Args:
        life_time: Seconds after which a message is dropped; None: never.
        keeps_dates: Whether the time at which each message was sent is needed. A lifetime needs it in any case.
    """

    def __init__(self, life_time: float | None = None, keeps_dates: bool = False) -> None:
        # Each message with its size in bytes, and the time at which it was sent; 0: that is not needed.
        self._messages: deque[tuple[Message, int, float]] = deque()
        self.life_time = life_time
        """Seconds after which a message is dropped; None: never."""
        self.keeps_dates = keeps_dates or life_time is not None
        """Whether `put` needs the time."""
        self.size = 0
        """Bytes of the messages."""
        self.expired = 0
        """The number of messages that were dropped because of their age or of an interruption."""
        self.messages_put = 0
        """The number of messages that were ever put."""
        self.bytes_put = 0
        """The bytes of these messages."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def largest(self) -> int:
        """Bytes of the largest message; 0: there is none."""
        return max((size for _, size, _ in self._messages), default=0)

    def is_full(self, buffered: int) -> bool:
        """Whether no more messages should be put.

        Args:
            buffered: Bytes that SCTP has taken and not sent yet, which count too.
        """
        return self.size + buffered > MAX_BYTES or len(self._messages) > MAX_MESSAGES

    def is_half_empty(self, buffered: int) -> bool:
        """Whether a blocked sender should be woken. If each message woke it, it would compete with the loop for the GIL."""
        return self.size + buffered <= MAX_BYTES // 2 and len(self._messages) <= MAX_MESSAGES // 2

    def keep_dates(self, life_time: float | None, keeps_dates: bool) -> None:
        """Change the lifetime and the need for dates, as in the constructor, because another wire may have others."""
        self.life_time = life_time
        self.keeps_dates = keeps_dates or life_time is not None

    def put(self, message: Message, size: int, now: float) -> None:
        """Add a message.

        Args:
            message: The message.
            size: Its size in bytes.
            now: The time; 0 if `keeps_dates` is false.
        """
        self._messages.append((message, size, now))
        self.size += size
        self.messages_put += 1
        self.bytes_put += size

    def take(self, room: int) -> tuple[list[Message], list[float]]:
        """Take messages until their size reaches `room`. An empty message takes a byte of it.

        Returns:
            The messages, and the time at which each was put.
        """
        messages: list[Message] = []
        dates: list[float] = []
        waiting = self._messages
        while waiting and room > 0:
            message, size, date = waiting.popleft()
            self.size -= size
            room -= size or 1
            messages.append(message)
            dates.append(date)
        return messages, dates

    def drop_expired(self, now: float) -> None:
        """Drop messages that have waited for longer than their lifetime."""
        if self.life_time is None:
            return
        oldest = now - self.life_time
        while self._messages and self._messages[0][2] < oldest:
            self.size -= self._messages.popleft()[1]
            self.expired += 1

    def drop_all(self) -> None:
        """Drop all messages, because of an interruption; they count as expired."""
        self.expired += len(self._messages)
        self.clear()

    def clear(self) -> list[SentMessage]:
        """Remove all messages, and return them."""
        messages = [SentMessage(message, date) for message, _, date in self._messages]
        self._messages.clear()
        self.size = 0
        return messages

    def put_again(self, messages: Iterable[SentMessage]) -> None:
        """Add messages that were put before, in the order in which they were sent. They are not counted again."""
        for message, date in messages:
            size = message_size(message)
            self._messages.append((message, size, date or 0.0))
            self.size += size
