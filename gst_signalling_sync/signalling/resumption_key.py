"""`ResumptionKey`: the secret by which a client that connects again proves to the server that it is the same peer.

It travels in a header of the WebSocket handshake's request and response, see ``docs/topics/protocol.rst``. A server without
this extension answers without the header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..protocol.resumption import HEADER, NEW

__all__ = ["ResumptionKey"]

_KEY: Final = re.compile(r"[!-~]{1,256}")
"""The form of a key, which could not be mistaken for another header when it is sent back."""


class ResumptionKey:
    """The newest key of one peer, over all of its connections. Used by the connecting thread alone."""

    def __init__(self) -> None:
        self._key = NEW

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'none yet' if self.is_new else 'known'}>"

    @property
    def is_new(self) -> bool:
        """Whether the peer has no key yet, so that the server takes it for a new one."""
        return self._key == NEW

    @property
    def secret(self) -> str | None:
        """The key itself; None: there is no key yet."""
        return None if self.is_new else self._key

    @property
    def header(self) -> tuple[str, str]:
        """Name and value of the handshake's header."""
        return HEADER, self._key

    def update(self, headers: Mapping[str, str]) -> None:
        """Store the key for the next connection.

        Args:
            headers: Of the server's response to a handshake, by names in lower case.
        """
        key = headers.get(HEADER.lower(), "")
        self._key = key if _KEY.fullmatch(key) else NEW

    def forget(self) -> None:
        """Forget the key, so that the next connection is that of a new peer."""
        self._key = NEW
