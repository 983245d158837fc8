"""An SCTP association as WebRTC uses it (RFC 8831, RFC 9260). No I/O and no clock.

The entry point is `Association`. Its driver gives it datagrams and the time, and takes packets, events and the time of the next
timeout from it.
"""

from __future__ import annotations

from .association import Association
from .chunks import MalformedPacket
from .events import (
    Acknowledged,
    Closed,
    Established,
    Event,
    Expired,
    HeartbeatAnswered,
    IncomingReset,
    OutgoingReset,
    PeerLeft,
    Received,
    Sent,
)
from .message import Message
from .settings import Settings
from .state import State

__all__ = [
    "Acknowledged",
    "Association",
    "Closed",
    "Established",
    "Event",
    "Expired",
    "HeartbeatAnswered",
    "IncomingReset",
    "MalformedPacket",
    "Message",
    "OutgoingReset",
    "PeerLeft",
    "Received",
    "Sent",
    "Settings",
    "State",
]
