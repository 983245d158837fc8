"""What `Producer` and `Consumer` share: sessions, by id, on the loop that all of WebRTC runs on."""

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
from .ice_options import GivenServers, IceOptions, resolve_ice
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
from .webrtc.link import ENDING_SECONDS
from .webrtc.liveness import check_interrupted_after
from .webrtc.media.encoded_frame import MEDIA_KINDS, MediaKind
from .webrtc.media.sending.controlled_track import give_control
from .webrtc.media.sending.sent_tracks import SentTracks
from .webrtc.media.track_choice import EVERYTHING, TrackChoice
from .webrtc.media.track_names import checked_name
from .webrtc.session import Session

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
        uri: Of the signalling server.
        roles: What to register as.
        meta: What to register with.
        host: Instead of `uri`.
        port: Instead of `uri`.
        timeout: Seconds that a blocking call may take by default.
        ice_servers: The short form of `ice`.
        ice: Which servers, ports and interfaces sessions use; None: those of the environment.
        retry: How a lost signalling connection is made again; None: not at all.
        interrupted_after: Seconds of silence after which a session is interrupted.
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
        self._sessions: dict[str, Session] = {}
        # Those that other peers started and `wait_for_session` has not given out.
        self._arrived: deque[Session] = deque()
        self._own_ids: set[str] = set()
        self._is_closing = False
        # Of a role that came back: the sessions that the server knows, until it is known which of them there are. The reader's.
        self._kept_ids: frozenset[str] = frozenset()
        self._sent = SentTracks()
        self._control = _Controlling(self, self._owner.check)
        # Whose threads may have to be waited for: those that were removed too. Guarded by the lock of the sessions.
        self._sources: WeakSet[RoleSource] = WeakSet()
        self._players: list[Player] = []
        # Whether players play as soon as there are any; written by the role's own thread.
        self._plays = False

    _offers: ClassVar[bool]
    """Whether it makes the offers of its sessions once they run."""

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open, in the order in which they were requested; none in a forked child."""
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
        """Add a video track, to the sessions that run already too; `VideoSource.pause` and `VideoSource.remove` are for later.

        A producer offers it to every session. A consumer talks back: it goes out on the first video track that the producer
        offers to receive on as well. Where there is none, a producer of this library is asked for one, and with others it is
        logged. See ``docs/topics/tracks.rst``.

        Args:
            fps: Frames per second at the most.
            codecs: What it may be encoded in, the preferred one first; each session gets the first that its peer takes. Also
                ``"VP9"`` and ``"AV1"``, which look better at the same bitrate and take more of a processor.
            bitrate: Bits per second: the highest, or the lowest and the highest. None: by the size of the frames, 0.08 per
                pixel. Within the limits it follows the links: it is the lowest of what they carry, but at least half of what
                the median of them does, so that one bad link does not take the video from the others.
            degradation: What is given up where that is too little for the frames, in the W3C's words: ``"balanced"``, the frame
                rate first, down to half, then the size; ``"maintain-framerate"``; ``"maintain-resolution"``.
            name: By which the other end knows the track: ``session.videos["wrist"]`` here, ``track.id`` in a browser, the pad's
                ``msid`` in GStreamer. 1 to 64 letters, digits and ``!#$%&'*+-.^_`{|}~``, unique among the video tracks.
            encoder: None or ``"software"``: the processor encodes. ``"auto"``: hardware that this PyAV and this machine have,
                which is tried here and takes up to some seconds; its codec comes first then. Or FFmpeg's name of one, such as
                ``"h264_v4l2m2m"`` or ``"h264_nvenc"``. Where hardware does not work, or no longer, software takes over:
                `VideoSource.encoders` and `VideoSource.encoder_failure` tell.
            replaces: The video source whose place it takes, and which is removed. Without another `name` it has the same one,
                and receivers go on, without a new description where the codec is one of the old one's: the W3C's
                ``replaceTrack``. None: it is another track.

        Returns:
            What frames are written to.

        Raises:
            ValueError: There is no such codec or encoder here, or no such preference, a number is out of range, the name is no
                such name or that of another track, or there is no such source to replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot get it.
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
            fps: Frames per second at the most.
            name: As of `add_video`.
            replaces: As of `add_video`.

        Returns:
            What access units are written to.

        Raises:
            ValueError: There is no such codec here, a number is out of range, the name is no such name or that of another
                track, or there is no such source to replace.
            TracksFixed: As of `add_video`.
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
            rate: Samples per second of what is written, 8000 to 192000.
            channels: 1 or 2.
            name: As of `add_video`, unique among the audio tracks.
            low_delay: Whether packets are of 10 ms instead of 20, which takes more of the link for the same sound.
            fec: Whether each packet repeats what the one before had, so that a lost one is made good by the next, for twice
                the bits: RED (RFC 2198) for receivers that take it, such as this library and Chromium. True: always, and
                Opus's in-band FEC for others. None: RED while more than about 2 % of the link's packets are lost.
            replaces: The audio source whose place it takes, as of `add_video`.

        Returns:
            What sound is written to.

        Raises:
            ValueError: A number is out of range, the name is no such name or that of another track, or there is no such source
                to replace.
            TracksFixed: As of `add_video`.
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
        """Add the video and audio of a file, a camera or a stream. It plays in real time from `start` to `close`.

        It is opened here, once, and stays open until `close`, also of an object that was never started.

        Args:
            path: A file, a camera such as ``/dev/video0``, a URL, or ``pipe:0``, the standard input: whatever FFmpeg opens.
            loop: Whether a file begins again at its end, and a camera or stream that breaks off is opened again.
            name: Of its video and of its audio, as of `add_video`.
            format: FFmpeg's name of what reads it, such as ``"mjpeg"``. None: by its content.
            options: Of that, by FFmpeg's names, such as ``{"rtsp_transport": "udp", "timeout": "2000000"}`` (microseconds) of
                an RTSP camera. None: none; RTSP goes over TCP where the camera has it.
            pass_through: Whether video that is H264 or VP8 already and sound that is Opus are sent as they are, to those that
                take them. False: all is encoded, and its bitrate follows the links.
            size: Width and height in pixels of the video. A camera is asked for it; what has another size is scaled, and hence
                encoded. None: as it is.
            fps: Frames per second at the most. A camera is asked for it; of what has more some are left out, and the others
                encoded. None: as many as there are, up to 60.
            encoder: As of `add_video`, for video that is encoded.

        Returns:
            The player, which this object closes.

        Raises:
            ValueError: The name is no such name or that of another track, the size or frame rate is out of range, or there is
                no such encoder.
            TypeError: The options are no strings.
            MediaError: It cannot be opened, or has neither video nor audio that can be decoded.
            TracksFixed: As of `add_video`.
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
        """Send sources to every session, those that run too."""
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
        for session in self.sessions:
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
        # A player that has ended meanwhile does not begin again because the connection to a server does.
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
            await asyncio.gather(*(session.link.terminate(drain_seconds=seconds) for session in sessions))

        ending = Deadline(deadline.remaining() + ENDING_SECONDS)
        try:
            self._loop.run(end_all(), ending, f"closing the sessions of the {self._kind}")
        except WaitTimeout as error:
            # Something of the user's blocks the event loop. The rest can be closed all the same.
            logger.error("%s", error)
        for session in sessions:
            session.media.finish_recordings(deadline)

    def _await_connected(
        self, session: Session, deadline: Deadline, begin: Callable[[], None] = lambda: None
    ) -> Session:
        """Wait for a session, having begun its negotiation; one that its caller gives up is ended."""
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

    def _new_session(self, peer_id: str, tracks: TrackChoice = EVERYTHING) -> Session:
        """A session that is not registered yet, for want of an id.

        Args:
            peer_id: The other end.
            tracks: Which of its tracks are taken.
        """
        if self._loop is None:
            raise ConnectionLost(f"the {self._kind} is closed")
        session = Session(
            peer_id,
            self._client(),
            self._loop,
            self._callbacks,
            self._timeout,
            self._ice,
            self._interrupted_after,
            self._limits,
            tracks,
            LimitCounts(self._met),
            sent=self._sent,
            offers=self._offers,
        )
        session.settled = self._on_settled
        session.finished = self._on_finished
        return session

    def _register(self, session: Session, session_id: str, ours: bool = False) -> None:
        """Give a session its id; from here on the messages for it reach it. On the reader.

        Args:
            session: The session.
            session_id: Its id.
            ours: Whether this role started it, whose caller then gets it.

        Raises:
            ConnectionLost: The role is being closed, and takes no more sessions; the other end is told.
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
                return self._arrived.popleft()
        if self.state is not RoleState.REGISTERED:
            self._life.wait_registered(Deadline(0.0), doing)
        raise WaitTimeout(f"{doing}: none within {deadline}")

    def _on_request(self, request: SessionRequest) -> None:
        """Handle that another peer wants a session; on the reader."""
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
            request: What it asked for.
            early: Its candidates that have come already.
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
            session.link.on_signalling_back(self._client())

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        super()._on_registered(producers)
        # What waited at the server has come by now. A session that is still unknown was lost with the connection before, or has
        # ended at this end meanwhile.
        kept, self._kept_ids = self._kept_ids, frozenset()
        for session_id in kept - self._known(kept).keys():
            if session_id not in self._requests:
                self._refuse(session_id, None)

    def _known(self, session_ids: frozenset[str]) -> dict[str, Session]:
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
                    session.link.on_candidate(candidate, index)
            case PeerAway(session_id):
                if session := self._session(session_id):
                    session.link.on_peer_away()
            case PeerBack(session_id):
                if session := self._session(session_id):
                    self._on_peer_back(session)
            case EndSession(session_id, mark):
                if session := self._session(session_id):
                    session.link.on_end(None, mark)
            case EndSessionV1_1(session_id, error, mark):
                if session := self._session(session_id):
                    session.link.on_end(error, mark)

    def _on_peer_back(self, session: Session) -> None:
        """Handle that the peer of a session was away from the server and is back; on the reader."""

    def _on_sdp(self, session_id: str, kind: SdpType, sdp: str) -> None:
        if session := self._session(session_id):
            session.link.on_description(kind, sdp)

    def _on_change(self, change: StateChange) -> None:
        super()._on_change(change)
        with self._sessions_changed:
            self._sessions_changed.notify_all()

    def _on_lost(self, error: Exception) -> None:
        self._requests.hold()
        with self._sessions_changed:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.link.on_signalling_lost(error)

    def _session(self, session_id: str) -> Session | None:
        with self._sessions_changed:
            session = self._sessions.get(session_id)
        if session is None:
            # Ordinary: a candidate that was under way when the session ended.
            logger.debug("dropped a message for session %s, which is not ours or is closed", session_id)
        return session

    def _on_settled(self, session: Session) -> None:
        """Take note of a session's new state; on the loop."""
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

    def _hand_over(self, session: Session, successor: Session) -> None:
        """Have a session go on with the connection of another one, which was made for that; on the loop."""
        with self._sessions_changed:
            if session.state == "resuming" and not self._is_closing:
                self._sessions.pop(session.id, None)
                self._sessions[successor.id] = session
                session.go_on_with(successor)
            self._sessions_changed.notify_all()

    def _on_finished(self, session: Session) -> None:
        """Forget a session that is closed, now that `close` has no thread of its to wait for; on the loop."""
        with self._sessions_changed:
            self._sessions.pop(session.id, None)
        self._requests.ended(session.id)


class _Admitting:
    """What a role does for the requests of other peers."""

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
    """What a role does with its tracks when their sources ask for it; on any thread."""

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
