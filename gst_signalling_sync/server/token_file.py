"""`TokenFile`: the tokens that a server accepts, in a TOML file that may change while it runs."""

from __future__ import annotations

import logging
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from ..protocol.grant import Grant
from ..protocol.permissions import Admission
from ..protocol.tokens import TokenTable, token_table
from .json_web_tokens import JsonWebTokens
from .stamps import Stamps

__all__ = ["TokenFile"]

logger = logging.getLogger(__name__)

_TABLES: Final = ("tokens", "jwt")


class TokenFile:
    """The tokens and issuers of a file.

    Args:
        path: Of the file.

    Raises:
        ValueError: The file is malformed; the message shows no token.
        OSError: The file, or a key file that it names, cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._key_files: list[str] = []
        self._tokens, self._issuers = self._read()

    def find(self, token: str) -> Admission | None:
        """The admission that a token stands for; None: the token is unknown."""
        return self._tokens.find(token) or self._issuers.find(token)

    def decide(self, admission: Admission) -> Grant | None:
        """The present grant of an admission that `find` returned.

        Args:
            admission: Of a connected peer.

        Returns:
            The grant; None: it was revoked.
        """
        grant = self._tokens.grant_of(admission.credential)
        return admission.grant if grant is None and self._issuers.knows(admission.credential) else grant

    @property
    def has_changed(self) -> bool:
        """Whether the file, or a key file that it names, was replaced or written since it was read."""
        return self._stamps.have_changed

    def reload(self) -> None:
        """Read the file again; if it cannot be used, that is logged, and the tokens stay as they were. From any thread."""
        try:
            self._tokens, self._issuers = self._read()
        except (OSError, ValueError) as error:
            logger.error("the tokens stay as they were: %s", error)
        except Exception as error:  # noqa: BLE001 - without its text, which may have a token
            # Tables that are nested too deep, for example. A change that follows must still be read.
            logger.error("the tokens stay as they were: internal error (%s)", type(error).__name__)
        else:
            logger.info("the tokens were read again from %s: %d", self._path, len(self._tokens))

    def _read(self) -> tuple[TokenTable, JsonWebTokens]:
        # Before the files are read, so that a change meanwhile is noticed.
        self._stamps = self._stamped()
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = tomllib.load(file)
            tokens, issuers = self._parsed(content)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from None
        if issuers.files != self._key_files:
            self._key_files = issuers.files
            self._stamps = self._stamped()
        if mode & stat.S_IROTH and _holds_secrets(content):
            logger.warning(
                "%s holds secrets, and others may read it: chmod o=, or hashes instead of tokens", self._path
            )
        return tokens, issuers

    def _stamped(self) -> Stamps:
        return Stamps([os.fspath(self._path), *self._key_files])

    def _parsed(self, content: dict[str, Any]) -> tuple[TokenTable, JsonWebTokens]:
        unknown = sorted(content.keys() - set(_TABLES))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is unknown; the known tables are [tokens.NAME] and [jwt.NAME]")
        tables = [content.get(name, {}) for name in _TABLES]
        for name, table in zip(_TABLES, tables, strict=True):
            if not isinstance(table, dict):
                raise ValueError(f"{name} must be a table of tables, [{name}.NAME], not {type(table).__name__}")
        return token_table(tables[0]), JsonWebTokens(tables[1], self._path.parent)


def _holds_secrets(content: dict[str, Any]) -> bool:
    if any("token" in entry for entry in content.get("tokens", {}).values()):
        return True
    issuers = content.get("jwt", {}).values()
    return any("key" in entry and any(name.startswith("HS") for name in entry["algorithms"]) for entry in issuers)
