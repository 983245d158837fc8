"""`Session`: a WebRTC session with one peer, as callers' threads see it. Its `Link` is the session's part on the loop.

The loop writes the state and the list of channels. Any thread reads them, and waits for changes on `_changed`.
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
        state_changed(session, state): The state changed.
        closed(session, error): The session ended. This is the last signal.
        track_added(session, track): The other end sends another track, a `VideoReceiver` or an `AudioReceiver`.
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
        """The id that the signalling server gave the session. It changes when the session is resumed."""
        self.peer_id = peer_id
        """The id of the peer at the signalling server. It changes when the session is resumed with a new peer."""
        self._loop = loop
        self._callbacks = callbacks
        self._timeout = timeout
        self._limits = limits
        self.is_asked_for_by_peer = False
        """Whether the other end started the session; set by the role."""
        self._owner = Owner("session")
        self._close_all: Callable[[float | None], None] | None = None

        # Guards the state, the error and the channels; notified when any of them changes.
        self._changed = Condition()
        self._state = SessionState.CONNECTING
        self._error: SessionClosed | None = None
        self._channels: list[DataChannel] = []
        # Counts of met limits, of connections before the present one.
        self._met_before: Counter[str] = Counter()
        # Channels with unread messages that the other end closed before a caller here asked for them.
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
        """Called on the loop when the session is connected, and when it is closed; set by the role."""
        self.adopted: Callable[[DataChannel], None] = lambda channel: None
        """Called on the loop with each data channel before anything arrives on it; set by the role."""
        self.broken: Callable[[Session, SessionClosed], bool] = lambda session, error: False
        """Called on the loop when the open session breaks; returns whether it is resumed. Set by the role."""
        self.interrupted: Callable[[Session], None] = lambda session: None
        """Called on the loop when the session is interrupted; set by the role."""
        self.resumes: Session | None = None
        """The session that goes on with this one's connection; None: this is a session of its own. Set by the role."""
        self.resends = False
        """Whether messages that were not acknowledged are sent again when the session is resumed; set by the role."""
        self.finished: Callable[[Session], None] = lambda session: None
        """Called on the loop when the session is closed and has no thread left; set by the role."""
        self.media = ReceivedMedia(loop, callbacks, timeout, self._on_track_added, self._on_track_removed)
        """The tracks that the session receives; for its link and its role."""
        self.link = Link(self, signalling, loop, ice, interrupted_after, limits, tracks, met, sent=sent, offers=offers)
        """The session's part on the loop; for its role."""

    def __repr__(self) -> str:
        return f"<Session {self.id} with peer {self.peer_id}, {self.state}>"

    @property
    def refusals(self) -> dict[str, int]:
        """How often the peer has met each limit, by the limit's name in `SessionLimits`. A snapshot.

        Limits that were not met are absent. Empty in a forked child.
        """
        if not self._owner.is_here:
            return {}
        return dict(self._met_before + Counter(self.link.met.counts))

    @property
    def state(self) -> SessionState:
        """``"connecting"``, ``"connected"``, ``"interrupted"``, ``"resuming"`` or ``"closed"``.

        A session is interrupted when nothing was heard from the peer for `interrupted_after` seconds, 2 by default: the peer's
        process has stopped, or the network is gone. The session goes on by itself when the peer is heard again. It is closed
        when the peer is not heard for 30 s. In a child that inherited the session by `fork`, it is always closed.
        """
        return self._state if self._owner.is_here else SessionState.CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the session was connected and has not ended. An interrupted session is open too."""
        return self.state.is_open

    @property
    def is_overwhelmed(self) -> bool:
        """Whether the queue of callbacks is full, so that the peer may open no more channels; for the link."""
        return self._callbacks.is_full

    @property
    def silence(self) -> float:
        """Seconds since the last packet from the peer, of any kind. 0 before the session is connected.

        A peer that has nothing to send is asked for packets.
        """
        return self.link.silence

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the peer's clock is ahead of this machine's, and how certain that is.

        It converts the capture times of several robots to one clock. It is measured repeatedly, from the first second of a
        session on. None before that, with peers of other programs, and in a forked child.
        """
        return self.link.clock_offset if self._owner.is_here else None

    @property
    def error(self) -> SessionClosed | RuntimeError | None:
        """Why the session is closed, with its `reason`. None while it is not closed, or if one end closed it on purpose.

        A `RuntimeError` in a child that inherited the session by `fork`.
        """
        return self._error if self._owner.is_here else self._owner.error()

    @property
    def channels(self) -> list[DataChannel]:
        """The data channels that are not closed, in the order in which they were created. Empty in a forked child."""
        if not self._owner.is_here:
            return []
        with self._changed:
            return list(self._channels)

    @property
    def videos(self) -> NamedTracks[VideoReceiver]:
        """The video tracks that the other end sends, in the order of its description: a list that also takes a name.

        ``session.videos["wrist"]`` is the track with that name, or, if it has no name, with that ``mid``. Without such a track
        it raises `TrackNotFound`.
        """
        return NamedTracks(self.media.videos, self._no_track("video"))

    @property
    def audios(self) -> NamedTracks[AudioReceiver]:
        """The audio tracks that the other end sends, in the order of its description: a list that also takes a name."""
        return NamedTracks(self.media.audios, self._no_track("audio"))

    @property
    def video(self) -> VideoReceiver:
        """The first video track that the other end sends.

        Raises:
            TrackNotFound: The other end sends no video, or the session is not connected yet.
        """
        return _first(self.videos, self._no_track("video"))

    @property
    def audio(self) -> AudioReceiver:
        """The first audio track that the other end sends.

        Raises:
            TrackNotFound: The other end sends no audio, or the session is not connected yet.
        """
        return _first(self.audios, self._no_track("audio"))

    @property
    def peer_connection(self) -> RTCPeerConnection | None:
        """The `RTCPeerConnection` of aiortc, for experts, which may be used on its loop only. None before the negotiation."""
        connection = self.link.connection
        return None if connection is None else connection.aiortc

    def channel(self, label: str | None = None, timeout: float | None = None) -> DataChannel:
        """Wait until a data channel is open.

        Args:
            label: The channel's label. Defaults to the first channel there is.
            timeout: Seconds. Defaults to the role's timeout.

        Returns:
            The channel, which is open, or closed with messages on it that nobody has read.

        Raises:
            WaitTimeout: No such channel opened in time.
            SessionClosed: The session is closed, or was closed meanwhile.
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
        """Create a data channel. Messages can be sent on it at once; they are queued until it is open.

        Args:
            label: String of up to 65535 bytes in UTF-8. A peer of this library accepts 1024 bytes, unless its limits say more.
            ordered: Whether messages arrive in the order in which they were sent. Defaults to True.
            max_retransmits: Maximum number of retransmissions of a message. Defaults to no maximum.
            max_packet_life_time: Maximum time for transmissions of a message, in milliseconds. Defaults to no maximum.
            protocol: Name of a subprotocol. Defaults to the empty string.
            timeout: Seconds. Defaults to the role's timeout.
            max_age: Maximum age of a message in seconds, up to 65.535; older ones are dropped at either end. See
                `Producer.add_channel`. Defaults to no maximum.
            dated: Whether a peer of this library is told when each message was sent. See `Producer.add_channel`. Defaults to
                False.

        Returns:
            The channel, which is connecting.

        Raises:
            ValueError: More than one maximum is given, one is out of range, or a string is too long.
            SessionClosed: The session is closed.
            ChannelClosed: The peer accepts no data channels.
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
        """Record tracks into a file or a sequence of files. MKV and MCAP hold all tracks, MP4 and WebM one of each kind.

        ::

            with session.record("run.mkv"):
                time.sleep(60)

        Several recorders may record at the same time. The creation time in each file is the capture time of its beginning, by
        the clock of `Frame.captured_at`. It is exact in MKV and WebM, and has a resolution of a second in MP4.

        Args:
            path: Path that ends in ``.mp4``, ``.mkv``, ``.webm`` or ``.mcap``. An existing file is overwritten. MCAP, which
                needs the extra ``[mcap]``, holds the messages of data channels too.
            segment_seconds: Seconds after which the next keyframe begins another file, without a lost frame. The files of
                ``drive.mkv`` are ``drive-000.mkv``, ``drive-001.mkv`` and so on. Each video goes on in the next file at its own
                next keyframe. Defaults to a single file.
            video: A name or names of tracks in `videos`, in the order in which the file has them; False: no video. Defaults to
                True: all present tracks in MKV and MCAP, the first one in MP4 and WebM.
            audio: A name or names of tracks in `audios`, or a bool as for `video`. Defaults to True.

        Returns:
            The recorder, a context manager that records until it or the session is closed.

        Raises:
            ValueError: The file name has another suffix, a segment is shorter than a second, there is nothing to record, or the
                file cannot hold that many tracks.
            TrackNotFound: The other end sends neither video nor audio, or no track with that name.
            SessionClosed: The session is closed.
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        if self._state is SessionState.CLOSED:
            raise self.closed_error(f"recording {os.fspath(path)}")
        if not video and not audio:
            raise ValueError(f"video={video!r}, audio={audio!r}: there is nothing to record")
        # Imported here, so that sessions without media do not load PyAV.
        from .media.recording.container import container_of

        most = None if container_of(path).has_all_tracks else 1
        tracks = [*_chosen(self.videos, video, most), *_chosen(self.audios, audio, most)]
        if not tracks:
            raise self._no_track("video or audio")
        return self.media.record(path, tracks, self.named, segment_seconds)

    def stats(self, timeout: float | None = None) -> Statistics:
        """The statistics of this end, as the W3C's ``getStats``: streams, transports, candidate pairs and data channels.

        ::

            for each in session.stats().values():
                if each["type"] == "candidate-pair":
                    print(f"round trip {1000 * each['currentRoundTripTime']:.1f} ms")

        Args:
            timeout: Seconds. Defaults to the role's timeout.

        Returns:
            The statistics objects by their ids. Each is a dictionary with the names, types and units of the W3C's "Identifiers
            for WebRTC's Statistics API": jitter and round trips in seconds, times in milliseconds since 1970. Unknown members
            are absent. The result can be written as JSON.

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
        """Measure the quality of the link: round trip, loss, bitrates and frame rates both ways, and the route.

        The rates are those since the last call. They are measured for half a second in the first call, and in a call over a
        minute after the last one. A call that follows soon waits until half a second after the last one.

        ::

            print(session.quality())

        Args:
            timeout: Seconds. Defaults to the role's timeout.

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
        """Refuse a session that was requested. The other end's call raises `SessionClosed`.

        Args:
            reason: Reason for the other end, which servers that speak protocol 1.1 pass on. Defaults to ``"rejected"``.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._owner.check()
        self.link.abandon(SessionClosed(f"{self.named}: rejected: {reason}", "rejected"), reason)

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent on the channels, then end the session at both ends; idempotent.

        Args:
            timeout: Seconds for the delivery; messages that are not delivered by then are lost, which is logged. Defaults to
                the role's timeout.

        Raises:
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._owner.check()
        if self._close_all is not None:
            self._close_all(timeout)
            return
        if self._state is SessionState.CLOSED and self._loop.is_current:
            return
        # A session that the other end has ended may still have work to finish here.
        deadline = self._deadline(timeout)
        doing = f"closing {self.named}"
        ending = Deadline(deadline.seconds + ENDING_SECONDS)
        try:
            self._loop.run(self.link.terminate(drain_seconds=deadline.seconds), ending, doing)
        except ConnectionLost:
            logger.debug("%s: its role object was closed at the same time", doing)
        self.media.finish_recordings(deadline)

    def close_with(self, close_all: Callable[[float | None], None]) -> None:
        """Call a function when this session is closed by either end; for objects that exist for this session alone."""
        self._close_all = close_all
        self.closed.connect(lambda session, error: close_all(None))
        if self._state is SessionState.CLOSED:
            # The signal may have been emitted before the receiver was connected.
            close_all(None)

    def role_channel(self, options: ChannelOptions, deadline: Deadline) -> DataChannel:
        """The session's channel for one of the role's, which is created if the session has not had it. It may be closed.

        Raises:
            SessionClosed: The session is closed.
            ConnectionLost: The role is closed.
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
            WaitTimeout: The session did not connect in time.
            SessionClosed: The session ended before it was connected.
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
            is_wanted: Returns whether a state is the one that is waited for.
            deadline: For the state.

        Returns:
            Whether the session has such a state.
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
        """The name of the session in errors and log lines."""
        return f"session {self.id or '(requested)'} with peer {self.peer_id}"

    def sent_at(self, told: float | None) -> float:
        """When a message that has just arrived was sent, as Unix time by the peer's clock; for the session's channels.

        Args:
            told: The time that the peer says; None: it says none, and the time of arrival is taken.
        """
        if told is not None:
            return told
        offset = self.clock_offset
        return time.time() + (0.0 if offset is None else offset.seconds)

    def check_message_size(self, size: int) -> None:
        """Raise `MessageTooLarge` if a message has more bytes than the other end accepts."""
        limit = self.link.max_message_size
        if limit is not None and size > limit:
            raise MessageTooLarge(
                f"a message of {size} bytes is too large for peer {self.peer_id}, which accepts up to {limit} bytes."
                " Send it in parts."
            )

    def not_connected_error(self, seconds: float) -> WaitTimeout:
        """The error of a session that did not connect in time."""
        return WaitTimeout(f"starting {self.named}: not connected within {seconds:g} s ({self.link.progress})")

    def closed_error(self, doing: str = "") -> SessionClosed:
        """The error of a call that the end of the session made impossible."""
        error = self._error or SessionClosed(f"{self.named} is closed")
        return SessionClosed(f"{doing}: {error}" if doing else str(error), error.reason)

    # What follows is called on the loop, by the link and by channels.

    def announce_channel(self, channel: DataChannel) -> None:
        """Tell waiting threads and receivers that a channel is open."""
        with self._changed:
            self._changed.notify_all()
        self._callbacks.emit(self.channel_opened, self, channel=channel)

    def forget_channel(self, channel: DataChannel) -> None:
        """Remove a closed channel from the list."""
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
        """Add a data channel that either end created.

        In a resumed session, a suspended channel goes on with a channel of the same label that the other end created.

        Args:
            channel: The channel on the wire.
            options: Options with which this end created it; None: the other end created it.
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
        """Close channels on which more unread bytes wait than the limits allow; on the loop."""
        limits = self._limits
        channels = [*self._unread_channels, *self._channels]
        unread = {channel: channel.unread for channel in channels}
        # Channels in a session that the peer started, on which nobody here receives.
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
        """Suspend the channels until there is another connection, if the session is resumed.

        Args:
            error: Why the connection ended.

        Returns:
            Whether the session is resumed. If not, the caller closes it.
        """
        if not self._state.is_open or not self.broken(self, error):
            return False
        for channel in self.channels:
            channel.suspend(self.resends)
        logger.info("%s: %s", self.named, error)
        self.enter(SessionState.RESUMING)
        return True

    def go_on_with(self, successor: Session) -> None:
        """Go on with the connection of another session, which was made for this.

        Args:
            successor: The other session, which is connected. What it has received is taken over.
        """
        self.id, self.peer_id = successor.id, successor.peer_id
        self._met_before.update(self.link.met.counts)
        self.link = successor.link
        self.media.go_on_with(successor.media, self.named)
        self.link.go_on_for(self)
        self.enter(SessionState.CONNECTED)

    def enter(self, state: SessionState, error: SessionClosed | None = None) -> None:
        """Change the state, and tell waiting threads, receivers and the role."""
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
    """The tracks with the wanted names; for True, all up to the maximum `most`; for False, no tracks."""
    if isinstance(wanted, bool):
        return list(receivers[:most]) if wanted else []
    names = [wanted] if isinstance(wanted, str) else dict.fromkeys(wanted)
    return [receivers[name] for name in names]


def _first(receivers: list[Receiver], error: TrackNotFound) -> Receiver:
    if not receivers:
        raise error
    return receivers[0]
