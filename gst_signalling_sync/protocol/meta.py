"""What a peer's `meta` may be, so that every other peer can read it, alone and in a list of all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["META_BYTES", "META_DEPTH", "check_meta"]

META_DEPTH: Final = 120
"""How deep it may nest: serde_json, which the reference server and its clients read with, stops at 128 levels."""

META_BYTES: Final = 64 * 1024
"""How long it may be as JSON: a list has those of all producers in one message, and clients take so much and no more."""

_MAX_INTEGER: Final = 2**1023
"""What parsers read as a double where it is too large for an integer of theirs."""


def check_meta(meta: Any) -> int:
    """Refuse a meta that would make a list with it unreadable to strict JSON readers, or too long.

    Args:
        meta: Anything.

    Returns:
        Its length as JSON, in bytes.

    Raises:
        ValueError: It is no JSON value, holds NaN, an infinity, a number that is too large or a lone surrogate, nests too
            deep, or is too long.
    """
    level = [meta]
    for _ in range(META_DEPTH):
        if any(isinstance(item, int) and abs(item) > _MAX_INTEGER for item in level):
            raise ValueError("meta holds a number that is too large")
        level = [child for item in level for child in _children(item)]
    if level:
        raise ValueError(f"meta is nested more than {META_DEPTH} deep")
    try:
        size = len(json.dumps(meta, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise ValueError(f"meta is not representable as JSON: {error}") from None
    if size > META_BYTES:
        raise ValueError(f"meta has {size} bytes as JSON, more than {META_BYTES}")
    return size


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
