"""What is said of a producer that left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import Session

__all__ = ["departure"]


def departure(name: str, session: Session) -> str:
    """What to say of a producer that ended a session.

    Args:
        name: What the user calls it.
        session: The session, closed.
    """
    reason = f": {session.error}" if session.error else ""
    return f"{name!r} left{reason}"
