"""`Watch`: drives the `Liveness` of one peer connection. Lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ..errors import SessionClosedReason
from ..threads import clock
from .engine.ice import IceConnection
from .engine.peer_connection import PeerConnection
from .liveness import Ending, Liveness
from .session_state import SessionState

__all__ = ["Watch"]

_ANSWER_SECONDS: Final = 5.0
"""Seconds after which the answer to a binding request no longer counts, which is the longest useful round trip."""


class Watch:
    """Asks a silent peer for signs of life, and reports the session's state.

    Args:
        connection: The connection to the peer.
        interrupted_after: Seconds of silence after which the session is interrupted.
        on_state: Called with ``interrupted`` and, when the peer is heard again, ``connected``.
        on_end: Called once, when the session is over.
    """

    def __init__(
        self,
        connection: PeerConnection,
        interrupted_after: float,
        on_state: Callable[[SessionState], None],
        on_end: Callable[[Ending], None],
    ) -> None:
        self._connection = connection
        self._liveness = Liveness(interrupted_after)
        self._on_state = on_state
        self._on_end = on_end
        self._shown = SessionState.CONNECTING
        self._timer: asyncio.TimerHandle | None = None
        # Held here, since asyncio holds tasks only weakly.
        self._checks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    @property
    def silence(self) -> float:
        """Seconds since the last packet from the peer. Callable from any thread."""
        heard_at = self._heard_at()
        now = clock.now()
        silence = self._liveness.silence(now)
        return silence if heard_at is None else max(0.0, min(silence, now - heard_at))

    def start(self) -> None:
        """Begin; called when the session is connected."""
        self._liveness.connected(clock.now())
        self._shown = self._liveness.state
        self._plan()

    def ended_by_server(self, reason: SessionClosedReason | None) -> None:
        """Handle that the signalling server ended the session; see `Liveness.ended_by_server`."""
        self._liveness.ended_by_server(clock.now(), reason)
        self._settle()

    def said_goodbye(self, reason: SessionClosedReason = "left") -> None:
        """Handle that the peer ended the session; see `Liveness.said_goodbye`."""
        self._liveness.said_goodbye(reason)
        self._settle()

    def stop(self) -> None:
        """Stop, since the session has ended; idempotent."""
        self._is_stopped = True
        self._liveness.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for check in self._checks:
            check.cancel()

    def _heard_at(self) -> float | None:
        return max((path.heard_at for path in self._connection.paths if path.heard_at is not None), default=None)

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._liveness.state.is_open:
            delay = max(0.0, self._liveness.next_poll - clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._poll)

    def _poll(self) -> None:
        self._timer = None
        if (heard_at := self._heard_at()) is not None:
            self._liveness.heard(heard_at)
        if self._liveness.poll(clock.now()):
            for path in self._connection.paths:
                check = asyncio.ensure_future(self._check(path))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)
        self._settle()

    async def _check(self, path: IceConnection) -> None:
        asked = clock.now()
        if await path.check(_ANSWER_SECONDS) is not None and not self._is_stopped:
            self._liveness.answered(clock.now(), asked)
            self._settle()

    def _settle(self) -> None:
        """Report a change of state. The callbacks may call this object again."""
        self._plan()
        state = self._liveness.state
        if state is self._shown or self._is_stopped:
            return
        self._shown = state
        if state is SessionState.CLOSED:
            ending = self._liveness.ending
            assert ending is not None
            self._on_end(ending)
        else:
            self._on_state(state)
