"""`SignallingPath`: sends a session's descriptions and candidates to the other end, by the signalling server or in-band."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from ..errors import ConnectionLost, SessionClosed
from ..protocol.control import ControlMessage, InBandCandidate, InBandDescription
from ..protocol.messages import SdpType
from ..signalling import SignallingClient
from .control_channel import ControlChannel
from .engine.peer_connection import PeerConnection
from .session_status import SessionStatus

__all__ = ["SignallingPath"]

logger = logging.getLogger(__name__)


class SignallingPath:
    """The path of a session's signalling. Lives on the loop.

    Args:
        session: The session.
        signalling: The connection to the server.

    Attributes:
        session: The session, or the one that this connection resumes.
        is_relayed: Whether the server, as far as is known, relays the messages of this session.
        answers_in_band: Whether the other end's last description came in-band. The answer then goes the same way, because the
            server may still know an end that it does not reach.
        control: The control channel; None: it was not created yet.
    """

    def __init__(self, session: SessionStatus, signalling: SignallingClient) -> None:
        self.session = session
        self._signalling = signalling
        self.is_relayed = True
        self.answers_in_band = False
        self.control: ControlChannel | None = None

    def come_back(self, signalling: SignallingClient) -> None:
        """Go on with another connection to the server, which still knows the session."""
        self._signalling = signalling
        self.is_relayed = True

    def end_session(self, reason: str | None) -> None:
        """Have the server end the session; returns at once.

        Args:
            reason: What the other end is told; None: it is told no reason.

        Raises:
            ConnectionLost: There is no connection to the server.
        """
        self._signalling.end_session(self.session.id, reason)

    def tell_end(self) -> None:
        """Have the server end the session, if it knows it; returns at once."""
        if self.is_relayed:
            with contextlib.suppress(ConnectionLost):
                self.end_session(None)

    def open_control(
        self,
        connection: PeerConnection,
        on_message: Callable[[ControlMessage], None],
        opened: Callable[[], None] = lambda: None,
    ) -> ControlChannel:
        """The control channel, which is created at the first call.

        Args:
            connection: The session's connection.
            on_message: Called with each message of the other end.
            opened: Called when the channel is open.
        """
        if self.control is None:
            self.control = ControlChannel(connection.create_control_channel(), self.session.named, on_message, opened)
        return self.control

    def send_sdp(self, kind: SdpType, sdp: str) -> None:
        """Send a description.

        Args:
            kind: Offer or answer.
            sdp: The description.

        Raises:
            SessionClosed: The session is not connected yet, and cannot connect without the server.
            ConnectionLost: Neither the server nor the control channel reaches the peer.
        """
        named = self.session.named
        in_band = InBandDescription(kind, sdp)
        if kind is SdpType.ANSWER and self.answers_in_band and self.control is not None and self.control.say(in_band):
            return
        try:
            if self.is_relayed:
                self._signalling.send_sdp(self.session.id, kind, sdp)
                return
        except ConnectionLost as error:
            if not self.session.state.is_open:
                raise SessionClosed(f"{named}: {error}", "not connected") from error
        if self.control is None or not self.control.say(in_band):
            raise ConnectionLost(
                f"{named}: the {kind} cannot be sent: the signalling server does not know the session any more, and the"
                " peer is not one of this library, which would take it in-band"
            )

    def send_candidate(self, candidate: str, sdp_m_line_index: int) -> None:
        """Send a candidate. It is dropped if neither the server nor the control channel reaches the peer.

        Args:
            candidate: The candidate, as in ``a=candidate``.
            sdp_m_line_index: Index of its media section, from 0.
        """
        try:
            if self.is_relayed:
                self._signalling.send_ice(self.session.id, candidate, sdp_m_line_index)
                return
        except ConnectionLost as error:
            logger.debug("%s: a candidate could not be sent: %s", self.session.named, error)
        if self.control is not None:
            self.control.say(InBandCandidate(candidate, sdp_m_line_index))
