"""`Requests`: what a client asks and tells a signalling server, over the connection that the client has at the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..errors import ProtocolError
from ..protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    ProducerList,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SetPeerStatus,
    StartSession,
)
from ..threads.waiting import Deadline
from .answers import SessionEvent, list_request, session_request, status_request
from .exchange import Exchange
from .pending import PendingRequest

__all__ = ["Requests"]

Result = TypeVar("Result")


class Requests:
    """The requests of one client. Every method may be called from any thread.

    All raise `ConnectionLost` if there is no connection. Those with a deadline wait for the server's answer, and raise
    `WaitTimeout` without one, and `ServerError` if the server refuses.

    Args:
        uri: The server's URI, for errors.
        connected: Returns the connection; raises `ConnectionLost` if there is none.
    """

    def __init__(self, uri: str, connected: Callable[[], Exchange]) -> None:
        self._uri = uri
        self._connected = connected

    def register(
        self, roles: Iterable[Role | str], meta: Any, accept: Callable[[tuple[Peer, ...]], Result], deadline: Deadline
    ) -> Result:
        """Register roles and meta.

        Args:
            roles: The roles to register.
            meta: The meta to register.
            accept: Called on the reader with the producers just after the change, before any later message is handled; must not
                block.
            deadline: For the server's answer.

        Returns:
            The result of `accept`.

        Raises:
            ProtocolError: A role is unknown, or `meta` is not a JSON value.
        """
        names = (roles,) if isinstance(roles, str) else roles
        try:
            request = SetPeerStatus(tuple(Role(role) for role in names), meta)
        except ValueError as error:
            raise ProtocolError(f"setting the status: {error}") from None
        doing = f"registering as {', '.join(request.roles) or 'no role'} at {self._uri}"
        status, listed = status_request(accept, doing)
        self._connected().ask([(status, request), (listed, ListProducers())])
        status.wait(deadline, doing)
        result: Result = listed.wait(deadline, doing)
        return result

    def list_producers(self, deadline: Deadline) -> list[Peer]:
        """The producers, in the server's order."""
        doing = f"listing the producers of {self._uri}"
        answer: ProducerList = self._ask(list_request(ProducerList, doing), ListProducers(), deadline, doing)
        return list(answer.producers)

    def list_consumers(self, deadline: Deadline) -> list[Peer]:
        """The passive consumers, in the server's order."""
        doing = f"listing the consumers of {self._uri}"
        answer: ConsumerList = self._ask(list_request(ConsumerList, doing), ListConsumers(), deadline, doing)
        return list(answer.consumers)

    def start_session(
        self, peer_id: str, offer: str | None, accept: Callable[[SessionEvent], Result], deadline: Deadline
    ) -> Result:
        """Ask for a session. If the answer comes too late, the session is ended.

        Args:
            peer_id: The other end.
            offer: An SDP offer for the producer to answer; None: the producer makes the offer.
            accept: Called on the reader with the server's answer, before any later message of the session is handled; must not
                block.
            deadline: For the server's answer.

        Returns:
            The result of `accept`.

        Raises:
            PeerNotFound: There is no such peer.
        """
        doing = f"starting a session with peer {peer_id} at {self._uri}"

        def end_unwanted(event: SessionEvent) -> None:
            self.end_session(event.session_id, "the caller gave up waiting")

        request = session_request(peer_id, accept, end_unwanted, doing)
        result: Result = self._ask(request, StartSession(peer_id, offer), deadline, doing)
        return result

    def end_session(self, session_id: str, error: str | None) -> None:
        """End a session; returns at once."""
        if error is not None:
            self._connected().send(EndSessionV1_1(session_id, error))
        # A server older than 1.1 ignores the first message, a newer one the second.
        self._connected().send(EndSession(session_id))

    def send_sdp(self, session_id: str, kind: SdpType | str, sdp: str) -> None:
        """Send a session description; returns at once.

        Raises:
            ProtocolError: The kind is unknown.
        """
        try:
            sdp_type = SdpType(kind)
        except ValueError as error:
            raise ProtocolError(f"sending a session description: {error}") from None
        self._connected().send(SdpMessage(session_id, sdp_type, sdp))

    def send_ice(self, session_id: str, candidate: str, sdp_m_line_index: int) -> None:
        """Send a candidate; returns at once."""
        self._connected().send(IceMessage(session_id, candidate, sdp_m_line_index))

    def _ask(self, request: PendingRequest, message: Request, deadline: Deadline, doing: str) -> Any:
        """Ask the server and wait for the result."""
        self._connected().ask([(request, message)])
        return request.wait(deadline, doing)
