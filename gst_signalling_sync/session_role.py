"""`SessionRole`: the base of `Producer` and `Consumer`, which has sessions and the tracks that it sends in them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakSet

from .endpoint import Endpoint
from .errors import ConnectionLost, SessionClosed, SignallingError, TracksFixed, WaitTimeout
from .ice_options import IceOptions, resolve_ice
from .ice_servers import GivenServers
from .lifecycle import Attempt, RoleState, StateChange
from .limit_counts import LimitCounts
from .protocol.backoff import Retry
from .protocol.messages import (
    EndSession,
    EndSessionV1_1,
    Event,
    IceMessage,
    Peer,
    PeerAway,
    PeerBack,
    Role,
    SdpMessage,
    SdpType,
    SessionRequested,
    Welcome,
)
from .protocol.session_limits import SessionLimits
from .role import RoleObject
from .session_requests import SessionRequest, SessionRequests
from .threads.interruptible import Condition
from .threads.loop_thread import LoopThread
from .threads.shared_loop import acquire_shared_loop, release_shared_loop
from .threads.waiting import Deadline, wait_for
from .webrtc.description import MAX_DESCRIPTION_CHARACTERS
from .webrtc.live_session import LiveSession
from .webrtc.liveness import check_interrupted_after
from .webrtc.media.encoded_frame import MEDIA_KINDS, MediaKind
from .webrtc.media.sending.controlled_track import give_control
from .webrtc.media.sending.sent_tracks import SentTracks
from .webrtc.media.track_choice import EVERYTHING, TrackChoice
from .webrtc.media.track_names import checked_name
from .webrtc.session import Session, behind_session, session_of
from .webrtc.session_settings import SessionSettings
from .webrtc.termination import ENDING_SECONDS

if TYPE_CHECKING:
    from .webrtc.media.playing.player import Player
    from .webrtc.media.sending.audio_source import AudioSource
    from .webrtc.media.sending.degradation import DegradationPreference
    from .webrtc.media.sending.encoded_audio_source import EncodedAudioSource
    from .webrtc.media.sending.encoded_video_source import EncodedVideoSource
    from .webrtc.media.sending.video_source import Bitrate, VideoSource

    RoleSource = VideoSource | EncodedVideoSource | AudioSource | EncodedAudioSource

__all__ = ["SessionRole"]

logger = logging.getLogger(__name__)

_ENDED: Final = (RoleState.CLOSING, RoleState.CLOSED)


class SessionRole(RoleObject):
    """A role object that has sessions.

    Args:
        uri: The signalling server's address.
        roles: Roles to register as.
        meta: JSON value to register with.
        host: Host of the server, instead of `uri`.
        port: Port of the server, instead of `uri`.
        timeout: Seconds that a blocking call may take by default.
        ice_servers: The short form of `ice`.
        ice: Servers, ports and interfaces that sessions use; None: those of the environment.
        retry: How a lost signalling connection is made again; None: it is not.
        interrupted_after: Seconds without any packet from the peer after which a session is interrupted.
        limits: What other peers may use of the role; None: the defaults.
    """

    _ending_seconds = ENDING_SECONDS + 2.0

    def __init__(
        self,
        uri: str | Endpoint | None,
        roles: tuple[Role, ...],
        meta: Any,
        *,
        host: str | None,
        port: int | None,
        timeout: float | None,
        ice_servers: GivenServers,
        ice: IceOptions | None,
        retry: Retry | None,
        interrupted_after: float,
        limits: SessionLimits | None = None,
    ) -> None:
        super().__init__(
            uri,
            roles,
            meta,
            host=host,
            port=port,
            timeout=timeout,
            retry=retry,
            limits=limits,
        )
        self._interrupted_after = check_interrupted_after(interrupted_after)
        self._ice = resolve_ice(ice, ice_servers)
        self._requests = SessionRequests(f"the {self._kind} of {self.uri}", self._limits, _Admitting(self), self._met)
        self._loop: LoopThread | None = None
        # Guards the sessions, which the reader adds and the loop removes; notified when one changes its state.
        self._sessions_changed = Condition()
        self._sessions: dict[str, LiveSession] = {}
        # Sessions that other peers started and that `wait_for_session` has not returned.
        self._arrived: deque[LiveSession] = deque()
        self._own_ids: set[str] = set()
        self._is_closing = False
        # After a reconnection: the sessions that the server knows, until they are compared with those of the role. Used on the
        # reader only.
        self._kept_ids: frozenset[str] = frozenset()
        self._sent = SentTracks()
        self._control = _Controlling(self, self._owner.check)
        # All sources, including removed ones: `close` waits for their threads. Guarded by `_sessions_changed`.
        self._sources: WeakSet[RoleSource] = WeakSet()
        self._players: list[Player] = []
        # Whether an added player starts at once. Written by the role's own thread.
        self._plays = False

    _offers: ClassVar[bool]
    """Whether this role makes the offers of its sessions once they run."""

    @property
    def sessions(self) -> list[Session]:
        """The open sessions, in the order in which they were requested. Empty in a forked child."""
        return [session_of(session) for session in self._open_sessions()]

    def _open_sessions(self) -> list[LiveSession]:
        if not self._owner.is_here:
            return []
        with self._sessions_changed:
            return [session for session in self._sessions.values() if session.is_open]

    def add_video(
        self,
        fps: float = 30,
        codecs: Sequence[str] = ("VP8", "H264"),
        bitrate: Bitrate = None,
        *,
        degradation: DegradationPreference = "balanced",
        name: str | None = None,
        encoder: str | None = None,
        replaces: VideoSource | EncodedVideoSource | None = None,
    ) -> VideoSource:
        """Add a video track to all sessions, including those that run already.

        A producer offers the track in every session. A consumer sends it on the first video track that the producer offers to
        receive on too. Without such a track, a producer of this library is asked for one; with other producers this is logged.
        See ``docs/topics/tracks.rst``. `VideoSource.pause` and `VideoSource.remove` change the track later.

        Args:
            fps: Maximum frame rate, in frames per second. Defaults to 30.
            codecs: Codecs in order of preference; each session uses the first that its peer accepts. ``"VP9"`` and ``"AV1"``
                look better at the same bitrate and take more of a processor. Defaults to VP8, then H264.
            bitrate: Maximum in bit/s, or ``(minimum, maximum)``. Defaults to 0.08 bit per pixel and frame. Within these bounds
                the bitrate is the lowest that a link carries, but at least half of the links' median, so that one bad link does
                not take the video from the others.
            degradation: What is reduced when the bitrate is too low for the frames, in the W3C's words: ``"balanced"`` (the
                frame rate down to half, then the size), ``"maintain-framerate"`` or ``"maintain-resolution"``.
            name: Name of the track at the other end: ``session.videos["wrist"]`` here, ``track.id`` in a browser, the pad's
                ``msid`` in GStreamer. 1 to 64 letters, digits and ``!#$%&'*+-.^_`{|}~``, unique among the video tracks.
            encoder: None or ``"software"``: the processor encodes. ``"auto"``: hardware that this PyAV and this machine have,
                which this call tries for up to some seconds; its codec is then the preferred one. Or FFmpeg's name of an
                encoder, such as ``"h264_v4l2m2m"`` or ``"h264_nvenc"``. Software takes over when hardware fails;
                `VideoSource.encoders` and `VideoSource.encoder_failure` tell.
            replaces: Video source to remove and whose place the new one takes, as in the W3C's ``replaceTrack``. Unless another
                `name` is given it keeps the name, and receivers go on; if it has one of the old source's codecs, no new
                description is needed. Defaults to None: the track is another one.

        Returns:
            The source, to which frames are written.

        Raises:
            ValueError: There is no such codec, encoder or preference, a number is out of range, the name is malformed or that
                of another track, or there is no such source to replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.video_source import VideoSource

        self._owner.check()
        name = self._checked_name(name, "video", replaces)
        source = VideoSource(fps, codecs, bitrate, degradation=degradation, name=name, encoder=encoder)
        self._send([source], replaces)
        return source

    def add_encoded_video(
        self,
        codec: str,
        fps: float = 30,
        *,
        name: str | None = None,
        replaces: VideoSource | EncodedVideoSource | None = None,
    ) -> EncodedVideoSource:
        """Add a video track whose frames are encoded already, by a camera or in hardware; see `add_video`.

        Args:
            codec: ``"H264"`` or ``"VP8"``.
            fps: Maximum frame rate, in frames per second. Defaults to 30.
            name: Name of the track; see `add_video`.
            replaces: Video source to replace; see `add_video`.

        Returns:
            The source, to which access units are written.

        Raises:
            ValueError: There is no such codec, a number is out of range, the name is malformed or that of another track, or
                there is no such source to replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.encoded_video_source import EncodedVideoSource

        self._owner.check()
        name = self._checked_name(name, "video", replaces)
        source = EncodedVideoSource(codec, fps, callbacks=self._callbacks, name=name)
        self._send([source], replaces)
        return source

    def add_audio(
        self,
        rate: int = 48000,
        channels: int = 1,
        *,
        name: str | None = None,
        low_delay: bool = False,
        fec: bool | None = None,
        replaces: AudioSource | EncodedAudioSource | None = None,
    ) -> AudioSource:
        """Add an audio track, sent as Opus; see `add_video`.

        Args:
            rate: Sample rate of the sound that is written, in Hz, 8000 to 192000. Defaults to 48000.
            channels: 1 or 2. Defaults to 1.
            name: Name of the track, unique among the audio tracks; see `add_video`.
            low_delay: Whether packets have 10 ms of sound instead of 20, which takes more of the link for the same sound.
                Defaults to False.
            fec: Whether each packet repeats the sound of the one before, which replaces a lost packet and doubles the bitrate.
                This is RED (RFC 2198), for receivers that accept it, such as this library and Chromium. True: always, with
                Opus's in-band FEC for other receivers. Defaults to None: RED while more than about 2 % of the packets are lost.
            replaces: Audio source to replace; see `add_video`.

        Returns:
            The source, to which sound is written.

        Raises:
            ValueError: A number is out of range, the name is malformed or that of another track, or there is no such source to
                replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.audio_source import AudioSource

        self._owner.check()
        name = self._checked_name(name, "audio", replaces)
        source = AudioSource(rate, channels, name=name, low_delay=low_delay, fec=fec)
        self._send([source], replaces)
        return source

    def add_player(
        self,
        path: str | os.PathLike[str],
        loop: bool = False,
        *,
        name: str | None = None,
        format: str | None = None,
        options: Mapping[str, str] | None = None,
        pass_through: bool = True,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        encoder: str | None = None,
    ) -> Player:
        """Add the video and audio of a file, a camera or a stream, which play in real time from `start` to `close`.

        This call opens the file, camera or stream, which stays open until `close`, even if the object is never started.

        Args:
            path: Whatever FFmpeg opens: a file, a camera such as ``/dev/video0``, a URL, or ``pipe:0`` for the standard input.
            loop: Whether a file begins again at its end, and a camera or stream that breaks off is opened again. Defaults to
                False.
            name: Name of both its video track and its audio track; see `add_video`.
            format: FFmpeg's name of the input format, such as ``"mjpeg"``. Defaults to None: FFmpeg looks at the content.
            options: Options for it by FFmpeg's names, such as ``{"rtsp_transport": "udp", "timeout": "2000000"}``
                (microseconds) for an RTSP camera. Defaults to none; RTSP then uses TCP if the camera supports it.
            pass_through: Whether H264 and VP8 video and Opus sound are sent unchanged to peers that accept them. If False,
                everything is encoded, and its bitrate follows the links. Defaults to True.
            size: Width and height of the video, in pixels. A camera is asked for it; video of another size is scaled, and
                hence encoded. Defaults to the video's own size.
            fps: Maximum frame rate, in frames per second. A camera is asked for it; frames beyond it are left out, and the
                others encoded. Defaults to the video's own, up to 60.
            encoder: Encoder for video that is encoded; see `add_video`.

        Returns:
            The player, which this object closes.

        Raises:
            ValueError: The name is malformed or that of another track, the size or frame rate is out of range, or there is no
                such encoder.
            TypeError: The options are not strings.
            MediaError: It cannot be opened, or has neither video nor audio that can be decoded.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the tracks.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.playing.player import Player

        self._owner.check()
        for kind in MEDIA_KINDS:
            self._checked_name(name, kind, None)
        self._check_may_add(f"adding {os.fspath(path)}")
        player = Player(
            path,
            loop,
            name=name,
            format=format,
            options=options,
            pass_through=pass_through,
            size=size,
            fps=fps,
            encoder=encoder,
        )
        self._send(player.sources, None)
        self._players.append(player)
        if self._plays:
            player.start()
        return player

    def _send(self, sources: Sequence[RoleSource], replaced: RoleSource | None) -> None:
        """Send sources in every session, including those that run already."""
        if replaced is None:
            self._check_may_add(f"adding {', '.join(map(repr, sources))}")
        with self._sessions_changed:
            self._sources.update(sources)
        for source in sources:
            give_control(source, self._control)
        if replaced is None:
            self._sent.add(sources)
        elif not self._sent.replace(replaced, sources[0]):
            raise ValueError(f"replaces={replaced!r}: it is no source of this {self._kind}, or was removed")
        self._tell_sessions()

    def _tell_sessions(self) -> None:
        with self._sessions_changed:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.link.tracks_changed()

    def _check_may_add(self, doing: str) -> None:
        for session in self._open_sessions():
            why = session.link.why_fixed
            if why is not None:
                raise TracksFixed(
                    f"{doing}: {session.named}: {why}. Add tracks before the session starts, or close it and start another."
                )

    def _checked_name(self, name: str | None, kind: MediaKind, replaced: RoleSource | None) -> str | None:
        if replaced is not None:
            if replaced not in self._sent or replaced.kind != kind:
                raise ValueError(
                    f"replaces={replaced!r}: it must be a source of {kind} of this {self._kind}, and not removed"
                )
            name = replaced.name if name is None else name
        others = (each.source for each in self._sent.snapshot if each.source is not replaced and each.kind == kind)
        return checked_name(name, kind, (source.name for source in others))

    def _check_may_block(self, doing: str) -> None:
        super()._check_may_block(doing)
        loop = self._loop
        if loop is not None and loop.is_current:
            raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself forever")

    def _open(self) -> None:
        if self._loop is None:
            self._loop = acquire_shared_loop(ConnectionLost, WaitTimeout)
            with self._sessions_changed:
                self._is_closing = False
            self._requests.open(self._loop)

    def _connect(self, attempt: Attempt) -> None:
        super()._connect(attempt)
        # Only the first connection starts players: one that has ended does not begin again with the next connection.
        if not self._plays:
            self._plays = True
            for player in self._players:
                if any(source in self._sent for source in player.sources):
                    player.start()

    def _release(self, deadline: Deadline) -> None:
        for player in self._players:
            player.close(deadline.remaining())

    def _shut(self, deadline: Deadline) -> None:
        self._plays = False
        with self._sessions_changed:
            sources = list(self._sources)
        for source in sources:
            source.join(deadline)
        if self._loop is not None:
            self._loop = None
            release_shared_loop()

    def _end_sessions(self, deadline: Deadline) -> None:
        self._requests.close()
        with self._sessions_changed:
            self._is_closing = True
            sessions = list(self._sessions.values())
        if not sessions or self._loop is None:
            return

        async def end_all() -> None:
            seconds = deadline.remaining()
            await asyncio.gather(*(session.link.termination.run(drain_seconds=seconds) for session in sessions))

        ending = Deadline(deadline.remaining() + ENDING_SECONDS)
        try:
            self._loop.run(end_all(), ending, f"closing the sessions of the {self._kind}")
        except WaitTimeout as error:
            # The user's code blocks the event loop. Everything else can still be closed.
            logger.error("%s", error)
        for session in sessions:
            session.media.finish_recordings(deadline)

    def _await_connected(
        self, session: LiveSession, deadline: Deadline, begin: Callable[[], None] = lambda: None
    ) -> LiveSession:
        """Begin the negotiation of a session, and wait until it is connected; end the session if the caller gives up."""
        try:
            begin()
            session.wait_connected(deadline)
        except BaseException as error:
            session.link.abandon(
                error if isinstance(error, SignallingError) else SessionClosed("the caller gave up waiting"),
                "the caller gave up waiting",
            )
            raise
        return session

    def _new_session(self, peer_id: str, tracks: TrackChoice = EVERYTHING) -> LiveSession:
        """Make a session, which has no id and is not registered yet.

        Args:
            peer_id: The other end's peer id.
            tracks: Tracks of the other end that are taken. Defaults to all.
        """
        if self._loop is None:
            raise ConnectionLost(f"the {self._kind} is closed")
        settings = SessionSettings(
            self._timeout, self._ice, self._interrupted_after, self._limits, tracks, self._sent, self._offers
        )
        client, met = self._client(), LimitCounts(self._met)
        session = behind_session(Session(peer_id, client, self._loop, self._callbacks, settings, met))
        session.settled = self._on_settled
        session.finished = self._on_finished
        return session

    def _register(self, session: LiveSession, session_id: str, ours: bool = False) -> None:
        """Give a session its id, by which messages reach it from now on; on the reader.

        Args:
            session: The session.
            session_id: Its id.
            ours: Whether this role started it; `wait_for_session` then does not return it. Defaults to False.

        Raises:
            ConnectionLost: The role is being closed, and takes no more sessions. The other end is told.
        """
        session.id = session_id
        with self._sessions_changed:
            if not self._is_closing:
                self._sessions[session_id] = session
                if ours:
                    self._own_ids.add(session_id)
                return
        self._client().end_session(session_id, f"the {self._kind} is being closed")
        raise ConnectionLost(f"the {self._kind} is being closed")

    def _wait_for_session(self, starter: str, deadline: Deadline) -> Session:
        self._client()
        doing = f"waiting for {starter} at {self.uri} to start a session"
        with self._sessions_changed:
            wait_for(self._sessions_changed, lambda: self._arrived or self.state in _ENDED, deadline)
            if self._arrived:
                return session_of(self._arrived.popleft())
        if self.state is not RoleState.REGISTERED:
            self._life.wait_registered(Deadline(0.0), doing)
        raise WaitTimeout(f"{doing}: none within {deadline}")

    def _on_request(self, request: SessionRequest) -> None:
        """Handle another peer's request for a session; on the reader."""
        offer = request.offer if isinstance(request, SessionRequested) else None
        if request.peer_id == self._client().peer_id:
            self._refuse(request.session_id, "rejected: a peer has no session with itself")
        elif offer is not None and len(offer) > MAX_DESCRIPTION_CHARACTERS:
            self._refuse(
                request.session_id, f"incompatible: unusable offer from the peer: it has {len(offer)} characters"
            )
        elif self._session(request.session_id) is None:
            self._requests.ask(request)

    def _begin_requested(self, request: SessionRequest, early: list[IceMessage]) -> None:
        """Begin a session that another peer asked for; on the reader or the loop.

        Args:
            request: The peer's request.
            early: Candidates that have come for the session already.
        """

    def _refuse(self, session_id: str, told: str | None) -> None:
        """Tell the other end that there will be no session."""
        with contextlib.suppress(ConnectionLost):
            self._client().end_session(session_id, told)

    def _on_welcome(self, kept: frozenset[str]) -> None:
        """Go on with the sessions that the server knows."""
        self._kept_ids = kept
        self._requests.drop(kept)
        for session in self._known(kept).values():
            session.link.server.on_signalling_back(self._client())

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        super()._on_registered(producers)
        # Messages that waited at the server have come by now. A session that is still unknown was lost with the previous
        # connection, or has ended at this end meanwhile.
        kept, self._kept_ids = self._kept_ids, frozenset()
        for session_id in kept - self._known(kept).keys():
            if session_id not in self._requests:
                self._refuse(session_id, None)

    def _known(self, session_ids: frozenset[str]) -> dict[str, LiveSession]:
        with self._sessions_changed:
            return {session_id: self._sessions[session_id] for session_id in session_ids & self._sessions.keys()}

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Welcome):
            self._on_welcome(frozenset(event.sessions or ()))
            return
        if self._requests.keep(event):
            if isinstance(event, EndSession | EndSessionV1_1):
                self._requests.withdraw(event.session_id)
            return
        match event:
            case SdpMessage(session_id, kind, sdp):
                self._on_sdp(session_id, kind, sdp)
            case IceMessage(session_id, candidate, index):
                if session := self._session(session_id):
                    session.link.server.on_candidate(candidate, index)
            case PeerAway(session_id):
                if session := self._session(session_id):
                    session.link.server.on_peer_away()
            case PeerBack(session_id):
                if session := self._session(session_id):
                    self._on_peer_back(session)
            case EndSession(session_id, mark):
                if session := self._session(session_id):
                    session.link.server.on_end(None, mark)
            case EndSessionV1_1(session_id, error, mark):
                if session := self._session(session_id):
                    session.link.server.on_end(error, mark)

    def _on_peer_back(self, session: LiveSession) -> None:
        """Handle the return of a session's peer that was away from the server; on the reader."""

    def _on_sdp(self, session_id: str, kind: SdpType, sdp: str) -> None:
        if session := self._session(session_id):
            session.link.server.on_description(kind, sdp)

    def _on_change(self, change: StateChange) -> None:
        super()._on_change(change)
        with self._sessions_changed:
            self._sessions_changed.notify_all()

    def _on_lost(self, error: Exception) -> None:
        self._requests.hold()
        with self._sessions_changed:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.link.server.on_signalling_lost(error)

    def _session(self, session_id: str) -> LiveSession | None:
        with self._sessions_changed:
            session = self._sessions.get(session_id)
        if session is None:
            # This is ordinary: a candidate was under way when the session ended.
            logger.debug("dropped a message for session %s, which is not ours or is closed", session_id)
        return session

    def _on_settled(self, session: LiveSession) -> None:
        """Handle that a session is connected or closed; on the loop."""
        if session.state == "connected":
            self._requests.connected(session.id)
        if session.resumes is not None and session.state == "connected":
            self._hand_over(session.resumes, session)
            return
        with self._sessions_changed:
            if session.state == "closed":
                self._own_ids.discard(session.id)
                if session in self._arrived:
                    self._arrived.remove(session)
            elif session.id not in self._own_ids:
                self._arrived.append(session)
            self._sessions_changed.notify_all()

    def _hand_over(self, session: LiveSession, successor: LiveSession) -> None:
        """Have a session go on with the connection of another one, which was made for this; on the loop."""
        with self._sessions_changed:
            if session.state == "resuming" and not self._is_closing:
                self._sessions.pop(session.id, None)
                self._sessions[successor.id] = session
                session.go_on_with(successor)
            self._sessions_changed.notify_all()

    def _on_finished(self, session: LiveSession) -> None:
        """Forget a closed session that has no thread left for `close` to wait for; on the loop."""
        with self._sessions_changed:
            self._sessions.pop(session.id, None)
        self._requests.ended(session.id)


class _Admitting:
    """The role's side of `SessionRequests`."""

    def __init__(self, role: SessionRole) -> None:
        self._role = role

    def count_interrupted(self) -> int:
        return sum(session.state == "interrupted" for session in self._role.sessions)

    def is_overwhelmed(self) -> bool:
        return self._role._callbacks.is_full

    def begin(self, request: SessionRequest, early: list[IceMessage]) -> None:
        self._role._begin_requested(request, early)

    def refuse(self, session_id: str, told: str | None) -> None:
        self._role._refuse(session_id, told)

    def give_up(self, session_id: str) -> None:
        if session := self._role._session(session_id):
            text = "it was not connected in time, and others wait"
            session.link.abandon(SessionClosed(f"{session.named}: {text}", "busy"), text)


class _Controlling:
    """The role's side of its sources, which pause and remove their tracks through it; on any thread."""

    def __init__(self, role: SessionRole, check_process: Callable[[], None]) -> None:
        self._role = role
        self._check_process = check_process

    def set_paused(self, source: RoleSource, is_paused: bool) -> None:
        self._check_process()
        if not self._role._sent.set_paused(source, is_paused):
            raise RuntimeError(f"{'pausing' if is_paused else 'resuming'} {source!r}: it was removed")
        self._role._tell_sessions()

    def remove(self, source: RoleSource) -> None:
        self._check_process()
        if self._role._sent.remove(source):
            self._role._tell_sessions()

    def is_paused(self, source: RoleSource) -> bool:
        return self._role._sent.is_paused(source)
