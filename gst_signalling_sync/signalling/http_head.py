"""`HttpHead`: the head of an HTTP response (RFC 9112), of a proxy to CONNECT or of a server to the WebSocket handshake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_HEAD_BYTES", "HeadTooLong", "HttpHead", "NotHttp"]

MAX_HEAD_BYTES: Final = 65536
"""Maximum length of a head."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?")

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")

_BEGINNINGS: Final = (b"HTTP/1.0 ", b"HTTP/1.1 ")


class NotHttp(ValueError):
    """The received bytes are not an HTTP response; the message shows how they begin."""


class HeadTooLong(NotHttp):
    """The head does not end within `MAX_HEAD_BYTES`."""


@dataclass(frozen=True)
class HttpHead:
    """The head of a response.

    Attributes:
        status: The status code.
        reason: The reason phrase; may be empty.
        headers: Names in lower case, with the last value of each.
        size: Length in bytes, up to where the body begins.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    size: int

    @classmethod
    def of(cls, received: bytes) -> HttpHead | None:
        """Parse the head of a response.

        Args:
            received: All bytes of the response so far.

        Returns:
            The head; None while it is incomplete.

        Raises:
            NotHttp: The bytes cannot become an HTTP response.
            HeadTooLong: The head is incomplete after `MAX_HEAD_BYTES`.
        """
        if not any(received.startswith(each) or each.startswith(received) for each in _BEGINNINGS):
            raise NotHttp(f"its response began with {received[:40]!r}")
        end = _HEAD_END.search(received, 0, MAX_HEAD_BYTES)
        if end is None:
            if len(received) >= MAX_HEAD_BYTES:
                raise HeadTooLong(f"the header of its response had no end after {MAX_HEAD_BYTES} bytes")
            return None
        first, *lines = re.split(rb"\r?\n", received[: end.start()])
        status_line = _STATUS_LINE.fullmatch(first)
        if status_line is None:
            raise NotHttp(f"its response began with {first[:40]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise NotHttp(f"its response had the header {line[:40]!r}")
            headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
        reason = (status_line[2] or b"").decode("latin-1").strip()
        return cls(int(status_line[1]), reason, headers, end.end())
