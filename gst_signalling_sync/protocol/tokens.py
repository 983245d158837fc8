"""`TokenTable`: bearer tokens (RFC 6750) and their grants. No I/O."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from .grant import Grant, grant_of
from .permissions import Admission

__all__ = ["TokenTable", "hashed", "identity_of", "is_hash", "new_token", "token_table"]

MIN_TOKEN_CHARS: Final = 16
"""Minimum of a token that a person wrote: a shorter one can be guessed from its hash."""

_TOKEN_BYTES: Final = 32

_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hashed(token: str) -> str:
    """The hash of a token, which a file holds in its place and which does not reveal it.

    SHA-256 without salt and stretching is right for random tokens, as ``gst-signalling-sync token`` makes them, and wrong for
    passwords that people made up.

    Example:
        SignallingServer(tokens={hashed(token): Grant(subject="arm-7")})

    Args:
        token: The token; any string has a hash.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    return f"sha256:{hashlib.sha256(token.encode(errors='surrogatepass')).hexdigest()}"


class TokenTable:
    """Finds the grant of a token.

    Tokens are looked up by a keyed hash (HMAC) with a random key of this process, which nobody outside can choose or know. So
    the time of a look-up reveals nothing about the tokens.

    Args:
        grants: By the hash of the token, as `hashed` makes it.
    """

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._key = secrets.token_bytes(_TOKEN_BYTES)
        self._grants = dict(grants)
        self._admissions = {self._blinded(digest): _admission(digest, grant) for digest, grant in grants.items()}

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self._admissions)

    def find(self, token: str) -> Admission | None:
        """The admission that a token stands for.

        Args:
            token: As a client sent it, of any form.

        Returns:
            The admission, which may have expired; None: the token is unknown.
        """
        return self._admissions.get(self._blinded(hashed(token)))

    def grant_of(self, credential: str | None) -> Grant | None:
        """The present grant of a token.

        Args:
            credential: Of an admission that `find` returned.

        Returns:
            The grant; None: the token is not in this table.
        """
        return None if credential is None else self._grants.get(credential)

    def _blinded(self, digest: str) -> bytes:
        return hmac.digest(self._key, digest.encode(), "sha256")


def is_hash(text: str) -> bool:
    """Whether a string has the form that `hashed` returns."""
    return _HASH.fullmatch(text) is not None


def _admission(digest: str, grant: Grant) -> Admission:
    return Admission(identity_of(grant, digest), grant, digest)


def identity_of(grant: Grant, credential: str) -> str:
    """The identity of a grant's bearer.

    Args:
        grant: The grant.
        credential: The hash of the token, which is the identity where the grant has no subject.
    """
    return credential if grant.subject is None else f"subject {grant.subject}"


def token_table(entries: Mapping[str, Any]) -> TokenTable:
    """The table that the ``[tokens]`` section of a file describes.

    Args:
        entries: By subject, each a table with ``token``, or with ``hash`` (one or a list of them), and arguments of `Grant`.

    Returns:
        The table.

    Raises:
        ValueError: An entry is not of this form; the message names it, and shows no token.
    """
    grants: dict[str, Grant] = {}
    for subject, entry in entries.items():
        try:
            digests, grant = _parsed(subject, entry)
        except (ValueError, TypeError) as error:
            raise ValueError(f"in [tokens.{subject}]: {error}") from None
        for digest in digests:
            if digest in grants:
                raise ValueError(f"[tokens.{grants[digest].subject}] and [tokens.{subject}] have the same token")
            grants[digest] = grant
    return TokenTable(grants)


def _parsed(subject: str, entry: Any) -> tuple[list[str], Grant]:
    if not isinstance(entry, dict):
        raise TypeError(
            f"it must be a table, such as [tokens.robot] with hash = 'sha256:...' below it, not {type(entry).__name__}"
        )
    fields = dict(entry)
    digests, token = fields.pop("hash", None), fields.pop("token", None)
    if (digests is None) == (token is None):
        raise ValueError("there must be either hash or token, not both or neither")
    if isinstance(expires := fields.get("expires"), datetime.datetime):
        if expires.tzinfo is None:
            raise ValueError(
                f"expires must have an offset from UTC, such as 2027-01-31T12:00:00Z, not {expires.isoformat()}"
            )
        fields["expires"] = expires.timestamp()
    digests = [_hash_of_written(token)] if token is not None else _checked_hashes(digests)
    return digests, grant_of(subject, fields)


def _checked_hashes(digests: Any) -> list[str]:
    several = digests if isinstance(digests, list) else [digests]
    for digest in several:
        if not (isinstance(digest, str) and is_hash(digest)):
            raise ValueError("hash must be 'sha256:' and 64 hexadecimal digits, as gst-signalling-sync token prints it")
    return several


def _hash_of_written(token: Any) -> str:
    if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        raise ValueError("token must be a string of visible ASCII characters")
    if len(token) < MIN_TOKEN_CHARS:
        raise ValueError(
            f"token must have at least {MIN_TOKEN_CHARS} characters: gst-signalling-sync token makes one that cannot be guessed"
        )
    return hashed(token)
