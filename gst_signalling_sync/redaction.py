"""Redaction: what may be shown of strings and URIs that hold secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["MASK", "redacted", "secret_parameters", "shown_uri", "without_secret_parameters"]

MASK: Final = "***"

_SECRET_PARAMETER: Final = re.compile(
    r"(?i)([?&][^=&#]*(?:token|key|secret|passw|auth|credential|jwt|sig)[^=&#]*=)[^&#]*"
)
"""A query parameter that is a secret, by its name."""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A string from elsewhere without the secrets that it may repeat.

    Args:
        text: The string.
        secrets: The secrets.

    Returns:
        The string with each secret replaced by ``***``.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def shown_uri(uri: str) -> str:
    """A URI, or a malformed one, without user, password and secret parameters."""
    scheme, separator, rest = uri.partition("://")
    if "@" in scheme or not separator:
        scheme, separator, rest = "", "", uri
    if "@" in rest:
        rest = f"{MASK}@{rest.rpartition('@')[2]}"
    return without_secret_parameters(scheme + separator + rest)


def secret_parameters(uri: str) -> list[str]:
    """The values of the secret parameters of a query."""
    return [match.group().partition("=")[2] for match in _SECRET_PARAMETER.finditer(uri)]


def without_secret_parameters(uri: str) -> str:
    """A URI with the values of its secret parameters replaced by ``***``."""
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", uri)
