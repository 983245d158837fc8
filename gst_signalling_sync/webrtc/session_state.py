"""`SessionState`: the states of a session, and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["TRANSITIONS", "SessionState"]


class SessionState(StrEnum):
    """The state of a session; each member equals its string."""

    CONNECTING = "connecting"
    """The session is being negotiated. No packet of the peer has been authenticated yet."""

    CONNECTED = "connected"
    """The connection is established, and the peer is heard."""

    INTERRUPTED = "interrupted"
    """Nothing was heard from the peer for a while; the W3C's "disconnected"."""

    RESUMING = "resuming"
    """The connection broke, and a new one with the same peer is being made."""

    CLOSED = "closed"
    """The session has ended. This state is final."""

    def __repr__(self) -> str:
        return repr(self.value)

    @property
    def is_open(self) -> bool:
        """Whether the session was connected and has not ended."""
        return self in (SessionState.CONNECTED, SessionState.INTERRUPTED, SessionState.RESUMING)


TRANSITIONS: Final[Mapping[SessionState, frozenset[SessionState]]] = MappingProxyType(
    {
        SessionState.CONNECTING: frozenset({SessionState.CONNECTED, SessionState.CLOSED}),
        SessionState.CONNECTED: frozenset({SessionState.INTERRUPTED, SessionState.RESUMING, SessionState.CLOSED}),
        SessionState.INTERRUPTED: frozenset({SessionState.CONNECTED, SessionState.RESUMING, SessionState.CLOSED}),
        SessionState.RESUMING: frozenset({SessionState.CONNECTED, SessionState.CLOSED}),
        SessionState.CLOSED: frozenset(),
    }
)
"""The states that may follow each state."""
