"""`OpeningErrors`: the errors of one attempt to connect to a signalling server. They say what was tried, and show no secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..endpoint import redacted
from ..errors import ConnectError, ConnectTimeout
from ..threads.waiting import Deadline
from .http_head import HttpHead

__all__ = ["OpeningErrors"]

_MAX_SHOWN_CHARS: Final = 200


class OpeningErrors:
    """Makes the errors of one attempt.

    Args:
        uri: The server's URI, without secrets.
        deadline: For the attempt.
    """

    def __init__(self, uri: str, deadline: Deadline) -> None:
        self._doing = f"connecting to the signalling server {uri}"
        self._deadline = deadline
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Show these strings in no error from now on."""
        self._secrets = (*self._secrets, *secrets)

    def goes_through(self, proxy: object) -> None:
        """Name a proxy in all errors from now on."""
        self._doing += f" through {proxy}"

    def error(self, problem: str, status: int | None = None) -> ConnectError:
        """The error of a step that failed.

        Args:
            problem: What came instead, and what to do.
            status: The HTTP status of a refusal; None: there was no HTTP response.
        """
        return ConnectError(f"{self._doing}: {problem}", status)

    def timeout(self, problem: str, hint: str = "") -> ConnectTimeout:
        """The error of a step that took too long.

        Args:
            problem: What did not happen.
            hint: A question about the reason. Defaults to no question.
        """
        return ConnectTimeout(f"{self._doing}: {problem} within {self._deadline}.{' ' if hint else ''}{hint}")

    def status(self, head: HttpHead) -> str:
        """The status of a response, for an error."""
        return f"HTTP {head.status} {self.shown(head.reason)}".rstrip()

    def shown(self, text: str) -> str:
        """A string from the network with secrets and control characters removed, and truncated."""
        text = redacted(text, self._secrets)
        printable = "".join(char if char.isprintable() else " " for char in text)
        return printable if len(printable) <= _MAX_SHOWN_CHARS else f"{printable[:_MAX_SHOWN_CHARS]}..."
