"""Messages on a data channel, `str` or `bytes`, and `ReceivedMessage`, a message with the time at which it was sent."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message", "ReceivedMessage", "as_message", "message_size"]

Message = str | bytes


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message with its time, as from `DataChannel.recv_message` and the signal ``received``.

    ::

        state = session.channel("state").recv_message()
        if state.sent_at is not None and (offset := session.clock_offset) is not None:
            age = time.time() - (state.sent_at - offset.seconds)
            print(f"{age:.3f} s old, give or take {offset.uncertainty:.3f} s")

    Attributes:
        data: String or bytes, as the other end sent it.
        sent_at: Time at which the other end's program sent it, as Unix time by its clock. That is the clock of
            `Frame.captured_at`, so the times of one robot can be compared. None: the other end, or the channel, tells no times.
    """

    data: Message
    sent_at: float | None


def as_message(data: object) -> tuple[Message, int]:
    """The message that is sent for `data`, and its size in bytes.

    Raises:
        TypeError: It is neither a string nor bytes.
        ValueError: The string cannot be encoded in UTF-8.
    """
    if isinstance(data, str):
        try:
            return data, len(data.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"a str message must be representable in UTF-8: {error}") from error
    if isinstance(data, bytes):
        return data, len(data)
    if isinstance(data, bytearray | memoryview):
        return bytes(data), memoryview(data).nbytes
    raise TypeError(f"a message must be str, bytes, bytearray or memoryview, not {type(data).__name__}")


def message_size(message: Message) -> int:
    """The size of a message on the wire, in bytes."""
    return len(message.encode()) if isinstance(message, str) else len(message)
