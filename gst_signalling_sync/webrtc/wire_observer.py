"""`WireObserver`: passes the calls of one wire to a channel, until the channel goes on with another wire."""

from __future__ import annotations

from .engine.data import ChannelObserver
from .message import Message

__all__ = ["WireObserver"]


class WireObserver:
    """The observer of a wire.

    Args:
        channel: Gets the calls.
    """

    def __init__(self, channel: ChannelObserver) -> None:
        self._channel: ChannelObserver | None = channel

    def forget(self) -> None:
        """Pass no more calls."""
        self._channel = None

    def on_open(self) -> None:
        """Handle the opening of the wire."""
        if self._channel is not None:
            self._channel.on_open()

    def on_message(self, message: Message) -> None:
        """Handle a message."""
        if self._channel is not None:
            self._channel.on_message(message)

    def on_room(self) -> None:
        """Handle that SCTP has room for more messages."""
        if self._channel is not None:
            self._channel.on_room()

    def on_close(self) -> None:
        """Handle the end of the wire."""
        if self._channel is not None:
            self._channel.on_close()
