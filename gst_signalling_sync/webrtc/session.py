"""`Session`: a WebRTC session with one peer, as callers' threads see it. What it is on the loop is its `Link`.

The state and the list of channels are written on the loop and read by any thread, which waits for changes on `_changed`.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from aiortc import RTCPeerConnection

from ..errors import ConnectionLost, MessageTooLarge, SessionClosed, TrackNotFound, WaitTimeout
from ..ice_options import IceOptions
from ..limit_counts import LimitCounts
from ..protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from ..signalling import SignallingClient
from ..signals import Signal
from ..threads.callbacks import Callbacks
from ..threads.interruptible import Condition
from ..threads.loop_thread import LoopThread
from ..threads.owner import Owner
from ..threads.waiting import Deadline, wait_for
from .channel import DataChannel
from .channel_options import ChannelOptions
from .clock_offset import ClockOffset
from .engine.data import WireChannel
from .link import ENDING_SECONDS, Link
from .liveness import DEFAULT_INTERRUPTED_AFTER
from .media.received_media import ReceivedMedia
from .media.track_choice import EVERYTHING, TrackChoice
from .media.track_names import NamedTracks
from .quality import Quality
from .session_state import TRANSITIONS, SessionState
from .statistics import Statistics, current_timestamp

if TYPE_CHECKING:
    from .media.receiving.audio_receiver import AudioReceiver
    from .media.receiving.video_receiver import VideoReceiver
    from .media.recording.recorder import Recorder
    from .media.sending.sent_tracks import SentTracks

__all__ = ["Session", "SessionState"]

logger = logging.getLogger(__name__)

Receiver = TypeVar("Receiver")

_MAX_UNREAD_CHANNELS: Final = 16


class Session:
    """A WebRTC session with one peer; made by roles, not by users. A context manager that closes on exit.

    Every method may be called from any thread and from callbacks.

    Example:
        with connect(name="robot") as session:
            session.closed.connect(lambda session, error: print("ended:", error or "on purpose"))
            with session.record("run.mp4"):
                print(session.channel("state").recv())
                print(session.quality())

    Signals:
        channel_opened(session, channel): A data channel is open, whichever end created it.
        state_changed(session, state): The state is another.
        closed(session, error): The session ended; nothing follows.
        track_added(session, track): The other end sends another track: a `VideoReceiver` or an `AudioReceiver`.
        track_removed(session, track): The other end has removed a track, which has ended.
    """

    def __init__(
        self,
        peer_id: str,
        signalling: SignallingClient,
        loop: LoopThread,
        callbacks: Callbacks,
        timeout: float,
        ice: IceOptions,
        interrupted_after: float = DEFAULT_INTERRUPTED_AFTER,
        limits: SessionLimits = DEFAULT_SESSION_LIMITS,
        tracks: TrackChoice = EVERYTHING,
        met: LimitCounts | None = None,
        *,
        sent: SentTracks | None = None,
        offers: bool = True,
    ) -> None:
        self.id = ""
        """The id that the signalling server gave the session; another one once the session was resumed."""
        self.peer_id = peer_id
        """The id of the peer at the signalling server; another one once the session was resumed with a new peer."""
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._limits = limits
        self.is_asked_for_by_peer = False
        """Whether the other end started it; its role sets it."""
        self._owner = Owner("session")
        self._close_all: Callable[[float | None], None] | None = None

        # Guards what follows; notified whenever any of it changes.
        self._changed = Condition()
        self._state = SessionState.CONNECTING
        self._error: SessionClosed | None = None
        self._channels: list[DataChannel] = []
        # Of the connections before the present one, where the session was resumed.
        self._met_before: Counter[str] = Counter()
        # Closed by the other end before anybody here had asked for them; what came on them is not lost.
        self._unread_channels: deque[DataChannel] = deque(maxlen=_MAX_UNREAD_CHANNELS)

        self.channel_opened = Signal("A data channel is open, whichever end created it: ``(session, channel)``.")
        self.state_changed = Signal(
            '``(session, state)``: ``"connected"``; ``"interrupted"`` and ``"connected"`` again, as often as it happens; and'
            ' ``"closed"``.'
        )
        self.closed = Signal(
            "The session ended; nothing follows: ``(session, error)``, a `SessionClosed`, or None where one of the two ends"
            " closed it on purpose."
        )
        self.track_added = Signal(
            "The other end sends another track: ``(session, track)``, a `VideoReceiver` or an `AudioReceiver`. Those that it"
            " sends from the beginning come too, before ``connected``, where there is a receiver already."
        )
        self.track_removed = Signal(
            "The other end has removed a track: ``(session, track)``. What waits for a frame of it raises `TrackRemoved`."
        )
        self.settled: Callable[[Session], None] = lambda session: None
        """Called on the loop once the session is connected, and once it is closed; the session's role sets it."""
        self.adopted: Callable[[DataChannel], None] = lambda channel: None
        """Called on the loop with each data channel before anything arrives on it; the session's role sets it."""
        self.broken: Callable[[Session, SessionClosed], bool] = lambda session, error: False
        """Called on the loop when an open session breaks: whether it is resumed; its role sets it."""
        self.interrupted: Callable[[Session], None] = lambda session: None
        """Called on the loop when it is interrupted; its role sets it."""
        self.resumes: Session | None = None
        """The session that goes on with this one's connection, for which alone it was made; its role sets it."""
        self.resends = False
        """Whether what was not acknowledged is sent again when it is resumed; its role sets it."""
        self.finished: Callable[[Session], None] = lambda session: None
        """Called on the loop when the session is closed and has no thread left; the session's role sets it."""
        self.media = ReceivedMedia(loop, callbacks, timeout, self._on_track_added, self._on_track_removed)
        """What the session receives of video and audio; for its link and its role."""
        self.link = Link(self, signalling, loop, ice, interrupted_after, limits, tracks, met, sent=sent, offers=offers)
        """What the session is on the loop; for its role."""

    def __repr__(self) -> str:
        return f"<Session {self.id} with peer {self.peer_id}, {self.state}>"

    @property
    def refusals(self) -> dict[str, int]:
        """How often the peer has met each limit, by its name in `SessionLimits`; only those that it met. A snapshot.

        Empty in a forked child.
        """
        if not self._owner.is_here:
            return {}
        return dict(self._met_before + Counter(self.link.met.counts))

    @property
    def state(self) -> SessionState:
        """``"connecting"``, ``"connected"``, ``"interrupted"``, ``"resuming"`` or ``"closed"``.

        Interrupted means that nothing was heard from the peer for two seconds, or what `interrupted_after` says: its process
        stands still, or the network between is gone. The session goes on by itself when the peer is heard again, and is
        closed when it is not for 30 s. In a child that inherited it by `fork` it is always closed.
        """
        return self._state if self._owner.is_here else SessionState.CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the session was connected and has not ended, be it interrupted or not."""
        return self.state.is_open

    @property
    def is_overwhelmed(self) -> bool:
        """Whether so many calls of receivers wait that the peer may open no more channels; for its link."""
        return self._callbacks.is_full

    @property
    def silence(self) -> float:
        """Seconds since the last packet of the peer; of any kind, and an idle peer is asked for one. 0 before it connected."""
        return self.link.silence

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the peer's clock is ahead of this machine's, and how sure that is.

        It brings the capture times of several robots onto one clock. It is measured over and over, from the first second of a
        session on. None before that, with peers other than this library's, and in a forked child.
        """
        return self.link.clock_offset if self._owner.is_here else None

    @property
    def error(self) -> SessionClosed | RuntimeError | None:
        """Why the session is closed, with its `reason`; None while it is not, or when one end closed it on purpose.

        A `RuntimeError` in a child that inherited the session by `fork`.
        """
        return self._error if self._owner.is_here else self._owner.error()

    @property
    def channels(self) -> list[DataChannel]:
        """The data channels that are not closed, in the order in which they came to be."""
        if not self._owner.is_here:
            return []
        with self._changed:
            return list(self._channels)

    @property
    def videos(self) -> NamedTracks[VideoReceiver]:
        """The video tracks that the other end sends, in the order of its description: a list that also takes a name.

        ``session.videos["wrist"]`` is the one of that name, or of that ``mid`` where it has no name; `TrackNotFound` without.
        """
        return NamedTracks(self.media.videos, self._no_track("video"))

    @property
    def audios(self) -> NamedTracks[AudioReceiver]:
        """The audio tracks that the other end sends, as `videos`."""
        return NamedTracks(self.media.audios, self._no_track("audio"))

    @property
    def video(self) -> VideoReceiver:
        """The first video track that the other end sends.

        Raises:
            TrackNotFound: It sends none, or the session is not connected yet.
        """
        return _first(self.videos, self._no_track("video"))

    @property
    def audio(self) -> AudioReceiver:
        """The first audio track that the other end sends.

        Raises:
            TrackNotFound: It sends none, or the session is not connected yet.
        """
        return _first(self.audios, self._no_track("audio"))

    @property
    def peer_connection(self) -> RTCPeerConnection | None:
        """The `RTCPeerConnection` of aiortc, for experts: it may only be used on its loop. None before the negotiation."""
        connection = self.link.connection
        return None if connection is None else connection.aiortc

    def channel(self, label: str | None = None, timeout: float | None = None) -> DataChannel:
        """Wait until a data channel is open.

        Args:
            label: Its label; None: the first channel there is.
            timeout: Seconds; None: the role object's default.

        Returns:
            The channel; one that is closed already if there are messages on it that nobody has read.

        Raises:
            WaitTimeout: None opened in time.
            SessionClosed: The session is closed, or was while waiting.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        deadline = self._deadline(timeout)

        def found() -> DataChannel | None:
            candidates = (*self._unread_channels, *(channel for channel in self._channels if channel.state == "open"))
            return next((channel for channel in candidates if label is None or channel.label == label), None)

        def done() -> bool:
            return self._state is SessionState.CLOSED or found() is not None

        with self._changed:
            self._wait_for(done, deadline)
            channel = found()
            if channel is not None:
                channel.is_given_out = True
                if channel in self._unread_channels:
                    self._unread_channels.remove(channel)
                return channel
            named = "a data channel" if label is None else f"data channel {label!r}"
            if self._state is SessionState.CLOSED:
                raise self.closed_error(f"waiting for {named}")
            known = ", ".join(f"{channel.label!r} ({channel.state})" for channel in self._channels) or "none"
        raise WaitTimeout(
            f"waiting for {named} with peer {self.peer_id}: not open within {deadline}; channels: {known}"
        )

    def create_channel(
        self,
        label: str,
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_packet_life_time: int | None = None,
        protocol: str = "",
        timeout: float | None = None,
        *,
        max_age: float | None = None,
        dated: bool = False,
    ) -> DataChannel:
        """Create a data channel. It can be sent on at once: messages wait for its opening.

        Args:
            label: Any string of up to 65535 bytes in UTF-8; another end of this library takes 1024, unless its limits say more.
            ordered: Whether messages arrive in the order sent.
            max_retransmits: Give a message up after so many retransmissions; None: never.
            max_packet_life_time: Give a message up after so many milliseconds; None: never.
            protocol: The name of a subprotocol.
            timeout: Seconds; None: the role object's default.
            max_age: Deliver no message that is older, in seconds, at either end; None: whatever its age. See
                `Producer.add_channel`.
            dated: Whether the other end is told when each message was sent. See there.

        Returns:
            The channel, connecting.

        Raises:
            ValueError: More than one limit is given, one is out of range, or a text is too long.
            SessionClosed: The session is closed.
            ChannelClosed: The peer takes no data channels.
            WaitTimeout: The event loop was too busy.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        options = ChannelOptions(label, ordered, max_retransmits, max_packet_life_time, protocol, max_age, dated)
        if self._state is SessionState.CLOSED:
            raise self.closed_error(f"creating data channel {label!r}")

        async def create() -> DataChannel:
            channel = self.link.add_channel(options)
            channel.is_given_out = True
            return channel

        return self._loop.run(create(), self._deadline(timeout), f"creating data channel {label!r} on {self.named}")

    def record(
        self,
        path: str | os.PathLike[str],
        *,
        segment_seconds: float | None = None,
        video: str | bool | Iterable[str] = True,
        audio: str | bool | Iterable[str] = True,
    ) -> Recorder:
        """Record tracks into a file, or into one after the other: MKV and MCAP hold all of them, MP4 and WebM one of each kind.

        ::

            with session.record("run.mkv"):
                time.sleep(60)

        Several recorders may record at the same time: what their files begin with was captured at the time that each of them
        tells as its creation, by the clock of `Frame.captured_at`. Of MKV and WebM it is exact, of MP4 to the second.

        Args:
            path: Ends in ``.mp4``, ``.mkv``, ``.webm`` or ``.mcap``; a file that is there is overwritten. MCAP, which
                needs the extra ``[mcap]``, holds the messages of data channels too.
            video: The names of tracks, or one name, as of `videos`; the file has them in this order. True: all that there are
                now in MKV and MCAP, the first in MP4 and WebM; False: none.
            audio: Likewise, of `audios`.
            segment_seconds: Length after which the next keyframe begins another file, without a lost frame; None: there is one
                file. Those of ``drive.mkv`` are ``drive-000.mkv``, ``drive-001.mkv`` and so on. Each video goes on in the next
                file with its own next keyframe.

        Returns:
            The recorder, a context manager that records until it or the session is closed.

        Raises:
            ValueError: The file name has another suffix, a segment is to be shorter than a second, nothing is to be recorded,
                or the file does not hold so many tracks.
            TrackNotFound: The other end sends neither video nor audio, or no track of that name.
            SessionClosed: The session is closed.
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        if self._state is SessionState.CLOSED:
            raise self.closed_error(f"recording {os.fspath(path)}")
        if not video and not audio:
            raise ValueError(f"video={video!r}, audio={audio!r}: there is nothing to record")
        # Sessions without media do without PyAV.
        from .media.recording.container import container_of

        most = None if container_of(path).has_all_tracks else 1
        tracks = [*_chosen(self.videos, video, most), *_chosen(self.audios, audio, most)]
        if not tracks:
            raise self._no_track("video or audio")
        return self.media.record(path, tracks, self.named, segment_seconds)

    def stats(self, timeout: float | None = None) -> Statistics:
        """The W3C's statistics of this end: of streams, transports, the selected candidate pair and data channels.

        ::

            for each in session.stats().values():
                if each["type"] == "candidate-pair":
                    print(f"round trip {1000 * each['currentRoundTripTime']:.1f} ms")

        Args:
            timeout: Seconds; None: the role object's default.

        Returns:
            The objects by their ids, each a dictionary of its members in the names, types and units of the W3C's "Identifiers
            for WebRTC's Statistics API": jitter and round trips in seconds, times in milliseconds since 1970. What is not known
            is absent. All of it can be written as JSON.

        Raises:
            WaitTimeout: The event loop was too busy.
            ConnectionLost: The role object is closed.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()

        async def read() -> Statistics:
            now = current_timestamp()
            named = {f"data-channel-{number}": channel.stats() for number, channel in enumerate(self.channels)}
            channels = {
                key: {"id": key, "timestamp": now, **{name: each for name, each in members.items() if each is not None}}
                for key, members in named.items()
            }
            return {**await self.link.stats(), **channels}

        return self._loop.run(read(), self._deadline(timeout), f"reading the statistics of {self.named}")

    def quality(self, timeout: float | None = None) -> Quality:
        """How good the link is: round trip, loss, bit rates and frame rates both ways, and the route. It prints as one line.

        The rates are those since the last call, or of half a second: with the first call, and where the last was over a minute
        ago. It returns half a second after the last call at the earliest.

        ::

            print(session.quality())

        Args:
            timeout: Seconds; None: the role object's default.

        Returns:
            The quality.

        Raises:
            SessionClosed: The session is closed.
            WaitTimeout: The event loop was too busy.
            ConnectionLost: The role object is closed.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        return self._loop.run(self.link.quality(), self._deadline(timeout), f"measuring the quality of {self.named}")

    def reject(self, reason: str = "rejected") -> None:
        """Refuse a session that was requested; the consumer's call raises with the reason where its server tells it.

        Args:
            reason: For the consumer; told by servers that speak protocol 1.1.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        self.link.abandon(SessionClosed(f"{self.named}: rejected: {reason}", "rejected"), reason)

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent on the channels, then end the session at both ends; idempotent.

        Args:
            timeout: Seconds for the delivery; None: the role object's default. What is not delivered then is lost, which
                is logged.

        Raises:
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        if self._close_all is not None:
            self._close_all(timeout)
            return
        if self._state is SessionState.CLOSED and self._loop.is_current:
            return
        # Where the other end has ended it, what is at work for it here may not be done.
        deadline = self._deadline(timeout)
        doing = f"closing {self.named}"
        ending = Deadline(deadline.seconds + ENDING_SECONDS)
        try:
            self._loop.run(self.link.terminate(drain_seconds=deadline.seconds), ending, doing)
        except ConnectionLost:
            logger.debug("%s: its role object was closed at the same time", doing)
        self.media.finish_recordings(deadline)

    def close_with(self, close_all: Callable[[float | None], None]) -> None:
        """Have `close`, and the other end's end of the session, close what belongs to this session alone."""
        self._close_all = close_all
        self.closed.connect(lambda session, error: close_all(None))
        if self._state is SessionState.CLOSED:
            # The signal may have been emitted before.
            close_all(None)

    def role_channel(self, options: ChannelOptions, deadline: Deadline) -> DataChannel:
        """The channel of the role's, created where the session has not had it yet; closed where it has been.

        Raises:
            SessionClosed: The session is closed.
            ConnectionLost: So is its role object.
            WaitTimeout: The event loop was too busy.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        channel = self.link.role_channel(options)
        if channel is not None:
            return channel
        self._owner.check()
        if self._state == "closed":
            raise self.closed_error()

        async def ensure() -> DataChannel:
            return self.link.ensure_channel(options)

        return self._loop.run(ensure(), deadline, f"creating data channel {options.label!r} on {self.named}")

    def wait_connected(self, deadline: Deadline) -> None:
        """Wait until the session is connected.

        Raises:
            WaitTimeout: It did not connect in time.
            SessionClosed: It ended before.
            RuntimeError: This would block the event loop.
        """
        with self._changed:
            self._wait_for(lambda: self._state is not SessionState.CONNECTING, deadline)
            if self._state is SessionState.CONNECTING:
                raise self.not_connected_error(deadline.seconds)
            if self._state is SessionState.CLOSED:
                raise self.closed_error()

    def wait_state(self, is_wanted: Callable[[SessionState], bool], deadline: Deadline) -> bool:
        """Wait for a state; for the session's role.

        Args:
            is_wanted: Whether a state is what is waited for.
            deadline: How long.

        Returns:
            Whether it came.
        """
        with self._changed:
            return wait_for(self._changed, lambda: is_wanted(self._state), deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A forked child leaves the block that it inherited too.
        if self._owner.is_here:
            self.close()

    @property
    def named(self) -> str:
        """The session as errors and log lines name it."""
        return f"session {self.id or '(requested)'} with peer {self.peer_id}"

    def sent_at(self, told: float | None) -> float:
        """When a message that has just come was sent, as Unix time by the peer's clock; for its channels.

        Args:
            told: What the peer says; None: nothing, so that its arrival counts.
        """
        if told is not None:
            return told
        offset = self.clock_offset
        return time.time() + (0.0 if offset is None else offset.seconds)

    def check_message_size(self, size: int) -> None:
        """Raise `MessageTooLarge` for a message of more bytes than the other end accepts."""
        limit = self.link.max_message_size
        if limit is not None and size > limit:
            raise MessageTooLarge(
                f"a message of {size} bytes is too large for peer {self.peer_id}, which accepts up to {limit} bytes."
                " Send it in parts."
            )

    def not_connected_error(self, seconds: float) -> WaitTimeout:
        """What to raise when the session did not connect in time."""
        return WaitTimeout(f"starting {self.named}: not connected within {seconds:g} s ({self.link.progress})")

    def closed_error(self, doing: str = "") -> SessionClosed:
        """What to raise for a call that the end of the session made impossible."""
        error = self._error or SessionClosed(f"{self.named} is closed")
        return SessionClosed(f"{doing}: {error}" if doing else str(error), error.reason)

    # What follows is called on the loop, by the link and by channels.

    def announce_channel(self, channel: DataChannel) -> None:
        """Tell who waits for it, and the receivers, that a channel is open."""
        with self._changed:
            self._changed.notify_all()
        self._callbacks.emit(self.channel_opened, self, channel=channel)

    def forget_channel(self, channel: DataChannel) -> None:
        """Take a closed channel off the list."""
        with self._changed:
            if channel in self._channels:
                self._channels.remove(channel)
                if channel.has_unread_messages and not channel.is_given_out:
                    self._unread_channels.append(channel)
            self._changed.notify_all()

    def _on_track_added(self, track: VideoReceiver | AudioReceiver) -> None:
        self._callbacks.emit(self.track_added, self, track=track)

    def _on_track_removed(self, track: VideoReceiver | AudioReceiver) -> None:
        self._callbacks.emit(self.track_removed, self, track=track)

    def adopt(self, channel: WireChannel, options: ChannelOptions | None = None) -> DataChannel:
        """Take on a data channel that either end created.

        Args:
            channel: The channel on the wire.
            options: What this end created it with; None: the other end did. In a resumed session the one that waits for a
                channel of that label goes on with it.
        """
        for waiting in self.channels if options is None else ():
            if waiting.is_suspended and waiting.label == channel.label:
                waiting.resume(channel)
                return waiting
        adopted = DataChannel(self, channel, self._loop, self._callbacks, self._timeout, options)
        with self._changed:
            self._channels.append(adopted)
        self.adopted(adopted)
        return adopted

    def look_at_unread(self) -> None:
        """Close channels on which more waits than may; on the loop."""
        limits = self._limits
        channels = [*self._unread_channels, *self._channels]
        unread = {channel: channel.unread for channel in channels}
        # What the peer of a session of its own sends to nobody.
        unasked = [each for each in channels if self.is_asked_for_by_peer and not each.is_asked_for]
        if self.channel_opened.receivers:
            unasked = []
        bounds = (
            ("unasked_bytes", unasked, limits.unasked_bytes),
            ("unread_bytes", channels, limits.unread_bytes),
        )
        for name, those, limit in bounds:
            total = sum(unread[each] for each in those)
            for channel in sorted(those, key=unread.__getitem__, reverse=True):
                if limit is None or total <= limit:
                    break
                total -= unread[channel]
                self.link.met.note(name)
                self._drop_unread(channel, limit)

    def _drop_unread(self, channel: DataChannel, limit: int) -> None:
        if channel in self._unread_channels:
            self._unread_channels.remove(channel)
            return
        channel.overflow(f"more than {limit} bytes had arrived that nobody received")

    def break_off(self, error: SessionClosed) -> bool:
        """Have what belongs to the connection wait for another one, if the session is to be resumed.

        Args:
            error: Why the connection ended.

        Returns:
            Whether it is resumed; if not, it is to be closed.
        """
        if not self._state.is_open or not self.broken(self, error):
            return False
        for channel in self.channels:
            channel.suspend(self.resends)
        logger.info("%s: %s", self.named, error)
        self.enter(SessionState.RESUMING)
        return True

    def go_on_with(self, successor: Session) -> None:
        """Go on with the connection of another session, which was made for that and is nobody else's.

        Args:
            successor: Connected just now; what it received so far is taken over.
        """
        self.id, self.peer_id = successor.id, successor.peer_id
        self._met_before.update(self.link.met.counts)
        self.link = successor.link
        self.media.go_on_with(successor.media, self.named)
        self.link.go_on_for(self)
        self.enter(SessionState.CONNECTED)

    def enter(self, state: SessionState, error: SessionClosed | None = None) -> None:
        """Change the state, and tell everybody."""
        before = self._state
        assert state in TRANSITIONS[before], f"{self.named}: {before} -> {state}"
        with self._changed:
            self._error = error
            self._state = state
            self._changed.notify_all()
        logger.info("%s: %s", self.named, state if error is None else f"{state}: {error}")
        if state is SessionState.INTERRUPTED:
            self.interrupted(self)
        if SessionState.INTERRUPTED in (before, state) and state in (SessionState.INTERRUPTED, SessionState.CONNECTED):
            for channel in self.channels:
                channel.drop_queued()
        self._callbacks.emit(self.state_changed, self, state=state)
        if state is SessionState.CLOSED:
            self._callbacks.emit(self.closed, self, error=error)
        if state is SessionState.CLOSED or before is SessionState.CONNECTING:
            self.settled(self)

    def _no_track(self, kind: str) -> TrackNotFound:
        if self._state is SessionState.CONNECTING:
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

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _wait_for(self, predicate: Callable[[], bool], deadline: Deadline) -> None:
        if self._loop.is_current and not predicate():
            raise RuntimeError(f"{self.named}: a blocking call on the event loop thread would wait for itself forever")
        wait_for(self._changed, predicate, deadline)


def _chosen(receivers: NamedTracks[Receiver], wanted: str | bool | Iterable[str], most: int | None) -> list[Receiver]:
    """The tracks of some names, or the first ones, as many as there may be, or none."""
    if isinstance(wanted, bool):
        return list(receivers[:most]) if wanted else []
    names = [wanted] if isinstance(wanted, str) else dict.fromkeys(wanted)
    return [receivers[name] for name in names]


def _first(receivers: list[Receiver], error: TrackNotFound) -> Receiver:
    if not receivers:
        raise error
    return receivers[0]
