"""What travels on a data channel: text or bytes, and `ReceivedMessage`, with what is known of its age."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message", "ReceivedMessage", "as_message", "message_size"]

Message = str | bytes


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as `DataChannel.recv_message` and the signal ``received`` give it.

    ::

        state = session.channel("state").recv_message()
        if state.sent_at is not None and (offset := session.clock_offset) is not None:
            age = time.time() - (state.sent_at - offset.seconds)
            print(f"{age:.3f} s old, give or take {offset.uncertainty:.3f} s")

    Attributes:
        data: A text or bytes, as the other end sent it.
        sent_at: When its program sent it, as Unix time by its clock, which is the one of `Frame.captured_at`: the two of one
            robot can be compared as they are. None: the other end, or the channel, tells no times.
    """

    data: Message
    sent_at: float | None


def as_message(data: object) -> tuple[Message, int]:
    """What is sent for `data`, and its size in bytes."""
    if isinstance(data, str):
        try:
            return data, len(data.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"the text cannot be sent as UTF-8: {error}") from error
    if isinstance(data, bytes):
        return data, len(data)
    if isinstance(data, bytearray | memoryview):
        return bytes(data), memoryview(data).nbytes
    raise TypeError(f"a message must be str, bytes, bytearray or memoryview, not {type(data).__name__}")


def message_size(message: Message) -> int:
    """Its bytes on the wire."""
    return len(message.encode()) if isinstance(message, str) else len(message)
