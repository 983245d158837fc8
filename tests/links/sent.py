"""`target`: the bitrate with which a consumer's frames are encoded."""

from __future__ import annotations

from gst_signalling_sync import Producer

__all__ = ["target"]


def target(producer: Producer, session_id: str) -> int:
    """The target of the encoder whose frames a session gets, in bit/s; 0: none is known.

    Args:
        producer: The session's producer.
        session_id: The session's id, which both of its ends have.
    """
    for session in producer.sessions:
        if session.id == session_id:
            for each in session.stats().values():
                if each["type"] == "outbound-rtp":
                    return int(each.get("targetBitrate", 0))
    return 0
