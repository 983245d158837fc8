"""`JsonWebTokens`: tokens that an issuer has signed (JSON Web Tokens, RFC 7519), by PyJWT of the extra ``[jwt]``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..protocol.grant import Grant, grant_of
from ..protocol.permissions import Admission
from ..protocol.tokens import identity_of

__all__ = ["CLAIM", "JsonWebTokens"]

CLAIM: Final = "signalling"
"""The claim with what the bearer may do: an object with the arguments of `Grant`."""

_ALGORITHMS: Final = (
    *("EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
    *("HS256", "HS384", "HS512"),
)

MIN_SECRET_BYTES: Final = 32
"""Minimum of a shared secret (RFC 7518 section 3.2)."""

_FIELDS: Final = ("algorithms", "key", "key_file", "issuer", "audience")


@dataclass(frozen=True, slots=True)
class _Issuer:
    """A signer of tokens, with one key."""

    name: str
    key: str = field(repr=False)
    algorithms: tuple[str, ...]
    issuer: str | None
    audience: str

    @property
    def credential(self) -> str:
        """A hash that stays the same as long as tokens of this key are accepted; reveals nothing about the key."""
        return hashlib.sha256(repr((self.key, self.algorithms, self.issuer, self.audience)).encode()).hexdigest()


class JsonWebTokens:
    """Checks JSON Web Tokens.

    Args:
        entries: The ``[jwt]`` section of a file: by name, each a table with ``algorithms``, ``audience``, ``key`` or
            ``key_file`` (a string or a list), and optionally ``issuer``.
        folder: The directory that names of key files are relative to.

    Attributes:
        files: The key files that were read.

    Raises:
        ValueError: An entry is not of this form, or PyJWT is not installed; the message shows no key.
        OSError: A key file cannot be read.
    """

    def __init__(self, entries: Mapping[str, Any], folder: Path) -> None:
        self.files: list[str] = []
        self._issuers: list[_Issuer] = []
        if entries:
            _check_installed()
        for name, entry in entries.items():
            try:
                self._issuers += self._parsed(name, entry, folder)
            except (ValueError, TypeError) as error:
                raise ValueError(f"in [jwt.{name}]: {error}") from None

    def find(self, token: str) -> Admission | None:
        """The admission that a token stands for.

        Args:
            token: As a client sent it, of any form.

        Returns:
            The admission, which may have expired; None: no known issuer has signed the token, it is for another audience or not
            valid yet, or it has no claim that `Grant` accepts.
        """
        if token.count(".") != 2:
            return None
        for issuer in self._issuers:
            admission = _admission(token, issuer)
            if admission is not None:
                return admission
        return None

    def knows(self, credential: str | None) -> bool:
        """Whether tokens of an issuer are still accepted.

        Args:
            credential: Of an admission that `find` returned.
        """
        return any(issuer.credential == credential for issuer in self._issuers)

    def _parsed(self, name: str, entry: Any, folder: Path) -> list[_Issuer]:
        if not isinstance(entry, dict):
            raise TypeError(f"it must be a table, not {type(entry).__name__}")
        unknown = sorted(entry.keys() - set(_FIELDS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is unknown; the known fields are {', '.join(_FIELDS)}")
        algorithms = _strings(entry, "algorithms")
        for algorithm in algorithms:
            if algorithm not in _ALGORITHMS:
                raise ValueError(f"algorithms must hold {', '.join(_ALGORITHMS)}, not {algorithm!r:.100}")
        if len({algorithm.startswith("HS") for algorithm in algorithms}) > 1:
            raise ValueError("algorithms must be all for shared secrets (HS...) or all for public keys, not for both")
        audience, issuer = entry.get("audience"), entry.get("issuer")
        if not isinstance(audience, str):
            raise ValueError(
                f"audience must be a string, not {audience!r:.100}, so that tokens for other services are refused"
            )
        if not isinstance(issuer, str | None):
            raise ValueError(f"issuer must be a string, not {issuer!r:.100}")
        keys = _strings(entry, "key") + [self._read(folder / file) for file in _strings(entry, "key_file")]
        if not (algorithms and keys):
            raise ValueError("there must be algorithms, and key or key_file")
        for key in keys:
            if any(algorithm.startswith("HS") for algorithm in algorithms) and len(key.encode()) < MIN_SECRET_BYTES:
                raise ValueError(
                    f"a shared secret must have at least {MIN_SECRET_BYTES} bytes, not {len(key.encode())}"
                )
            _check_key(key, algorithms)
        return [_Issuer(name, key, tuple(algorithms), issuer, audience) for key in keys]

    def _read(self, path: Path) -> str:
        self.files.append(os.fspath(path))
        return path.read_text(encoding="ascii").strip()


def _strings(entry: dict[str, Any], field: str) -> list[str]:
    value = entry.get(field, [])
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in several):
        raise ValueError(f"{field} must be a string, or a list of strings, not {type(value).__name__}")
    return several


def _admission(token: str, issuer: _Issuer) -> Admission | None:
    import jwt

    try:
        claims = jwt.decode(
            token,
            issuer.key,
            algorithms=list(issuer.algorithms),
            audience=issuer.audience,
            issuer=issuer.issuer,
            # The server itself watches when the token expires, as long as the connection lasts.
            options={"require": ["exp", "sub"], "verify_exp": False},
        )
    except jwt.PyJWTError:
        return None
    grant = _grant(claims)
    return None if grant is None else Admission(identity_of(grant, ""), grant, issuer.credential)


def _grant(claims: dict[str, Any]) -> Grant | None:
    fields, subject, expires = claims.get(CLAIM), claims["sub"], claims["exp"]
    if not isinstance(fields, dict) or not isinstance(subject, str) or "expires" in fields:
        return None
    try:
        return grant_of(subject, {**fields, "expires": expires})
    except (ValueError, TypeError):
        return None


def _check_key(key: str, algorithms: list[str]) -> None:
    import jwt

    for algorithm in algorithms:
        try:
            jwt.get_algorithm_by_name(algorithm).prepare_key(key)
        except (ValueError, TypeError, jwt.PyJWTError):
            raise ValueError(
                f"a key must be one for {algorithm} (for HS... the shared secret, else a public key in PEM), not another one"
            ) from None


def _check_installed() -> None:
    try:
        import jwt  # noqa: F401 - only whether it is installed
    except ImportError:
        raise ValueError("[jwt] needs PyJWT: pip install 'gst-signalling-sync[jwt]'") from None
