"""`departure`: the message about a producer that left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import Session

__all__ = ["departure"]


def departure(name: str, session: Session) -> str:
    """The message about a producer that ended a session.

    Args:
        name: The name or id that the user gave.
        session: The closed session.
    """
    reason = f": {session.error}" if session.error else ""
    return f"{name!r} left{reason}"
