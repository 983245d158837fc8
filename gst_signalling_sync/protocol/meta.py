"""`check_meta`: whether every other peer can read a peer's `meta`, alone and in a list of all producers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["META_BYTES", "META_DEPTH", "check_meta"]

META_DEPTH: Final = 120
"""Maximum nesting: serde_json, which the reference server and its clients use, stops at 128 levels."""

META_BYTES: Final = 64 * 1024
"""Maximum as JSON: one message lists the metas of all producers, and clients limit its length."""

_MAX_INTEGER: Final = 2**1023
"""Maximum integer: parsers with smaller integers read it as a double, which has no larger values."""


def check_meta(meta: Any) -> int:
    """Refuse a meta that strict JSON parsers cannot read, or that is too long.

    Args:
        meta: Any object.

    Returns:
        Its length as JSON, in bytes.

    Raises:
        ValueError: It is not a JSON value, holds NaN, an infinity, a number that is too large or a lone surrogate, nests too
            deep, or is too long.
    """
    level = [meta]
    for _ in range(META_DEPTH):
        if any(isinstance(item, int) and abs(item) > _MAX_INTEGER for item in level):
            raise ValueError("meta must hold integers of at most 1023 bits, not longer ones")
        level = _next_level(level)
    if level:
        raise ValueError(f"meta must be nested at most {META_DEPTH} deep, not deeper")
    try:
        size = len(json.dumps(meta, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise ValueError(f"meta must be representable as JSON: {error}") from None
    if size > META_BYTES:
        raise ValueError(f"meta must have at most {META_BYTES} bytes as JSON, not {size}")
    return size


def _next_level(level: list[Any]) -> list[Any]:
    children: list[Any] = []
    for item in level:
        children.extend(_children(item))
        if len(children) > META_BYTES:
            # Each of them takes a byte at least. An object that contains itself twice would double with each level.
            raise ValueError(f"meta must have at most {META_BYTES} bytes as JSON, not more")
    return children


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
