"""`TokenTable`: whose bearer token (RFC 6750) it is, without I/O."""

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
"""Of a token that a person wrote: shorter ones can be guessed, at a hash at least."""

_TOKEN_BYTES: Final = 32

_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hashed(token: str) -> str:
    """What a file holds instead of a token, and does not give it away.

    SHA-256 without salt and stretching is right for random tokens of `new_token`, and wrong for passwords that people made up.

    Args:
        token: The token; any string has a hash.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    return f"sha256:{hashlib.sha256(token.encode(errors='surrogatepass')).hexdigest()}"


class TokenTable:
    """Finds the grant of a token.

    What is looked up is a hash of the token with a key that is random and stays in the process, so nobody outside can choose or
    know it. How long that takes says nothing of the tokens: the comparison is constant-time, however many there are.

    Args:
        grants: By the hash of the token, as `hashed` makes it.
    """

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._key = secrets.token_bytes(_TOKEN_BYTES)
        self._grants = dict(grants)
        self._admissions = {self._blinded(digest): _admission(digest, grant) for digest, grant in grants.items()}

    def __len__(self) -> int:
        """How many tokens there are."""
        return len(self._admissions)

    def find(self, token: str) -> Admission | None:
        """The admission that a token stands for.

        Args:
            token: What somebody sent, of any form.

        Returns:
            The admission, which may have expired; None: there is no such token.
        """
        return self._admissions.get(self._blinded(hashed(token)))

    def grant_of(self, credential: str | None) -> Grant | None:
        """The grant that a token stands for now.

        Args:
            credential: Of an admission that `find` returned.

        Returns:
            The grant; None: the token is not in this table.
        """
        return None if credential is None else self._grants.get(credential)

    def _blinded(self, digest: str) -> bytes:
        return hmac.digest(self._key, digest.encode(), "sha256")


def is_hash(text: str) -> bool:
    """Whether a string is what `hashed` makes of a token."""
    return _HASH.fullmatch(text) is not None


def _admission(digest: str, grant: Grant) -> Admission:
    return Admission(identity_of(grant, digest), grant, digest)


def identity_of(grant: Grant, credential: str) -> str:
    """Who the bearer of a grant is.

    Args:
        grant: The grant.
        credential: The hash of the token, which is who it is where the grant names no subject.
    """
    return credential if grant.subject is None else f"subject {grant.subject}"


def token_table(entries: Mapping[str, Any]) -> TokenTable:
    """The table that the ``[tokens]`` of a file describe.

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
        raise TypeError("it must be a table, such as [tokens.robot] with hash = 'sha256:...' below it")
    fields = dict(entry)
    digests, token = fields.pop("hash", None), fields.pop("token", None)
    if (digests is None) == (token is None):
        raise ValueError("there must be either hash or token")
    if isinstance(expires := fields.get("expires"), datetime.datetime):
        if expires.tzinfo is None:
            raise ValueError("expires must have an offset from UTC, such as 2027-01-31T12:00:00Z")
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
