"""The ids that a signalling server has given."""

from __future__ import annotations

from gst_signalling_sync import Consumer, Listener, Producer, SignallingClient

__all__ = ["id_of"]


def id_of(peer: SignallingClient | Producer | Consumer | Listener) -> str:
    """The id of a connected peer."""
    assert peer.peer_id is not None
    return peer.peer_id
