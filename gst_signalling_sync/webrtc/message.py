"""What travels on a data channel: text or bytes."""

from __future__ import annotations

__all__ = ["Message", "as_message"]

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
