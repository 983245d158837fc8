"""`Broadcast`: a data channel that a producer has in all of its sessions, behind its `BroadcastChannel`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Final

from .errors import ChannelClosed, ConnectionLost, MessageTooLarge, SessionClosed, WaitTimeout
from .signals import Signal
from .threads.owner import Owner
from .threads.waiting import Deadline
from .webrtc.channel_options import ChannelOptions
from .webrtc.live_channel import LiveChannel
from .webrtc.live_session import LiveSession
from .webrtc.message import Message, as_message
from .webrtc.session import DataChannel, Session, behind_session, channel_of, session_of

__all__ = ["Broadcast"]

_MAX_NAMED: Final = 10
"""Maximum number of sessions that an error names."""


class Broadcast:
    """What a producer works with of a channel of all its sessions; users hold the `BroadcastChannel`.

    Args:
        options: Options with which each session's channel is created.
        sessions: Returns the connected sessions.
        owns: Returns whether a session, unless it is closed, is one of the producer's.
        timeout: Seconds that `send` may take by default.
    """

    def __init__(
        self,
        options: ChannelOptions,
        sessions: Callable[[], list[LiveSession]],
        owns: Callable[[LiveSession], bool],
        timeout: float,
    ) -> None:
        self.options = options
        self._sessions = sessions
        self._owns = owns
        self._timeout = timeout
        self._process = Owner(f"broadcast channel {options.label!r}")
        # Guards `_heard`, to which the loop adds.
        self._lock = threading.Lock()
        self._heard: weakref.WeakSet[LiveChannel] = weakref.WeakSet()
        # Set by the channel that users hold, before the first session.
        self._message: Signal
        self._sender: object

    def forward_to(self, message: Signal, sender: object) -> None:
        """Set what emits the messages of all sessions, before the first session.

        Args:
            message: The signal.
            sender: Emits it.
        """
        self._message = message
        self._sender = sender

    @property
    def label(self) -> str:
        """The label of the channel, in every session."""
        return self.options.label

    @property
    def channels(self) -> list[DataChannel]:
        """The channel of each connected session, without closed channels."""
        channels = (session.channels.of_role(self.options) for session in self._sessions())
        return [channel_of(channel) for channel in channels if channel is not None and channel.state != "closed"]

    def send(self, data: str | bytes | bytearray | memoryview, timeout: float | None, session: Session | None) -> None:
        """Send a message; see `BroadcastChannel.send`."""
        self._process.check()
        message, size = as_message(data)
        deadline = Deadline(self._timeout if timeout is None else timeout)
        if session is not None:
            self._send_to_one(behind_session(session), message, size, deadline)
        else:
            self._send_to_all(message, size, deadline)

    def adopt(self, channel: LiveChannel, session: LiveSession) -> None:
        """Receive the messages of a session's channel, whenever the signal has receivers."""
        with self._lock:
            self._heard.add(channel)
        channel.inbox.forward_to(self._message, self._sender, session=session_of(session))

    def refresh_receivers(self) -> None:
        """Look again whether the signal has receivers."""
        with self._lock:
            heard = list(self._heard)
        for channel in heard:
            channel.inbox.refresh()

    def _send_to_one(self, session: LiveSession, message: Message, size: int, deadline: Deadline) -> None:
        # In this order: a session is closed first, and then no longer the producer's.
        if not self._owns(session) and session.state != "closed":
            raise ValueError(f"session must be one of this producer's, not {session.named}")
        try:
            if session.state == "closed":
                raise session.closed_error()
            session.role_channel(self.options, deadline).send(message, size, deadline.remaining())
        except SessionClosed as error:
            raise SessionClosed(self._cannot_send(session, error), error.reason) from error
        except ConnectionLost as error:
            raise ChannelClosed(self._cannot_send(session, error)) from error

    def _cannot_send(self, session: LiveSession, error: Exception) -> str:
        return f"cannot send on channel {self.label!r} with peer {session.peer_id}: {error}"

    def _send_to_all(self, message: Message, size: int, deadline: Deadline) -> None:
        sessions = self._sessions()
        limits = {session: session.link.max_message_size for session in sessions}
        small = [session for session, limit in limits.items() if limit is not None and size > limit]
        # First to the sessions that have room, then to the others.
        waiting = [session for session in sessions if session not in small and not self._offer(session, message, size)]
        late = [session for session in waiting if not self._send(session, message, size, deadline)]
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

    def _offer(self, session: LiveSession, message: Message, size: int) -> bool:
        """Queue a message if there is room; a session that has ended, or whose channel is closed, counts as served."""
        channel = session.channels.of_role(self.options)
        if channel is None:
            # The channel is about to be created.
            return False
        try:
            return channel.sending.offer(message, size)
        except ChannelClosed:
            return True

    def _send(self, session: LiveSession, message: Message, size: int, deadline: Deadline) -> bool:
        """Send a message unless the queue stays full; one that has ended, or whose channel is closed, counts as served."""
        try:
            self._send_to_one(session, message, size, deadline)
        except WaitTimeout:
            return False
        except (ChannelClosed, SessionClosed):
            return True
        return True


def _names(sessions: list[LiveSession]) -> str:
    names = [f"{each.id} with peer {each.peer_id}" for each in sessions]
    more = [f"{len(names) - _MAX_NAMED} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])
