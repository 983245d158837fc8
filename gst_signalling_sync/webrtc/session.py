"""`Session` and `DataChannel`: a WebRTC session with one peer and its data channels, as callers' threads see them.

`LiveSession` is behind a session. The two classes are in one module because each names the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from aiortc import RTCPeerConnection

from ..errors import SessionClosed, TrackNotFound
from ..limit_counts import LimitCounts
from ..signalling import SignallingClient
from ..signals import Signal
from ..threads.callbacks import Callbacks
from ..threads.loop_thread import LoopThread
from .channel import Channel, behind_channel
from .channel_options import ChannelOptions
from .clock_offset import ClockOffset
from .live_channel import ChannelFace, LiveChannel
from .live_session import LiveSession
from .media.track_names import NamedTracks
from .quality import Quality
from .session_settings import SessionSettings
from .session_state import SessionState
from .statistics import Statistics

if TYPE_CHECKING:
    from .media.receiving.audio_receiver import AudioReceiver
    from .media.receiving.video_receiver import VideoReceiver
    from .media.recording.recorder import Recorder

__all__ = ["DataChannel", "Session", "SessionState", "behind_session", "channel_of", "session_of"]

Receiver = TypeVar("Receiver")


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
        settings: SessionSettings,
        met: LimitCounts,
    ) -> None:
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
        self._live = LiveSession(self, peer_id, signalling, loop, callbacks, settings, self._make_channel, met)

    def __repr__(self) -> str:
        return f"<Session {self.id} with peer {self.peer_id}, {self.state}>"

    @property
    def id(self) -> str:
        """The id that the signalling server gave the session. It changes when the session is resumed."""
        return self._live.id

    @property
    def peer_id(self) -> str:
        """The id of the peer at the signalling server. It changes when the session is resumed with a new peer."""
        return self._live.peer_id

    @property
    def refusals(self) -> dict[str, int]:
        """How often the peer has met each limit, by the limit's name in `SessionLimits`. A snapshot.

        Limits that were not met are absent. Empty in a forked child.
        """
        return self._live.refusals

    @property
    def state(self) -> SessionState:
        """``"connecting"``, ``"connected"``, ``"interrupted"``, ``"resuming"`` or ``"closed"``.

        A session is interrupted when nothing was heard from the peer for ``interrupted_after`` seconds, 2 by default: the
        peer's process has stopped, or the network is gone. The session goes on by itself when the peer is heard again. It is
        closed when the peer is not heard for 30 s. In a child that inherited the session by `fork`, it is always closed.
        """
        return self._live.state

    @property
    def is_open(self) -> bool:
        """Whether the session was connected and has not ended. An interrupted session is open too."""
        return self.state.is_open

    @property
    def silence(self) -> float:
        """Seconds since the last packet from the peer, of any kind. 0 before the session is connected.

        A peer that has nothing to send is asked for packets.
        """
        return self._live.link.silence

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the peer's clock is ahead of this machine's, and how certain that is.

        It converts the capture times of several robots to one clock. It is measured repeatedly, from the first second of a
        session on. None before that, with peers of other programs, and in a forked child.
        """
        live = self._live
        return live.clock_offset if live.process.is_here else None

    @property
    def error(self) -> SessionClosed | RuntimeError | None:
        """Why the session is closed, with its `reason`. None while it is not closed, or if one end closed it on purpose.

        A `RuntimeError` in a child that inherited the session by `fork`.
        """
        return self._live.error

    @property
    def channels(self) -> list[DataChannel]:
        """The data channels that are not closed, in the order in which they were created. Empty in a forked child."""
        live = self._live
        return [channel_of(channel) for channel in live.channels.all] if live.process.is_here else []

    @property
    def videos(self) -> NamedTracks[VideoReceiver]:
        """The video tracks that the other end sends, in the order of its description: a list that also takes a name.

        ``session.videos["wrist"]`` is the track with that name, or, if it has no name, with that ``mid``. Without such a track
        it raises `TrackNotFound`.
        """
        return NamedTracks(self._live.media.videos, self._live.no_track_error("video"))

    @property
    def audios(self) -> NamedTracks[AudioReceiver]:
        """The audio tracks that the other end sends, in the order of its description: a list that also takes a name."""
        return NamedTracks(self._live.media.audios, self._live.no_track_error("audio"))

    @property
    def video(self) -> VideoReceiver:
        """The first video track that the other end sends.

        Raises:
            TrackNotFound: The other end sends no video, or the session is not connected yet.
        """
        return _first(self.videos, self._live.no_track_error("video"))

    @property
    def audio(self) -> AudioReceiver:
        """The first audio track that the other end sends.

        Raises:
            TrackNotFound: The other end sends no audio, or the session is not connected yet.
        """
        return _first(self.audios, self._live.no_track_error("audio"))

    @property
    def peer_connection(self) -> RTCPeerConnection | None:
        """The `RTCPeerConnection` of aiortc, for experts, which may be used on its loop only. None before the negotiation."""
        connection = self._live.link.connection
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
        self._live.process.check()
        return channel_of(self._live.channels.wait_for(label, self._live.deadline(timeout)))

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
        self._live.process.check()
        options = ChannelOptions(label, ordered, max_retransmits, max_packet_life_time, protocol, max_age, dated)
        return channel_of(self._live.create_channel(options, self._live.deadline(timeout)))

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
            ValueError: The file name has another suffix, a segment is shorter than a second, there is nothing to record, the
                file cannot hold that many tracks, or the extra ``[mcap]`` is not installed.
            TrackNotFound: The other end sends neither video nor audio, or no track with that name.
            SessionClosed: The session is closed.
            RuntimeError: The session was inherited by `fork`.
        """
        self._live.process.check()
        live = self._live
        if live.state is SessionState.CLOSED:
            raise live.closed_error(f"recording {os.fspath(path)}")
        if not video and not audio:
            raise ValueError(f"video={video!r}, audio={audio!r}: there is nothing to record")
        # Imported here, so that sessions without media do not load PyAV.
        from .media.recording.container import container_of

        maximum = None if container_of(path).has_all_tracks else 1
        tracks = [*_chosen(self.videos, video, maximum), *_chosen(self.audios, audio, maximum)]
        if not tracks:
            raise self._live.no_track_error("video or audio")
        return live.media.record(path, tracks, live.named, segment_seconds)

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
        self._live.process.check()
        live = self._live
        return live.run(live.stats(), live.deadline(timeout), "reading the statistics of")

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
        self._live.process.check()
        live = self._live
        return live.run(live.link.quality(), live.deadline(timeout), "measuring the quality of")

    def reject(self, reason: str = "rejected") -> None:
        """Refuse a session that was requested. The other end's call raises `SessionClosed`.

        Args:
            reason: Reason for the other end, which servers that speak protocol 1.1 pass on. Defaults to ``"rejected"``.

        Raises:
            RuntimeError: The session was inherited by `fork`.
        """
        self._live.process.check()
        live = self._live
        live.abandon(SessionClosed(f"{live.named}: rejected: {reason}", "rejected"), reason)

    def close(self, timeout: float | None = None) -> None:
        """Deliver what was sent on the channels, then end the session at both ends; idempotent.

        Args:
            timeout: Seconds for the delivery; messages that are not delivered by then are lost, which is logged. Defaults to
                the role's timeout.

        Raises:
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._live.process.check()
        self._live.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A forked child leaves the block that it inherited too.
        if self._live.process.is_here:
            self.close()

    def _make_channel(self, make_live: Callable[[ChannelFace], LiveChannel]) -> LiveChannel:
        return behind_channel(DataChannel(self, make_live, self._live.timeout))


class DataChannel(Channel):
    """A data channel of a session. Every method may be called from any thread and from callbacks.

    Iterating over it yields messages until the channel is closed.

    Example:
        channel = session.channel("commands")
        channel.send("home")
        print(channel.recv(timeout=2))

        channel.message.connect(lambda channel, data: print(data))  # instead of recv()

    Signals:
        message(channel, data): A message arrived, str or bytes.
        received(channel, message): A message arrived; a `ReceivedMessage`, which has the time at which it was sent. Both
            signals are emitted for each message.
        resumed(channel, unconfirmed): The session was resumed and the channel is open again; see `resumed`.
        closed(channel): The channel is closed. This is the last signal.
    """

    def __init__(self, session: Session, make_live: Callable[[ChannelFace], LiveChannel], timeout: float) -> None:
        self._session = session
        super().__init__(make_live, timeout)

    def __repr__(self) -> str:
        return f"<DataChannel {self.label!r} {self.state} of session {self._session.id}>"

    @property
    def session(self) -> Session:
        """The session that the channel belongs to."""
        return self._session


def behind_session(session: Session) -> LiveSession:
    """What is behind a session that users hold."""
    return session._live


def session_of(live: LiveSession) -> Session:
    """The session that users hold."""
    assert isinstance(live.face, Session)
    return live.face


def channel_of(live: LiveChannel) -> DataChannel:
    """The data channel that users hold."""
    assert isinstance(live.face, DataChannel)
    return live.face


def _chosen(
    receivers: NamedTracks[Receiver], wanted: str | bool | Iterable[str], maximum: int | None
) -> list[Receiver]:
    """The tracks with the wanted names; for True, all up to the maximum; for False, no tracks."""
    if isinstance(wanted, bool):
        return list(receivers[:maximum]) if wanted else []
    names = [wanted] if isinstance(wanted, str) else dict.fromkeys(wanted)
    return [receivers[name] for name in names]


def _first(receivers: list[Receiver], error: TrackNotFound) -> Receiver:
    if not receivers:
        raise error
    return receivers[0]
