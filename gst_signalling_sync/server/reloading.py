"""`Reloading`: reads a server's certificate and tokens again when their files change."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Final

from ..protocol.tokens import TokenTable
from .tls import Certificate
from .token_file import TokenFile

__all__ = ["Reloading"]

PAUSE_SECONDS: Final = 1.0
"""How often it is looked whether they have changed."""


class Reloading:
    """Looks at the files; all calls are made on the loop.

    Args:
        certificate: Of the server; None: there is none.
        tokens: Of the server; only a file is read again.
        on_tokens: Is given the file after it was read again.
        loop: The event loop.
    """

    def __init__(
        self,
        certificate: Certificate | None,
        tokens: TokenFile | TokenTable | None,
        on_tokens: Callable[[TokenFile], object],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._certificate = certificate
        self._tokens = tokens if isinstance(tokens, TokenFile) else None
        self._on_tokens = on_tokens
        self._loop = loop
        self._due = 0.0
        self._is_reading = False

    def look(self, now: float) -> None:
        """Read again what has changed, now and then.

        Args:
            now: The time, in seconds.
        """
        if now < self._due:
            return
        self._due = now + PAUSE_SECONDS
        if self._certificate is not None:
            self._certificate.reload_if_changed()
        if self._tokens is not None and self._tokens.has_changed:
            self._read_tokens(self._tokens)

    def reload(self) -> None:
        """Read everything again."""
        if self._certificate is not None:
            self._certificate.reload()
        if self._tokens is not None:
            self._read_tokens(self._tokens)

    def _read_tokens(self, tokens: TokenFile) -> None:
        """Read the tokens again, on a thread of their own: thousands of them take a while."""

        def read() -> None:
            tokens.reload()
            # A server that was closed meanwhile has no loop any more.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._were_read, tokens)

        if not self._is_reading:
            self._is_reading = True
            threading.Thread(target=read, name="gss-tokens", daemon=True).start()

    def _were_read(self, tokens: TokenFile) -> None:
        self._is_reading = False
        self._on_tokens(tokens)
