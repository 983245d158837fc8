"""`ServerSignals`: a signal for every message of a signalling server."""

from __future__ import annotations

from ..protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
    Event,
    IceMessage,
    Peer,
    PeerAway,
    PeerBack,
    PeerStatusChanged,
    ProducerList,
    SdpMessage,
    SessionRequested,
    SessionStarted,
    Welcome,
)
from ..signals import Signal
from ..threads.callbacks import Callbacks

__all__ = ["ServerSignals"]


class ServerSignals:
    """The signals of a `SignallingClient`, emitted on its callback threads."""

    def __init__(self) -> None:
        self.welcomed = Signal("Connected: ``(client, peer_id)``.")
        self.peer_status_changed = Signal("A peer's status changed: ``(client, peer, roles)``; no roles: it left.")
        self.session_started = Signal("This consumer got a session: ``(client, peer_id, session_id)``.")
        self.session_requested = Signal("This producer got a session: ``(client, peer_id, session_id, offer)``.")
        self.session_ended = Signal("The other end ended a session: ``(client, session_id, error)``.")
        self.sdp_received = Signal("A session description: ``(client, session_id, type, sdp)``.")
        self.ice_received = Signal("A candidate: ``(client, session_id, candidate, sdp_m_line_index)``.")
        self.producers_listed = Signal("The answer to `list_producers`: ``(client, producers)``.")
        self.consumers_listed = Signal("The answer to `list_consumers`: ``(client, consumers)``.")
        self.error_received = Signal("The server refused something: ``(client, details)``.")
        self.connection_lost = Signal("The connection ended, not by `close`: ``(client, error)``.")

    def _announce(self, event: Event, callbacks: Callbacks) -> None:
        """Emit the signal of a message.

        Args:
            event: The message.
            callbacks: The threads of the receivers.
        """
        told = self._signal_of(event)
        if told is not None and told[0].receivers:
            signal, named = told
            callbacks.emit(signal, self, **named)

    def _signal_of(self, event: Event) -> tuple[Signal, dict[str, object]] | None:
        match event:
            case PeerAway() | PeerBack():
                # Sent only to peers with a resumption key, so to roles.
                return None
            case Welcome(peer_id):
                return self.welcomed, {"peer_id": peer_id}
            case PeerStatusChanged(peer_id, roles, meta):
                return self.peer_status_changed, {"peer": Peer(peer_id, meta), "roles": roles}
            case SessionStarted(peer_id, session_id):
                return self.session_started, {"peer_id": peer_id, "session_id": session_id}
            case SessionRequested(peer_id, session_id, offer):
                return self.session_requested, {"peer_id": peer_id, "session_id": session_id, "offer": offer}
            case EndSession(session_id):
                return self.session_ended, {"session_id": session_id, "error": None}
            case EndSessionV1_1(session_id, error):
                return self.session_ended, {"session_id": session_id, "error": error}
            case SdpMessage(session_id, sdp_type, sdp):
                return self.sdp_received, {"session_id": session_id, "type": sdp_type, "sdp": sdp}
            case IceMessage(session_id, candidate, index):
                return self.ice_received, {"session_id": session_id, "candidate": candidate, "sdp_m_line_index": index}
            case ProducerList(producers):
                return self.producers_listed, {"producers": producers}
            case ConsumerList(consumers):
                return self.consumers_listed, {"consumers": consumers}
            case Error(details):
                return self.error_received, {"details": details}
