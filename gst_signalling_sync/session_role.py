"""`SessionRole`: the base of `Producer` and `Consumer`, which has sessions and the tracks that it sends in them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final

from .endpoint import Endpoint
from .errors import ConnectError, ConnectionLost, SessionClosed, SignallingError, WaitTimeout
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
from .role_sessions import RoleSessions
from .sending_role import SendingRole
from .sent_media import SentMedia
from .session_requests import EarlyMessages, SessionRequest, SessionRequests
from .threads.loop_thread import LoopThread
from .threads.shared_loop import acquire_shared_loop, release_shared_loop
from .threads.waiting import Deadline
from .webrtc.description import MAX_DESCRIPTION_CHARACTERS
from .webrtc.live_session import LiveSession
from .webrtc.liveness import check_interrupted_after
from .webrtc.media.track_choice import EVERYTHING, TrackChoice
from .webrtc.session import Session, behind_session, session_of
from .webrtc.session_settings import SessionSettings
from .webrtc.termination import ENDING_SECONDS

__all__ = ["SessionRole"]

logger = logging.getLogger(__name__)

_ENDED: Final = (RoleState.CLOSING, RoleState.CLOSED)


class SessionRole(SendingRole):
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
        self._sessions = RoleSessions()
        # After a reconnection: the sessions that the server knows, until they are compared with those of the role. Used on the
        # reader only.
        self._kept_ids: frozenset[str] = frozenset()
        self._media = SentMedia(self._kind, lambda: self._sessions.all, self._owner.check)

    _offers: ClassVar[bool]
    """Whether this role makes the offers of its sessions once they run."""

    @property
    def sessions(self) -> list[Session]:
        """The open sessions, in the order in which they were requested. Empty in a forked child."""
        return [session_of(session) for session in self._open_sessions()]

    def _open_sessions(self) -> list[LiveSession]:
        return self._sessions.open if self._owner.is_here else []

    def _check_may_block(self, doing: str) -> None:
        super()._check_may_block(doing)
        loop = self._loop
        if loop is not None and loop.is_current:
            raise RuntimeError(f"{doing}: a blocking call on the event loop thread would wait for itself forever")

    def _open(self) -> None:
        if self._loop is None:
            try:
                self._loop = acquire_shared_loop(ConnectionLost, WaitTimeout)
            except OSError as error:
                raise ConnectError(
                    f"starting the {self._kind} of {self.uri}: no event loop can be made: {error.strerror or error}: close"
                    " files, or allow more (ulimit -n)."
                ) from error
            self._sessions.reopen()
            self._requests.open(self._loop)

    def _connect(self, attempt: Attempt) -> None:
        super()._connect(attempt)
        self._media.play()

    def _release(self, deadline: Deadline) -> None:
        self._media.close_players(deadline)

    def _shut(self, deadline: Deadline) -> None:
        self._media.join(deadline)
        if self._loop is not None:
            self._loop = None
            release_shared_loop()

    def _end_sessions(self, deadline: Deadline) -> None:
        self._requests.close()
        sessions = self._sessions.close()
        if not sessions or self._loop is None:
            return

        async def end_all() -> None:
            seconds = deadline.remaining()
            ends = (session.link.termination.run(drain_seconds=seconds) for session in sessions)
            for error in await asyncio.gather(*ends, return_exceptions=True):
                if isinstance(error, Exception):
                    logger.error("the %s: internal error while a session was ended", self._kind, exc_info=error)

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
            session.abandon(
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
            self._timeout,
            self._ice,
            self._interrupted_after,
            self._limits,
            tracks,
            self._media.tracks,
            self._offers,
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
        if self._sessions.add(session, ours):
            return
        self._client().end_session(session_id, f"the {self._kind} is being closed")
        raise ConnectionLost(f"the {self._kind} is being closed")

    def _wait_for_session(self, starter: str, deadline: Deadline) -> Session:
        self._client()
        doing = f"waiting for {starter} at {self.uri} to start a session"
        session = self._sessions.wait(lambda: self.state in _ENDED, deadline)
        if session is not None:
            return session_of(session)
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

    def _begin_requested(self, request: SessionRequest, early: EarlyMessages) -> None:
        """Begin a session that another peer asked for; on the reader or the loop.

        Args:
            request: The peer's request.
            early: What has come for the session already.
        """

    def _refuse(self, session_id: str, told: str | None) -> None:
        """Tell the other end that there will be no session."""
        with contextlib.suppress(ConnectionLost):
            self._client().end_session(session_id, told)

    def _on_welcome(self, kept: frozenset[str]) -> None:
        """Go on with the sessions that the server knows."""
        self._kept_ids = kept
        self._requests.drop(kept)
        for session in self._sessions.known(kept).values():
            session.link.server.on_signalling_back(self._client())

    def _on_registered(self, producers: tuple[Peer, ...]) -> None:
        super()._on_registered(producers)
        # Messages that waited at the server have come by now. A session that is still unknown was lost with the previous
        # connection, or has ended at this end meanwhile.
        kept, self._kept_ids = self._kept_ids, frozenset()
        # In this order: a request that waits now may have begun before the sessions are asked for.
        not_waiting = [session_id for session_id in kept if session_id not in self._requests]
        known = self._sessions.known(not_waiting)
        for session_id in not_waiting:
            if session_id not in known:
                self._refuse(session_id, None)

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
        self._sessions.notify()

    def _on_lost(self, error: Exception) -> None:
        self._requests.hold()
        for session in self._sessions.all:
            session.link.server.on_signalling_lost(error)

    def _session(self, session_id: str) -> LiveSession | None:
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
            self._sessions.hand_over(session.resumes, session)
        else:
            self._sessions.settled(session)

    def _on_finished(self, session: LiveSession) -> None:
        """Forget a closed session that has no thread left for `close` to wait for; on the loop."""
        self._sessions.forget(session)
        self._requests.ended(session.id)


class _Admitting:
    """The role's side of `SessionRequests`."""

    def __init__(self, role: SessionRole) -> None:
        self._role = role

    def count_interrupted(self) -> int:
        return sum(session.state == "interrupted" for session in self._role._sessions.open)

    def is_overwhelmed(self) -> bool:
        return self._role._callbacks.is_full

    def begin(self, request: SessionRequest, early: EarlyMessages) -> None:
        self._role._begin_requested(request, early)

    def refuse(self, session_id: str, told: str | None) -> None:
        self._role._refuse(session_id, told)

    def give_up(self, session_id: str) -> None:
        if session := self._role._session(session_id):
            text = "it was not connected in time, and others wait"
            session.abandon(SessionClosed(f"{session.named}: {text}", "busy"), text)
