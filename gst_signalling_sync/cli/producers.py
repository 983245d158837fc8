"""Which producer a user means, and that it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gst_signalling_sync

if TYPE_CHECKING:
    from .. import Endpoint, Peer, Session

__all__ = ["departure", "producer_called"]


def producer_called(name: str, endpoint: Endpoint, timeout: float) -> Peer:
    """The producer that a user names.

    Args:
        name: Its name or its peer id.
        endpoint: The signalling server.
        timeout: Seconds that the server may take to answer.

    Returns:
        The producer.

    Raises:
        PeerNotFound: There is none; the message says which there are.
        SignallingError: The server could not be asked.
    """
    for producer in gst_signalling_sync.list_producers(endpoint, timeout=timeout):
        if name in (producer.id, producer.name):
            return producer
    # It raises an error that says which there are; or it is there by now.
    return gst_signalling_sync.find_producer(name, endpoint, timeout=timeout)


def departure(name: str, session: Session) -> str:
    """What to say of a producer that ended a session.

    Args:
        name: What the user calls it.
        session: The session, closed.
    """
    reason = f": {session.error}" if session.error else ""
    return f"{name!r} left{reason}"
