"""`SendQueue`: messages that wait for the network, whose streams take turns (RFC 9260 section 6.1; RFC 8831 section 6.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from .message import Message

__all__ = ["SendQueue"]

TURN_BYTES: Final = 16 * 1024
"""Bytes that a stream may send before it is another stream's turn, so that a command waits for no more than this of a file's
channel, or for the message that is under way, whose fragments must follow each other (RFC 9260 section 6.9)."""


class SendQueue:
    """The messages of which not all fragments were sent."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that wait. 0 means that no message waits, since messages are not empty."""

        self._streams: dict[int, deque[Message]] = {}
        self._turns: deque[int] = deque()
        self._turn_left = TURN_BYTES
        self._held: dict[int, list[Message]] = {}

    def __iter__(self) -> Iterator[Message]:
        """The messages; within each stream, in the order of sending."""
        for messages in self._streams.values():
            yield from messages
        for held in self._held.values():
            yield from held

    def put(self, message: Message) -> None:
        """Add a message after those of its stream."""
        held = self._held.get(message.stream)
        if held is not None:
            held.append(message)
            return
        self.size += len(message.data)
        messages = self._streams.get(message.stream)
        if messages is None:
            self._streams[message.stream] = deque((message,))
            self._turns.append(message.stream)
        else:
            messages.append(message)

    def head(self) -> Message:
        """The message whose turn it is. The queue must not be empty."""
        return self._streams[self._turns[0]][0]

    def mark_sent(self, message: Message, size: int, is_last: bool) -> None:
        """Record that bytes of the head were sent.

        Args:
            message: The head.
            size: The number of bytes.
            is_last: Whether the message is complete.
        """
        self.size -= size
        self._turn_left -= size
        if is_last:
            self._pop()

    def drop_head(self, message: Message) -> None:
        """Drop the rest of the head."""
        self.size -= len(message.data) - message.offset
        self._pop()

    def _pop(self) -> None:
        stream = self._turns[0]
        messages = self._streams[stream]
        messages.popleft()
        if not messages:
            del self._streams[stream]
            self._turns.popleft()
            self._turn_left = TURN_BYTES
        elif self._turn_left <= 0:
            self._turns.rotate(-1)
            self._turn_left = TURN_BYTES

    def drop(self, condition: Callable[[Message], bool], stream: int | None = None) -> list[Message]:
        """Remove messages of which nothing was sent.

        Args:
            condition: Returns whether to remove a message.
            stream: The only stream whose messages are removed. Defaults to all streams.

        Returns:
            The removed messages.
        """
        dropped: list[Message] = []
        for each in list(self._streams) if stream is None else [stream]:
            messages = self._streams.get(each)
            if messages is None:
                continue
            kept: deque[Message] = deque()
            for message in messages:
                (kept if message.offset or message.first_tsn >= 0 or not condition(message) else dropped).append(
                    message
                )
            if len(kept) == len(messages):
                continue
            if kept:
                self._streams[each] = kept
            else:
                del self._streams[each]
                self._turns.remove(each)
        self.size -= sum(len(message.data) for message in dropped)
        return dropped

    def waits(self, stream: int) -> bool:
        """Whether messages of a stream wait that must precede its reset."""
        return stream in self._streams

    def hold(self, stream: int) -> None:
        """Hold back messages that are put on a stream until `release`, since it is being reset."""
        self._held.setdefault(stream, [])

    def release(self, stream: int) -> None:
        """Queue the messages that were held back."""
        for message in self._held.pop(stream, ()):
            self.put(message)
