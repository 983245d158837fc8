"""`BroadcastChannel`: a data channel that a producer has in all of its sessions."""

from __future__ import annotations

from .broadcast import Broadcast
from .signals import Signal
from .webrtc.session import DataChannel, Session

__all__ = ["BroadcastChannel"]


class BroadcastChannel:
    """A data channel that a producer has in all of its sessions; made by `Producer.add_channel`.

    Example:
        state = robot.add_channel("state", ordered=False, max_retransmits=0)
        with robot:
            state.send("standing", timeout=0)  # to every consumer that has room for it

    Signals:
        message(channel, session, data): A message arrived in a session, on a channel with this label.

    Args:
        broadcast: What the producer works with of the channel.
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self.message = Signal(
            "A message arrived in a session, on any channel of this label: ``(channel, session, data)``, str or bytes. Without"
            " a receiver it waits for that session's own ``session.channel(label).recv()``.",
            broadcast.refresh_receivers,
            broadcast.refresh_receivers,
        )
        broadcast.forward_to(self.message, self)

    def __repr__(self) -> str:
        return f"<BroadcastChannel {self.label!r} in {len(self.channels)} sessions>"

    @property
    def label(self) -> str:
        """The label of the channel, in every session."""
        return self._broadcast.label

    @property
    def channels(self) -> list[DataChannel]:
        """The channel of each connected session, without closed channels."""
        return self._broadcast.channels

    def send(
        self,
        data: str | bytes | bytearray | memoryview,
        timeout: float | None = None,
        session: Session | None = None,
    ) -> None:
        """Send a message to all connected sessions, or to one of them.

        Sessions that have room get the message at once. Then this blocks for sessions whose queue is full, which includes a
        peer that vanished, until its loss is noticed. A control loop passes ``timeout=0``, so that slow sessions miss messages.
        A session that cannot take the message does not keep it from the others. Sessions in which the channel has been closed
        are left out. Without connected sessions, the message is dropped.

        A single `session` can be sent to from `Producer.session_requested` on. Until it is connected, the message is queued.

        Args:
            data: String or bytes; the other ends receive the same type.
            timeout: Seconds to wait for room. Defaults to the producer's timeout.
            session: The only session to send to, for example that of a received message. Defaults to all sessions.

        Raises:
            TypeError: `data` is neither a string nor bytes.
            MessageTooLarge: The named sessions accept no message of that size. They did not get it; all others did.
            WaitTimeout: The queues of the named sessions stayed full. These did not get the message; all others did.
            SessionClosed: `session` is closed; the message was not sent.
            ChannelClosed: The channel is closed in `session`, or the producer is closed; the message was not sent.
            ValueError: `session` is not one of this producer's, or the string cannot be encoded in UTF-8.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        self._broadcast.send(data, timeout, session)
