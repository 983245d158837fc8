"""`BroadcastChannel`: one data channel of a producer, in all of its sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .errors import ChannelClosed, WaitTimeout
from .signals import Signal
from .threads.waiting import Deadline
from .webrtc.channel import DataChannel
from .webrtc.channel_options import ChannelOptions
from .webrtc.message import as_message
from .webrtc.session import Session

__all__ = ["BroadcastChannel"]


class BroadcastChannel:
    """A data channel that every session of a producer gets.

    Args:
        options: What each session's channel is created with.
        sessions: Gives the connected sessions.
        timeout: Seconds that `send` may take by default.
    """

    def __init__(self, options: ChannelOptions, sessions: Callable[[], list[Session]], timeout: float) -> None:
        self.options = options
        self._sessions = sessions
        self._timeout = timeout
        self.message = Signal(
            "A message arrived in a session: ``(channel, session, data)``, str or bytes. Without a receiver it waits for"
            " that session's own ``session.channel(label).recv()``.",
            self._on_receivers,
            self._on_receivers,
        )

    def __repr__(self) -> str:
        return f"<BroadcastChannel {self.label!r} in {len(self.channels)} sessions>"

    @property
    def label(self) -> str:
        """The label that it has in every session."""
        return self.options.label

    @property
    def channels(self) -> list[DataChannel]:
        """The channels of the connected sessions, one each."""
        return [channel for _, channel in self._targets()]

    def send(
        self,
        data: str | bytes | bytearray | memoryview,
        timeout: float | None = None,
        session: Session | None = None,
    ) -> None:
        """Send a message to all connected sessions, or to one; without any it goes nowhere.

        Sessions that have room get it at once. Then this blocks for those whose queue is full; the session of a peer that
        vanished is among them until its loss is noticed. A control loop gives ``timeout=0`` and drops for the slow.

        Args:
            data: A text or bytes; the other ends receive the same type.
            timeout: Seconds to wait for room; None: the producer's default.
            session: The only one to get it, for example the one that a message came from; None: all.

        Raises:
            TypeError: It is neither text nor bytes.
            MessageTooLarge: One of the other ends accepts no message of that size; none got it.
            WaitTimeout: The queues of the sessions it names stayed full; those did not get it, all others did.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        message, size = as_message(data)
        targets = [target for target in self._targets() if session is None or target[0] is session]
        for target, _ in targets:
            target.check_message_size(size)
        full = [target for target in targets if not _offer(target[1], message, size)]
        if not full:
            return
        deadline = Deadline(self._timeout if timeout is None else timeout)
        late = [target for target, channel in full if not _send(channel, message, deadline.remaining())]
        if late:
            raise WaitTimeout(
                f"sending on channel {self.label!r}: {len(late)} of {len(targets)} sessions had no room within"
                f" {deadline} and did not get the message: "
                + ", ".join(f"{each.id} with peer {each.peer_id}" for each in late[:10])
            )

    def adopt(self, channel: DataChannel) -> None:
        """Hear from a session's channel, whenever anybody here listens."""
        channel.forward_messages_to(self.message, self, session=channel.session)

    def _on_receivers(self) -> None:
        for _, channel in self._targets():
            channel.refresh_receivers()

    def _targets(self) -> Iterator[tuple[Session, DataChannel]]:
        for session in self._sessions():
            channel = next((channel for channel in session.channels if channel.label == self.label), None)
            if channel is not None:
                yield session, channel


def _offer(channel: DataChannel, message: str | bytes, size: int) -> bool:
    """Queue a message if there is room; a channel that is closed needs none."""
    try:
        return channel.offer(message, size)
    except ChannelClosed:
        return True


def _send(channel: DataChannel, message: str | bytes, seconds: float) -> bool:
    """Send unless the queue stays full; a channel that is closed, or closes meanwhile, needs no message."""
    try:
        channel.send(message, timeout=seconds)
    except WaitTimeout:
        return False
    except ChannelClosed:
        return True
    return True
