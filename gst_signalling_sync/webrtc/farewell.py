"""`Farewell`: the end of a peer connection. Sent messages are delivered, the peer is told, and the transports are closed.

The peer is told in up to four ways, since not all of them reach every peer: through the signalling server, by a goodbye on the
control channel, by SCTP's ABORT (RFC 9260 section 9.1) and by DTLS's close_notify (RFC 8446 section 6.1). Lives on the loop.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from ..errors import ConnectionLost, SessionClosed, SessionClosedReason
from ..protocol.control import Goodbye
from ..threads.waiting import Deadline
from .channels import Channels
from .drain import Drain
from .endings import with_reason
from .engine.peer_connection import PeerConnection
from .negotiation import Negotiation
from .session_state import SessionState
from .session_status import SessionStatus
from .signalling_path import SignallingPath

__all__ = ["FAREWELL_SECONDS", "Farewell"]

logger = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 3.0
"""Seconds that aiortc may take to close a peer connection."""

_GATHERING_SECONDS: Final = 6.0
"""Seconds that a step of the negotiation may take. aioice gathers candidates for at most 5 s."""

_GOODBYE_SECONDS: Final = 0.5
"""Seconds that the other end may take to acknowledge a goodbye. SCTP's ABORT and DTLS's close_notify follow in any case."""

FAREWELL_SECONDS: Final = _GATHERING_SECONDS + 2 * _GOODBYE_SECONDS + _CLOSE_SECONDS
"""Seconds that everything except the delivery may take."""

_REASON_CHARACTERS: Final = 500
"""Maximum length of the reason that the other end is told."""


class Farewell:
    """The end of one peer connection, in the order of the methods.

    Args:
        session: The session that the connection belongs to.
        channels: Its channels.
        path: The signalling path to the other end.
        connection: The connection; None: there was none yet.
        drain: Waits for the delivery.
    """

    def __init__(
        self,
        session: SessionStatus,
        channels: Channels,
        path: SignallingPath,
        connection: PeerConnection | None,
        drain: Drain,
    ) -> None:
        self._session = session
        self._channels = channels
        self._path = path
        self._connection = connection
        self._drain = drain

    async def deliver(self, seconds: float) -> None:
        """Refuse further sends, and wait until sent messages are delivered.

        Args:
            seconds: Maximum time to wait; 0: do not wait.
        """
        channels = [channel for channel in self._channels.all if not channel.is_suspended]
        for channel in channels:
            channel.sending.refuse()
        if seconds > 0 and self._connection is not None:
            await self._drain.run(self._connection, channels, Deadline(seconds))
            if lost := sum(channel.sending.buffered_amount for channel in channels):
                logger.warning("%s: closed with %d bytes not sent", self._session.named, lost)

    def tell_server(self, failure: SessionClosed | None, text: str | None) -> None:
        """Have the signalling server tell the peer, if it still knows the session.

        Args:
            failure: Why the session ends; None: it was closed on purpose.
            text: What the peer is told.
        """
        if not self._session.id:
            return
        reason = with_reason(_reason_of(failure), text)
        if reason is not None:
            # A string of the user's may not be encodable in UTF-8.
            reason = str(reason)[:_REASON_CHARACTERS].encode(errors="replace").decode()
        try:
            self._path.end_session(reason)
        except ConnectionLost as error:
            logger.debug("%s: the server could not be told of its end: %s", self._session.named, error)

    async def say_goodbye(self, failure: SessionClosed | None, text: str | None) -> None:
        """Tell the peer in-band, and wait for the acknowledgement unless the peer is silent.

        Args:
            failure: Why the session ends; None: it was closed on purpose.
            text: What the peer is told.
        """
        control = self._path.control
        if control is None or self._connection is None:
            return
        goodbye = Goodbye(_reason_of(failure), text or "")
        is_heard = self._session.state is SessionState.CONNECTED
        if is_heard and goodbye != Goodbye():
            # SCTP is established after DTLS, so the channel may not be open yet; and an ABORT carries no reason.
            await control.wait_open(_GOODBYE_SECONDS)
        if control.say(goodbye) and is_heard:
            await self._drain.wait_acknowledged(self._connection, Deadline(_GOODBYE_SECONDS))

    async def close(self, negotiation: Negotiation | None) -> None:
        """Close the connection, after the step of its negotiation that is under way."""
        if self._connection is None:
            return
        if negotiation is not None:
            try:
                await asyncio.wait_for(negotiation.stop(), _GATHERING_SECONDS)
            except TimeoutError:
                logger.warning("%s: closed in the middle of its negotiation", self._session.named)
        try:
            await asyncio.wait_for(self._connection.close(), _CLOSE_SECONDS)
        except TimeoutError:
            logger.warning("%s: aiortc did not close it in time", self._session.named)
        except Exception:
            # The session ends even if aiortc fails.
            logger.exception("%s: aiortc failed to close it", self._session.named)


def _reason_of(failure: SessionClosed | None) -> SessionClosedReason:
    return "left" if failure is None else failure.reason
