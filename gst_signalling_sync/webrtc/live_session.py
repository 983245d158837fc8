"""`LiveSession`: what is behind a `Session`, for its role. It goes on with another `Link` when the session is resumed.

The loop writes the state and the list of channels. Any thread reads them, and waits for changes on `SessionStatus.changed`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..errors import ConnectionLost, SessionClosed, TrackNotFound
from ..limit_counts import LimitCounts
from ..signalling import SignallingClient
from ..signals import Signal
from ..threads.callbacks import Callbacks
from ..threads.loop_thread import LoopThread
from ..threads.waiting import Deadline
from .channel_options import ChannelOptions
from .channels import Channels
from .clock_offset import ClockOffset
from .engine.data import WireChannel
from .link import Link
from .linked_session import LinkedSession
from .live_channel import ChannelFace, LiveChannel
from .media.received_media import ReceivedMedia
from .session_settings import SessionSettings
from .session_state import SessionState
from .statistics import Statistics, current_timestamp
from .termination import ENDING_SECONDS

__all__ = ["LiveSession", "SessionFace"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class SessionFace(Protocol):
    """The session that users hold, which is the sender of the signals."""

    channel_opened: Signal
    state_changed: Signal
    closed: Signal
    track_added: Signal
    track_removed: Signal


class LiveSession(LinkedSession):
    """A session with one peer.

    Args:
        face: The session that users hold.
        peer_id: The id of the peer at the signalling server.
        signalling: The connection to the signalling server.
        loop: The loop of this process's WebRTC.
        callbacks: The callback threads.
        settings: The settings of the session.
        make_channel: Makes the object of a data channel that users hold; it is given what makes the live channel behind it.
        met: Counts the limits that the peer meets.
    """

    def __init__(
        self,
        face: SessionFace,
        peer_id: str,
        signalling: SignallingClient,
        loop: LoopThread,
        callbacks: Callbacks,
        settings: SessionSettings,
        make_channel: Callable[[Callable[[ChannelFace], LiveChannel]], LiveChannel],
        met: LimitCounts,
    ) -> None:
        super().__init__(peer_id, loop)
        self.face = face
        """The session that users hold."""
        self.timeout = settings.timeout
        """Seconds that a blocking call may take by default."""
        self._loop = loop
        self._callbacks = callbacks
        self._make_channel = make_channel
        self._close_all: Callable[[float | None], None] | None = None
        # Counts of met limits, of links before the present one.
        self._met_before: Counter[str] = Counter()

        self.is_asked_for_by_peer = False
        """Whether the other end started the session; set by the role."""
        self.settled: Callable[[LiveSession], None] = lambda session: None
        """Called on the loop when the session is connected, and when it is closed; set by the role."""
        self.adopted: Callable[[LiveSession, LiveChannel], None] = lambda session, channel: None
        """Called on the loop with each data channel before anything arrives on it; set by the role."""
        self.broken: Callable[[LiveSession, SessionClosed], bool] = lambda session, error: False
        """Called on the loop when the open session breaks; returns whether it is resumed. Set by the role."""
        self.interrupted: Callable[[LiveSession], None] = lambda session: None
        """Called on the loop when the session is interrupted; set by the role."""
        self.finished: Callable[[LiveSession], None] = lambda session: None
        """Called on the loop when the session is closed and has no thread left; set by the role."""
        self.resumes: LiveSession | None = None
        """The session that goes on with this one's connection; None: this is a session of its own. Set by the role."""
        self.resends = False
        """Whether messages that were not acknowledged are sent again when the session is resumed; set by the role."""

        self.media = ReceivedMedia(
            loop,
            callbacks,
            settings.timeout,
            lambda track: callbacks.emit(face.track_added, face, track=track),
            lambda track: callbacks.emit(face.track_removed, face, track=track),
        )
        self.channels = Channels(self, self, self.media, settings.limits, face.channel_opened, face, callbacks)
        self.link = Link(self, signalling, loop, settings, met)
        """The session's link."""

    @property
    def refusals(self) -> dict[str, int]:
        """How often the peer has met each limit, by the limit's name. Empty in a forked child."""
        if not self.process.is_here:
            return {}
        return dict(self._met_before + Counter(self.link.met.counts))

    def deadline(self, timeout: float | None) -> Deadline:
        """The deadline of a blocking call.

        Args:
            timeout: Seconds; None: the role's timeout.
        """
        return Deadline(self.timeout if timeout is None else timeout)

    def run(self, coroutine: Coroutine[Any, Any, Result], deadline: Deadline, doing: str) -> Result:
        """Run a coroutine on the loop, and wait for its result.

        Raises:
            ConnectionLost: The role is closed.
            WaitTimeout: The event loop was too busy.
            RuntimeError: This would block the event loop.
        """
        return self._loop.run(coroutine, deadline, f"{doing} {self.named}")

    def create_channel(self, options: ChannelOptions, deadline: Deadline) -> LiveChannel:
        """Create a data channel for a caller.

        Raises:
            SessionClosed: The session is closed.
            ChannelClosed: The peer accepts no data channels.
            WaitTimeout: The event loop was too busy.
            RuntimeError: This would block the event loop.
        """
        if self.state is SessionState.CLOSED:
            raise self.closed_error(f"creating data channel {options.label!r}")

        async def create() -> LiveChannel:
            channel = self.link.create_channel(options)
            channel.is_given_out = True
            return channel

        return self.run(create(), deadline, f"creating data channel {options.label!r} on")

    def role_channel(self, options: ChannelOptions, deadline: Deadline) -> LiveChannel:
        """The session's channel for one of the role's, which is created if the session has not had it. It may be closed.

        Raises:
            SessionClosed: The session is closed.
            ConnectionLost: The role is closed.
            WaitTimeout: The event loop was too busy.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        channel = self.channels.of_role(options)
        if channel is not None:
            return channel
        self.process.check()
        if self.state is SessionState.CLOSED:
            raise self.closed_error()

        async def ensure() -> LiveChannel:
            return self.link.ensure_channel(options)

        return self.run(ensure(), deadline, f"creating data channel {options.label!r} on")

    def no_track_error(self, kind: str) -> TrackNotFound:
        """The error of a call for a track that the peer does not send.

        Args:
            kind: What was wanted, such as ``"video"``.
        """
        if self.state is SessionState.CONNECTING:
            return TrackNotFound(f"{self.named} is not connected yet: its tracks are not known")
        tracks = [
            *(f"video {video.name!r}" for video in self.media.videos),
            *(f"audio {audio.name!r}" for audio in self.media.audios),
        ]
        refused = self.link.refused.get(kind, [])
        because = f" ({'; '.join(refused)})" if refused else ""
        return TrackNotFound(
            f"{self.named}: the peer sends no such {kind}{because}; its tracks: {', '.join(tracks) or 'none'}"
        )

    async def stats(self) -> Statistics:
        """The statistics of the session; on the loop."""
        now = current_timestamp()
        named = {f"data-channel-{number}": channel.stats() for number, channel in enumerate(self.channels.all)}
        channels = {
            key: {"id": key, "timestamp": now, **{name: each for name, each in members.items() if each is not None}}
            for key, members in named.items()
        }
        return {**await self.link.stats(), **channels}

    def wait_connected(self, deadline: Deadline) -> None:
        """Wait until the session is connected.

        Raises:
            WaitTimeout: The session did not connect in time.
            SessionClosed: The session ended before it was connected.
            RuntimeError: This would block the event loop.
        """
        if not self.wait_state(lambda state: state is not SessionState.CONNECTING, deadline):
            raise self.link.not_connected_error(deadline.seconds)
        if self.state is SessionState.CLOSED:
            raise self.closed_error()

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent, then end the session at both ends, or what exists for this session alone."""
        if self._close_all is not None:
            self._close_all(timeout)
            return
        if self.state is SessionState.CLOSED and self._loop.is_current:
            return
        # A session that the other end has ended may still have work to finish here.
        deadline = self.deadline(timeout)
        ending = Deadline(deadline.seconds + ENDING_SECONDS)

        async def end() -> None:
            # The session may have gone on with another link by now.
            await self.link.termination.run(drain_seconds=deadline.seconds)

        try:
            self.run(end(), ending, "closing")
        except ConnectionLost:
            logger.debug("closing %s: its role object was closed at the same time", self.named)
        self.media.finish_recordings(deadline)

    def abandon(
        self, error: Exception | None, told_peer: str | None = None, *, only_while: SessionState | None = None
    ) -> None:
        """End the session at both ends without delivering queued messages; returns at once.

        A session whose link another one goes on with has ended already.

        Args:
            error: Error that the signal ``closed`` reports; None: there is no error.
            told_peer: Reason that the other end is told. Defaults to None: it is told no reason.
            only_while: The state that it must have when the loop ends it. Defaults to None: any state.
        """

        def end() -> None:
            link = self.link
            if link.session is self and only_while in (None, self.state):
                link.spawn(link.termination.run(error, told_peer))

        self._loop.call(end)

    def close_with(self, close_all: Callable[[float | None], None]) -> None:
        """Call a function when this session is closed by either end; for objects that exist for this session alone."""
        self._close_all = close_all
        self.face.closed.connect(lambda session, error: close_all(None))
        if self.state is SessionState.CLOSED:
            # The signal may have been emitted before the receiver was connected.
            close_all(None)

    # What follows is called on the loop.

    def go_on_with(self, successor: LiveSession) -> None:
        """Go on with the link of another session, which was made for this.

        Args:
            successor: The other session, which is connected. What it has received is taken over.
        """
        self.id, self.peer_id = successor.id, successor.peer_id
        self._met_before.update(self.link.met.counts)
        self.link.termination.leave_session()
        self.link = successor.link
        self.media.go_on_with(successor.media, self.named)
        self.link.go_on_for(self)
        self.enter(SessionState.CONNECTED)

    # What follows is called by the link.

    @property
    def is_overwhelmed(self) -> bool:
        """Whether the queue of callbacks is full, so that the peer may open no more channels."""
        return self._callbacks.is_full

    def enter(self, state: SessionState, error: SessionClosed | None = None) -> None:
        """Change the state, and tell waiting threads, receivers and the role."""
        before = self.set_state(state, error)
        logger.info("%s: %s", self.named, state if error is None else f"{state}: {error}")
        if state is SessionState.INTERRUPTED:
            self.interrupted(self)
        if SessionState.INTERRUPTED in (before, state) and state in (SessionState.INTERRUPTED, SessionState.CONNECTED):
            self.channels.drop_queued()
        self._callbacks.emit(self.face.state_changed, self.face, state=state)
        if state is SessionState.CLOSED:
            self._callbacks.emit(self.face.closed, self.face, error=error)
        if state is SessionState.CLOSED or before is SessionState.CONNECTING:
            self.settled(self)

    def break_off(self, error: SessionClosed) -> bool:
        """Suspend the channels until there is another connection, if the session is resumed."""
        if not self.state.is_open or not self.broken(self, error):
            return False
        self.channels.suspend(self.resends)
        logger.info("%s: %s", self.named, error)
        self.enter(SessionState.RESUMING)
        return True

    def on_finished(self) -> None:
        """Tell the role that the session is closed and has no thread left."""
        self.finished(self)

    # What follows is called by the channels.

    @property
    def max_message_size(self) -> int | None:
        """Maximum size of a message that the other end accepts, in bytes; None: it is not known yet, or there is none."""
        return self.link.max_message_size

    @property
    def clock_offset(self) -> ClockOffset | None:
        """The value of `Session.clock_offset`."""
        return self.link.clock_offset

    def make_channel(self, wire: WireChannel, options: ChannelOptions | None) -> LiveChannel:
        """Make a data channel with the object that users hold."""

        def make_live(face: ChannelFace) -> LiveChannel:
            return LiveChannel(face, self.channels, wire, self._loop, self._callbacks, options)

        return self._make_channel(make_live)

    def on_adopted(self, channel: LiveChannel) -> None:
        """Tell the role of a new channel."""
        self.adopted(self, channel)

    def note_limit(self, limit: str) -> None:
        """Count that the peer has met a limit."""
        self.link.met.note(limit)
