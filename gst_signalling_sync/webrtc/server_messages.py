"""`ServerMessages`: what the signalling server says of a session. Methods return at once, and are callable from any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from ..errors import SESSION_CLOSED_REASONS, SessionClosedReason
from ..limit_counts import LimitCounts
from ..protocol.messages import SdpType
from ..signalling import SignallingClient
from ..threads.loop_thread import LoopThread
from .description import MAX_CANDIDATE_CHARACTERS
from .endings import reason_in
from .linked_session import LinkedSession
from .session_connection import SessionConnection
from .session_state import SessionState
from .signalling_path import SignallingPath
from .termination import Termination

__all__ = ["ServedLink", "ServerMessages"]

_HANDSHAKE_SECONDS: Final = 3.0
"""Seconds that the DTLS handshake may still take with a peer that has lost its signalling connection, or may have died. DTLS
sends a lost packet again after 1 s."""


class ServedLink(Protocol):
    """The link of the session, as far as the server's messages concern it. It is used on the loop."""

    @property
    def session(self) -> LinkedSession:
        """The session, or the one that is resumed with this link."""

    @property
    def opened(self) -> SessionConnection | None:
        """The connection; None: there is none yet, since the receivers of `session_requested` have not returned."""

    @property
    def progress(self) -> str:
        """The progress of the connection, for an error message."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine."""

    def negotiate(self, step: Coroutine[Any, Any, None]) -> None:
        """Run a step of the negotiation, whose errors end a session that is not connected yet."""

    def warn(self, kind: str, details: str) -> None:
        """Log a warning of what the peer does, once for each kind; called on any thread."""


class ServerMessages:
    """Handles the server's messages for one session.

    Args:
        link: The session's link.
        termination: The end of the session.
        path: The signalling path to the other end.
        loop: The loop.
        max_candidates: Maximum number of candidates of the peer; None: no maximum.
        met: Counts the limits that the peer meets.
    """

    def __init__(
        self,
        link: ServedLink,
        termination: Termination,
        path: SignallingPath,
        loop: LoopThread,
        max_candidates: int | None,
        met: LimitCounts,
    ) -> None:
        self._link = link
        self._termination = termination
        self._path = path
        self._loop = loop
        self._max_candidates = max_candidates
        self._met = met
        # The number of candidates of the peer, counted on the reader.
        self._candidates = 0
        # Used on the loop only.
        self._early_candidates: list[tuple[str, int]] = []
        self._handshake_alarm: asyncio.TimerHandle | None = None

    def take_early_candidates(self) -> list[tuple[str, int]]:
        """Take the candidates that came before there was a connection; on the loop."""
        early, self._early_candidates = self._early_candidates, []
        return early

    def stop_timers(self) -> None:
        """Cancel what was to happen later; on the loop."""
        if self._handshake_alarm is not None:
            self._handshake_alarm.cancel()

    def on_description(self, kind: SdpType, sdp: str) -> None:
        """Handle the other end's description."""

        async def receive() -> None:
            if (connection := self._link.opened) is not None:
                self._path.answers_in_band = False
                await connection.receive(kind, sdp)

        self._loop.call(lambda: self._link.negotiate(receive()))

    def on_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Handle the other end's candidate. Candidates beyond the limit are dropped, because aioice pairs all of them."""
        self._candidates += 1
        is_too_much = self._max_candidates is not None and self._candidates > self._max_candidates
        if is_too_much or len(text) > MAX_CANDIDATE_CHARACTERS:
            self._met.note("candidates")
            sent = f"the peer sent {self._candidates}, of {len(text)} characters the last"
            self._link.warn("dropped a candidate", sent)
            return

        async def add() -> None:
            if (connection := self._link.opened) is None:
                self._early_candidates.append((text, sdp_m_line_index))
            else:
                await connection.negotiation.add_candidate(text, sdp_m_line_index)

        self._loop.call(lambda: self._link.spawn(add()))

    def on_end(self, error: str | None, mark: str | None = None) -> None:
        """Handle that the server ended the session, for the other end or by itself.

        A connected session goes on if its peer answers, because the server also ends it when only the peer's signalling
        connection broke.

        Args:
            error: The other end's error; None: the other end gave none.
            mark: The server's reason if it ended the session by itself. Defaults to None: it did not.
        """

        def end() -> None:
            self._path.is_relayed = False
            connection, session = self._link.opened, self._link.session
            if self._termination.has_begun and (connection is None or not session.state.is_open):
                self._termination.stop_waiting()
            elif mark is not None:
                reason: SessionClosedReason = next((each for each in SESSION_CLOSED_REASONS if each == mark), "left")
                told = f"ended by the signalling server: {mark}"
                # Told in-band too: otherwise the end that hears of it first would seem to have left on purpose.
                self._termination.fail(f"{session.named}: {told}", reason, told_peer=told)
            elif error is not None:
                connecting = session.state is SessionState.CONNECTING
                reason, text = reason_in(error, "rejected" if connecting else "left")
                ways = f"; {self._link.progress}" if reason == "not connected" else ""
                self._termination.fail(f"{session.named}: ended by the peer: {text}{ways}", reason)
            elif connection is None or not session.state.is_open:
                text = "the peer ended it, or left, before it was connected"
                self._termination.fail(f"{session.named}: {text}", "left")
            else:
                connection.changes.may_be_lost()
                connection.watch.ended_by_server(None)

        self._loop.call(end)

    def on_peer_away(self) -> None:
        """Handle that the peer's signalling connection broke, and may be made again.

        A session that still needs the server to connect ends, as it does at the peer. In a connected session, the peer is asked
        for a sign of life, since its process may have been killed. A session whose handshake is under way has some seconds to
        connect.
        """

        def decide() -> None:
            connection, session = self._link.opened, self._link.session
            if self._termination.has_begun:
                return
            if connection is not None and session.state.is_open:
                connection.changes.may_be_lost()
                connection.watch.ended_by_server(None)
            else:
                text = "the peer's signalling connection broke before it was connected"
                self._termination.fail(f"{session.named}: {text}", "left", told_peer=text)

        def look_after() -> None:
            connecting = self._link.session.state is SessionState.CONNECTING
            if connecting and not self._termination.has_begun and not self._needs_server:
                self._handshake_alarm = asyncio.get_running_loop().call_later(_HANDSHAKE_SECONDS, decide)
            else:
                decide()

        self._loop.call(look_after)

    def on_signalling_lost(self, error: Exception) -> None:
        """Handle the loss of this end's signalling connection. Later messages go in-band, if the peer is this library's.

        Args:
            error: Error that ends the session, if it still needs the server to connect.
        """

        def lose() -> None:
            self._path.is_relayed = False
            if (connection := self._link.opened) is not None:
                connection.changes.may_be_lost()
            if not self._termination.has_begun and self._needs_server:
                self._link.spawn(self._termination.run(error))

        self._loop.call(lose)

    def on_signalling_back(self, signalling: SignallingClient) -> None:
        """Handle a new signalling connection of this end to a server that still knows the session.

        Args:
            signalling: The connection.
        """

        def come_back() -> None:
            self._path.come_back(signalling)
            if self._termination.has_begun:
                # The session ended meanwhile, when the server could not be told.
                self._path.tell_end()
            elif (connection := self._link.opened) is not None:
                connection.changes.reachable()

        self._loop.call(come_back)

    @property
    def _needs_server(self) -> bool:
        """Whether ICE has not found a candidate pair yet. From then on DTLS and SCTP need no server."""
        connection = self._link.opened
        if self._link.session.state is not SessionState.CONNECTING:
            return False
        return connection is None or connection.peer.ice_state not in ("connected", "completed")
