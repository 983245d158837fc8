"""`State`: the states of an association (RFC 9260 section 4), and what is allowed in them."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["BEGINNING", "RECEIVING", "SENDING", "State"]


class State(enum.Enum):
    """The states of RFC 9260 section 4."""

    CLOSED = enum.auto()
    """The association has not begun."""

    COOKIE_WAIT = enum.auto()
    COOKIE_ECHOED = enum.auto()
    ESTABLISHED = enum.auto()
    SHUTDOWN_PENDING = enum.auto()
    SHUTDOWN_SENT = enum.auto()
    SHUTDOWN_RECEIVED = enum.auto()
    SHUTDOWN_ACK_SENT = enum.auto()
    ENDED = enum.auto()
    """The association has ended. Unlike in the RFC's CLOSED, no other one begins."""


BEGINNING: Final = (State.CLOSED, State.COOKIE_WAIT, State.COOKIE_ECHOED)
"""The states before the association is established."""

SENDING: Final = (State.ESTABLISHED, State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED)
"""The states in which this end sends DATA."""

RECEIVING: Final = (State.ESTABLISHED, State.SHUTDOWN_PENDING, State.SHUTDOWN_SENT)
"""The states in which this end accepts DATA."""
