"""What travels on a data channel: text or bytes."""

from __future__ import annotations

__all__ = ["Message", "as_message", "message_size"]

Message = str | bytes


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
