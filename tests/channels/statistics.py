"""What a session's statistics say of one of its data channels."""

from __future__ import annotations

from gst_signalling_sync import DataChannel

__all__ = ["count_of"]


def count_of(channel: DataChannel, member: str) -> int:
    """A count of a channel, by its name in the W3C's ``RTCDataChannelStats``. No other channel has the label."""
    statistics = next(each for each in channel.session.stats().values() if each.get("label") == channel.label)
    return int(statistics[member])
