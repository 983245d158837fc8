"""`Termination`: the end of a session or of its link, which comes exactly once, whoever asks for it. Lives on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, Final, Protocol

from ..errors import SessionClosed, SessionClosedReason
from ..protocol.control import Goodbye
from .drain import Drain
from .endings import as_session_closed
from .farewell import FAREWELL_SECONDS, Farewell
from .linked_session import LinkedSession
from .liveness import Ending
from .session_connection import SessionConnection
from .session_state import SessionState
from .signalling_path import SignallingPath

__all__ = ["ENDING_SECONDS", "EndingLink", "Termination"]

logger = logging.getLogger(__name__)

_DECODING_SECONDS: Final = 2.0
"""Seconds that a decoder may take for its last frame."""

ENDING_SECONDS: Final = FAREWELL_SECONDS + _DECODING_SECONDS + 1.0
"""Seconds that `Termination.run` may take beyond the time for draining, including the loop's delay."""


class EndingLink(Protocol):
    """The link that ends, as far as its end needs it."""

    @property
    def session(self) -> LinkedSession:
        """The session, or the one that is resumed with this link."""

    @property
    def opened(self) -> SessionConnection | None:
        """The connection; None: there is none yet."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop."""

    def stop_timers(self) -> None:
        """Cancel what was to happen later."""

    def report_warnings(self) -> None:
        """Log how often the peer did what was warned of."""


class Termination:
    """The end of a link, and of its session unless that is resumed.

    Args:
        link: The link.
        path: The signalling path to the other end.
    """

    def __init__(self, link: EndingLink, path: SignallingPath) -> None:
        self._link = link
        self._path = path
        self._drain = Drain()
        self._task: asyncio.Task[None] | None = None
        # Whether the session goes on with another link, or was given up instead.
        self._is_left = False
        self._is_given_up = False

    @property
    def has_begun(self) -> bool:
        """Whether the end has begun."""
        return self._task is not None

    @property
    def is_given_up(self) -> bool:
        """Whether the session, whose connection broke, is given up instead of resumed. Callable from any thread."""
        return self._is_given_up

    async def run(
        self,
        error: Exception | None = None,
        told_peer: str | None = None,
        *,
        tell_peer: bool = True,
        drain_seconds: float = 0.0,
    ) -> None:
        """End the session, or wait for the end that is under way.

        Args:
            error: Error that the signal ``closed`` reports. Defaults to None: there is no error.
            told_peer: Reason that the other end is told. Defaults to None: it is told no reason.
            tell_peer: Whether the other end is told without a reason too. Defaults to True.
            drain_seconds: Seconds to wait until what was sent is delivered. Defaults to 0.
        """
        if self._task is None:
            self._task = asyncio.ensure_future(self._end_link(error, told_peer, tell_peer, drain_seconds))
        elif self._link.session.state is SessionState.RESUMING and not (self._is_left or self._is_given_up):
            # The connection broke before. Now the session is given up instead of resumed.
            self._is_given_up = True
            self._task = asyncio.ensure_future(self._end_session(self._task, as_session_closed(error)))
        elif not drain_seconds:
            self._drain.abandon()
        # Shielded, since a caller that gives up must not cancel the end for others.
        await asyncio.shield(self._task)

    def fail(self, message: str, reason: SessionClosedReason, told_peer: str | None = None) -> None:
        """End the session with an error, without delivering what was sent.

        Args:
            message: The message of the error.
            reason: Its reason.
            told_peer: Reason that the other end is told. Defaults to None: it knows already.
        """
        self._drain.abandon()
        tell_peer = told_peer is not None and self._path.is_relayed
        self._link.spawn(self.run(SessionClosed(message, reason), told_peer, tell_peer=tell_peer))

    def stop_waiting(self) -> None:
        """Wait no longer for a delivery, since the other end is gone."""
        self._drain.abandon()

    def leave_session(self) -> None:
        """Leave the session, which goes on with another link."""
        self._is_left = True

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """Handle that the peer ends the session, and said so in-band."""
        session = self._link.session
        if self._task is not None:
            # The peer has closed the session too, and receives nothing any more.
            self._drain.abandon()
        elif not session.state.is_open:
            self.fail(f"{session.named}: the peer ended it before it was connected", goodbye.reason)
        elif goodbye.text or goodbye.reason != "left":
            self.fail(f"{session.named}: ended by the peer: {goodbye.text or goodbye.reason}", goodbye.reason)
        else:
            self._drain.abandon()
            self._link.spawn(self.run(tell_peer=self._path.is_relayed))

    def on_watch_end(self, ending: Ending, silence: float) -> None:
        """Handle that the peer is not heard any more.

        Args:
            ending: How the session ends.
            silence: Seconds since the last packet from the peer.
        """
        named = self._link.session.named
        if ending.reason == "lost":
            text = f"nothing was heard from the peer for {silence:.1f} s"
            self.fail(f"{named}: {text}", "lost", told_peer=text)
        else:
            self._path.tell_end()
            text = "the peer left: the signalling server does not know it any more, and it does not answer"
            self.fail(f"{named}: {text}", ending.reason)

    async def _end_link(
        self, error: Exception | None, told_peer: str | None, tell_peer: bool, drain_seconds: float
    ) -> None:
        """End the link, and the session unless it is resumed.

        This never raises, since all callers wait for it, and an unforeseen error in one step keeps none of the others from it.
        """
        self._link.stop_timers()
        connection, session = self._link.opened, self._link.session
        named = session.named
        with _logged(named):
            if connection is not None:
                connection.stop()
        failure = as_session_closed(error)
        is_resumed = False
        with _logged(named):
            is_resumed = failure is not None and session.break_off(failure)
        peer = None if connection is None else connection.peer
        farewell = Farewell(session, session.channels, self._path, peer, self._drain)
        with _logged(named):
            await farewell.deliver(drain_seconds)
            if tell_peer:
                farewell.tell_server(failure, told_peer)
            if connection is not None:
                connection.watch.stop()
            if tell_peer or told_peer is not None:
                await farewell.say_goodbye(failure, told_peer)
        with _logged(named):
            await farewell.close(None if connection is None else connection.negotiation)
        if connection is not None:
            connection.watch.stop()
        self._link.report_warnings()
        if not is_resumed:
            await self._end_session(None, failure)

    async def _end_session(self, before: asyncio.Task[None] | None, failure: SessionClosed | None) -> None:
        """End the session after its connection.

        Args:
            before: The end of the connection; None: it has ended.
            failure: Why; None: it was closed on purpose.
        """
        if before is not None:
            await before
        session = self._link.session
        named = session.named
        with _logged(named):
            session.channels.end(str(failure) if failure else "the session is closed")
        with _logged(named):
            session.enter(SessionState.CLOSED, failure)
        with _logged(named):
            session.media.end(failure)
            await session.media.wait_ended(_DECODING_SECONDS)
        session.on_finished()


@contextlib.contextmanager
def _logged(named: str) -> Iterator[None]:
    """Log an error of one step of the end."""
    try:
        yield
    except Exception:
        logger.exception("%s: internal error while it was ended", named)
