"""`ResumptionKey`: by which a client that connects again shows the server that it is the same peer.

Over the wire it is a header of the WebSocket handshake and of its answer, see ``docs/protocol.rst``. A server that knows
nothing of it answers without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..protocol.resumption import HEADER, NEW

__all__ = ["ResumptionKey"]

_KEY: Final = re.compile(r"[!-~]{1,256}")
"""What is sent back to a server is nothing that could be taken for another header."""


class ResumptionKey:
    """The newest key of one peer, over all of its connections. It belongs to the thread that connects."""

    def __init__(self) -> None:
        self._key = NEW

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'none yet' if self.is_new else 'known'}>"

    @property
    def is_new(self) -> bool:
        """Whether the peer has none yet, so that the server takes it for a new one."""
        return self._key == NEW

    @property
    def secret(self) -> str | None:
        """The key itself; None: there is none yet."""
        return None if self.is_new else self._key

    @property
    def header(self) -> tuple[str, str]:
        """Name and value of the header that a handshake has."""
        return HEADER, self._key

    def take(self, headers: Mapping[str, str]) -> None:
        """Take the key for the next connection.

        Args:
            headers: Of the server's answer to a handshake, by their names in lower case.
        """
        key = headers.get(HEADER.lower(), "")
        self._key = key if _KEY.fullmatch(key) else NEW

    def forget(self) -> None:
        """Be a new peer the next time."""
        self._key = NEW
