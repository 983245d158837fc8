"""`Grant`: what the bearer of a token (RFC 6750) may do at a signalling server."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from .messages import Role

__all__ = ["EVERYBODY", "Grant", "grant_of", "matches"]

EVERYBODY: Final = ("*",)
"""The patterns that match every name, and peers without a name."""

_FIELDS: Final = ("roles", "names", "peers", "expires", "metrics", "connections")
"""The fields of a grant in a file's table or in a token's claim."""


@dataclass(frozen=True, slots=True, init=False)
class Grant:
    """What the bearer of a token may do at a `SignallingServer`.

    Patterns of names are those of a shell, and case-sensitive: ``*`` matches any characters, ``?`` one, ``[ab]`` one of these.
    A peer without a name is matched by patterns that match the empty string, such as ``"*"``.

    Example:
        Grant(subject="arm-7", roles=["producer"], names=["arm-7"], peers=[], expires=time.time() + 3600)

    Attributes:
        subject: The bearer's identity, in logs and for recognising a peer that reconnects. Defaults to None: the token itself.
        roles: The roles that it may register: ``"producer"``, ``"listener"``, ``"consumer"``. A consumer that asks for sessions
            itself needs none. Defaults to all.
        names: Patterns of the ``name`` in the meta that it registers. Defaults to every name.
        peers: Patterns of the names of peers that it may list, be told of, and start sessions with. Defaults to every name.
        expires: When the grant ends, in seconds as of `time.time`. Defaults to None: never.
        metrics: Whether it may read ``/metrics``. Defaults to False.
        connections: Maximum number of peers with this subject at the same time. Defaults to None:
            `ServerLimits.connections_per_token`.

    Raises:
        ValueError: A role is unknown, `expires` is not finite, or `connections` is not positive.
        TypeError: A single string is given instead of several, or a value is of another type.
    """

    subject: str | None = None
    roles: tuple[Role, ...] = tuple(Role)
    names: tuple[str, ...] = EVERYBODY
    peers: tuple[str, ...] = EVERYBODY
    expires: float | None = None
    metrics: bool = False
    connections: int | None = None

    def __init__(
        self,
        *,
        subject: str | None = None,
        roles: Iterable[str] = tuple(Role),
        names: Iterable[str] = EVERYBODY,
        peers: Iterable[str] = EVERYBODY,
        expires: float | None = None,
        metrics: bool = False,
        connections: int | None = None,
    ) -> None:
        if subject is not None and not isinstance(subject, str):
            raise TypeError(f"subject must be a string, not {subject!r:.100}")
        if not isinstance(metrics, bool):
            raise TypeError(f"metrics must be True or False, not {metrics!r:.100}")
        values = {
            "subject": subject,
            "roles": tuple(map(_role, _strings("roles", roles))),
            "names": _strings("names", names),
            "peers": _strings("peers", peers),
            "expires": None if expires is None else _moment(expires),
            "metrics": metrics,
            "connections": None if connections is None else _positive(connections),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


def grant_of(subject: str, fields: dict[str, Any]) -> Grant:
    """The grant that a file's table or a token's claim describes.

    Args:
        subject: The bearer.
        fields: Arguments of `Grant`; each may be missing.

    Returns:
        The grant.

    Raises:
        ValueError: A field is unknown, or `Grant` refuses its value.
        TypeError: A value is of another type.
    """
    unknown = sorted(fields.keys() - set(_FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is unknown; the known fields are {', '.join(_FIELDS)}")
    return Grant(subject=subject, **fields)


def matches(name: str | None, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns of a grant matches a name.

    Args:
        name: Of a peer; None: it has no name.
        patterns: As in `Grant`.
    """
    return any(pattern == "*" or fnmatchcase(name or "", pattern) for pattern in patterns)


def _strings(field: str, values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{field} must be a list of strings, not {values!r:.100}")
    strings = tuple(values)
    for value in strings:
        if not isinstance(value, str):
            raise TypeError(f"{field} must hold strings, not {value!r:.100}")
    return strings


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise ValueError(f"roles must hold {', '.join(map(repr, map(str, Role)))}, not {name!r:.100}") from None


def _moment(seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"expires must be a number of seconds as of time.time(), not {seconds!r:.100}")
    try:
        moment = float(seconds)
    except OverflowError:
        moment = math.inf
    if not math.isfinite(moment):
        raise ValueError(f"expires must be a finite number of seconds as of time.time(), not {seconds!r:.100}")
    return moment


def _positive(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"connections must be an integer, not {number!r:.100}")
    if number < 1:
        raise ValueError(f"connections must be at least 1, not {number}")
    return number
