"""`shrunk`: a dict with a table of the size that its items need."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["shrunk"]

Key = TypeVar("Key")
Value = TypeVar("Value")


def shrunk(table: dict[Key, Value]) -> dict[Key, Value]:
    """Copy a dict into a table of the size that its items need.

    A dict keeps its table when items go, and the gaps that they leave are counted as items until the table is full: a crowd
    that comes and goes makes it twice to four times as large as those who stay need.

    Args:
        table: The dict, which stays as it is.

    Returns:
        A dict with the same items in the same order.
    """
    # Of a dict, unlike its items, CPython may copy the table as it is.
    return dict(table.items())
