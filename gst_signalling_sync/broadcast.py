"""`BroadcastChannel`: one data channel of a producer, in all of its sessions."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Final

from .errors import ChannelClosed, ConnectionLost, MessageTooLarge, SessionClosed, WaitTimeout
from .signals import Signal
from .threads.waiting import Deadline
from .webrtc.channel import DataChannel
from .webrtc.channel_options import ChannelOptions
from .webrtc.message import Message, as_message
from .webrtc.session import Session

__all__ = ["BroadcastChannel"]

_MAX_NAMED: Final = 10
"""Sessions that an error names."""


class BroadcastChannel:
    """A data channel that every session of a producer gets.

    Example:
        state = robot.add_channel("state", ordered=False, max_retransmits=0)
        with robot:
            state.send("standing", timeout=0)  # to every consumer that has room for it

    Signals:
        message(channel, session, data): A message arrived in a session, on any channel of this label.

    Args:
        options: What each session's channel is created with.
        sessions: Gives the connected sessions.
        owns: Whether a session that is not closed is one of the producer's.
        timeout: Seconds that `send` may take by default.
    """

    def __init__(
        self,
        options: ChannelOptions,
        sessions: Callable[[], list[Session]],
        owns: Callable[[Session], bool],
        timeout: float,
    ) -> None:
        self.options = options
        self._sessions = sessions
        self._owns = owns
        self._timeout = timeout
        # Guards the channels that are heard, which the loop adds to.
        self._lock = threading.Lock()
        self._heard: weakref.WeakSet[DataChannel] = weakref.WeakSet()
        self.message = Signal(
            "A message arrived in a session, on any channel of this label: ``(channel, session, data)``, str or bytes. Without"
            " a receiver it waits for that session's own ``session.channel(label).recv()``.",
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
        """The channels of the connected sessions, one each; without those that are closed."""
        channels = (session.link.role_channel(self.options) for session in self._sessions())
        return [channel for channel in channels if channel is not None and channel.state != "closed"]

    def send(
        self,
        data: str | bytes | bytearray | memoryview,
        timeout: float | None = None,
        session: Session | None = None,
    ) -> None:
        """Send a message to all connected sessions, or to one; without any it goes nowhere.

        Sessions that have room get it at once. Then this blocks for those whose queue is full; the session of a peer that
        vanished is among them until its loss is noticed. A control loop gives ``timeout=0`` and drops for the slow. What one
        session cannot take does not keep it from the others. A session in which the channel has been closed is left out.

        With `session` it goes to that one alone, from `Producer.session_requested` on: before the session is connected, the
        message waits for that.

        Args:
            data: A string or bytes; the other ends receive the same type.
            timeout: Seconds to wait for room; None: the producer's default.
            session: The only one to get it, for example the one that a message came from; None: all.

        Raises:
            TypeError: It is neither a string nor bytes.
            MessageTooLarge: The sessions that it names accept no message of that size and did not get it, all others did.
            WaitTimeout: The queues of the sessions that it names stayed full; those did not get it, all others did.
            SessionClosed: The one `session` is closed; the message was not sent.
            ChannelClosed: The channel is closed in the one `session`, or the producer is; the message was not sent.
            ValueError: `session` is not one of this producer's, or the string cannot be encoded in UTF-8.
            RuntimeError: The channel was inherited by `fork`, or this would block the event loop.
        """
        message, size = as_message(data)
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if session is not None:
            self._send_to_one(session, message, deadline)
        else:
            self._send_to_all(message, size, deadline)

    def adopt(self, channel: DataChannel) -> None:
        """Hear from a session's channel, whenever anybody here listens."""
        with self._lock:
            self._heard.add(channel)
        channel.forward_messages_to(self.message, self, session=channel.session)

    def _on_receivers(self) -> None:
        with self._lock:
            heard = list(self._heard)
        for channel in heard:
            channel.refresh_receivers()

    def _send_to_one(self, session: Session, message: Message, deadline: Deadline) -> None:
        # In this order: one that is closed is disowned afterwards.
        if not self._owns(session) and session.state != "closed":
            raise ValueError(f"{session.named} is not one of this producer's")
        try:
            if session.state == "closed":
                raise session.closed_error()
            session.role_channel(self.options, deadline).send(message, timeout=deadline.remaining())
        except SessionClosed as error:
            raise SessionClosed(self._cannot_send(session, error), error.reason) from error
        except ConnectionLost as error:
            raise ChannelClosed(self._cannot_send(session, error)) from error

    def _cannot_send(self, session: Session, error: Exception) -> str:
        return f"cannot send on channel {self.label!r} with peer {session.peer_id}: {error}"

    def _send_to_all(self, message: Message, size: int, deadline: Deadline) -> None:
        sessions = self._sessions()
        limits = {session: session.link.max_message_size for session in sessions}
        small = [session for session, limit in limits.items() if limit is not None and size > limit]
        # First to those that have room, then to those that have none.
        waiting = [session for session in sessions if session not in small and not self._offer(session, message, size)]
        late = [session for session in waiting if not self._send(session, message, deadline)]
        timed_out = None
        if late:
            timed_out = WaitTimeout(
                f"sending on channel {self.label!r}: {len(late)} of {len(sessions)} sessions had no room within"
                f" {deadline} and did not get the message: {_names(late)}"
            )
        if small:
            raise MessageTooLarge(
                f"sending on channel {self.label!r}: a message of {size} bytes is too large for {len(small)} of"
                f" {len(sessions)} sessions, which accept up to {min(limits[session] or 0 for session in small)} bytes and"
                f" did not get it: {_names(small)}. Send it in parts."
            ) from timed_out
        if timed_out is not None:
            raise timed_out

    def _offer(self, session: Session, message: Message, size: int) -> bool:
        """Queue a message if there is room; a session that has ended, or whose channel is closed, needs none."""
        channel = session.link.role_channel(self.options)
        if channel is None:
            # It is about to be created.
            return False
        try:
            return channel.offer(message, size)
        except ChannelClosed:
            return True

    def _send(self, session: Session, message: Message, deadline: Deadline) -> bool:
        """Send unless the queue stays full; a session that has ended, or whose channel is closed, needs no message."""
        try:
            self._send_to_one(session, message, deadline)
        except WaitTimeout:
            return False
        except (ChannelClosed, SessionClosed):
            return True
        return True


def _names(sessions: list[Session]) -> str:
    names = [f"{each.id} with peer {each.peer_id}" for each in sessions]
    more = [f"{len(names) - _MAX_NAMED} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])
