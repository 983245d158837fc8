"""`Reloading`: reads a server's certificate and tokens again when their files have changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ..protocol.tokens import TokenTable
from .own_thread import run_on_own_thread
from .tls import Certificate
from .token_file import TokenFile

__all__ = ["Reloading"]

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""Interval at which the files are checked."""


class Reloading:
    """Checks the files; all calls are made on the loop.

    Args:
        certificate: The server's certificate; None: it has no certificate.
        tokens: The server's tokens; only those of a file are read again.
        on_tokens: Called with the file after it was read again.
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
        """Read changed files again, if the interval is over.

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
        """Read all files again."""
        if self._certificate is not None:
            self._certificate.reload()
        if self._tokens is not None:
            self._read_tokens(self._tokens)

    def _read_tokens(self, tokens: TokenFile) -> None:
        """Read the tokens again, on a thread of their own, because thousands of them take a while."""
        if not self._is_reading:
            self._is_reading = True
            try:
                run_on_own_thread("tokens", tokens.reload, self._loop, lambda _: self._were_read(tokens))
            except RuntimeError as error:
                # The system has no more threads. Changed files are read at the next look.
                self._is_reading = False
                logger.error("the tokens stay as they were: %s", error)

    def _were_read(self, tokens: TokenFile) -> None:
        self._is_reading = False
        self._on_tokens(tokens)
