"""`SessionConnection`: the peer connection of a session, with what negotiates, watches and measures it. Lives on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, Protocol

from ..errors import SessionClosed, SessionClosedReason
from ..ice_options import ask_servers
from ..ice_servers import IceServer
from ..limit_counts import LimitCounts
from ..protocol.control import (
    ClockAnswer,
    ClockQuestion,
    ControlMessage,
    Goodbye,
    InBandCandidate,
    InBandDescription,
    OfferWanted,
    Paused,
)
from ..protocol.messages import SdpType
from ..protocol.quota import TokenBucket
from ..threads import clock
from ..threads.interruptible import Future
from ..threads.loop_thread import LoopThread
from ..threads.slow_calls import SLOW_CALLS
from .changes import Changes
from .channel_options import ChannelOptions
from .clock_comparison import ClockComparison
from .engine.data import WireChannel
from .engine.peer_connection import PeerConnection
from .linked_session import LinkedSession
from .liveness import Ending
from .media.codecs import CAPABILITIES
from .media.receiving.media_receiver import MediaReceiver
from .media.tracks import Tracks
from .negotiation import Negotiation
from .path_size import PAYLOAD, largest_payload
from .quality import Quality
from .route import describe_ways
from .sampling import Sampler
from .session_settings import SessionSettings
from .session_state import SessionState
from .signalling_path import SignallingPath
from .statistics import Statistics, connection_statistics
from .watch import Watch

__all__ = ["ConnectionLink", "SessionConnection"]

logger = logging.getLogger(__name__)

_PATH_SECONDS: Final = 1.0
"""Seconds from the connection to the probing of the path's MTU, which leaves the path to the session's first packets."""

_WAITING_DESCRIPTIONS: Final = 4
"""Maximum number of a peer's descriptions that wait because of the rate limit."""


class ConnectionLink(Protocol):
    """The link of a connection, as far as the connection needs it."""

    @property
    def session(self) -> LinkedSession:
        """The session, which is another one once it is resumed with this connection."""

    @property
    def is_ending(self) -> bool:
        """Whether the end of the session has begun."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop."""

    def negotiate(self, step: Coroutine[Any, Any, None]) -> None:
        """Run a step of the negotiation, whose errors end a session that is not connected yet."""

    def warn(self, kind: str, details: str) -> None:
        """Log a warning of what the peer does, once for each kind."""

    def on_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Handle the other end's candidate."""

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """Handle that the peer ends the session, and said so in-band."""

    def on_channel(self, channel: WireChannel) -> None:
        """Handle a data channel that the peer has opened."""

    def on_watch_end(self, ending: Ending) -> None:
        """Handle that the peer is not heard any more."""

    async def terminate(self, error: Exception | None = None, told_peer: str | None = None) -> None:
        """End the session.

        Args:
            error: Why. Defaults to None: it was closed on purpose.
            told_peer: Reason that the other end is told. Defaults to None: it is told no reason.
        """


class SessionConnection:
    """The peer connection of a session.

    Args:
        link: The session's link.
        path: Sends what the other end must know to connect.
        settings: The settings of the session.
        loop: The loop.
        met: Counts the limits that the peer meets.
        early_candidates: Candidates of the peer that have come already, as in `Negotiation.add_candidate`.
    """

    def __init__(
        self,
        link: ConnectionLink,
        path: SignallingPath,
        settings: SessionSettings,
        loop: LoopThread,
        met: LimitCounts,
        early_candidates: Iterable[tuple[str, int]],
    ) -> None:
        self._link = link
        self._path = path
        self._settings = settings
        self._loop = loop
        self._met = met
        limits, named = settings.limits, link.session.named
        ask = self._ask_servers if callable(settings.ice.servers) else None
        self.peer = PeerConnection(CAPABILITIES, settings.ice, ask, limits.candidates)
        """The peer connection."""
        self.peer.on_state(self._on_state)
        self.peer.on_channel(link.on_channel)
        self.peer.on_refused_candidate(lambda: met.note("candidates"))
        self.peer.on_goodbye(lambda how: self._on_transport_goodbye())
        self.watch = Watch(self.peer, settings.interrupted_after, self._on_liveness, link.on_watch_end)
        """Whether the peer is heard."""
        self.clocks = ClockComparison(lambda: path.control)
        """The comparison of both ends' clocks."""
        self._sampler = Sampler(self.peer, self._frame_rates_in, self._frames_out, lambda: self._largest_payload)
        self._tracks = Tracks(
            self.peer, loop, named, self._on_track, settings.tracks, self._on_track_end, lambda: settings.sent.snapshot
        )
        self.negotiation = Negotiation(
            self.peer,
            self._tracks,
            named,
            path.send_sdp,
            early_candidates,
            lambda: path.open_control(self.peer, self._on_control_message, self._on_control_open),
            self._send_candidate,
            limits,
            met,
            self._on_settled,
        )
        """Offers, answers and candidates."""
        self.changes = Changes(settings.offers, self._tracks, self.negotiation, path, link.spawn)
        """Changes of what both ends send."""
        self._largest_payload: int | None = None
        self._path_alarm: asyncio.TimerHandle | None = None
        self._asking: asyncio.Future[Callable[[], tuple[IceServer, ...]]] | None = None
        self._descriptions = None if limits.descriptions is None else TokenBucket(limits.descriptions)
        self._has_description = False
        self._waiting_descriptions = 0

    @property
    def takes_data(self) -> bool:
        """Whether the peer has not refused data channels."""
        return self.negotiation.takes_data

    @property
    def progress(self) -> str:
        """The progress of the connection, for an error message."""
        if not self.peer.has_remote_description:
            return "the peer sent no session description"
        state = f"ICE {self.peer.ice_state}, connection {self.peer.state}"
        return state if self.peer.ice_state == "completed" else f"{state}; {describe_ways(self.peer)}"

    def create_channel(self, options: ChannelOptions) -> WireChannel:
        """Create a data channel."""
        return self.peer.create_channel(options)

    async def make_offer(self, asks_for_everything: bool) -> str:
        """Make an offer; see `Negotiation.make_offer`.

        Args:
            asks_for_everything: Whether it asks for video and audio, whether or not the peer sends them.
        """
        tracks = self._tracks
        return await self.negotiation.make_offer(lambda places: tracks.prepare_offer(places, {}, asks_for_everything))

    async def receive(self, kind: SdpType, sdp: str) -> None:
        """Handle the other end's description; those after the first one at a limited rate."""
        is_further, self._has_description = self._has_description, True
        if self._descriptions is not None and is_further:
            is_too_much = self._waiting_descriptions >= _WAITING_DESCRIPTIONS
            if is_too_much or self._descriptions.wait(1, clock.now()):
                self._met.note("descriptions")
            if is_too_much:
                self._link.warn("dropped a description", "the peer describes its end faster than it is taken")
                return
            self._waiting_descriptions += 1
            try:
                await asyncio.sleep(self._descriptions.spend(1, clock.now()))
            finally:
                self._waiting_descriptions -= 1
        if not self._link.is_ending:
            await self.negotiation.receive(kind, sdp)

    async def quality(self) -> Quality:
        """Measure the quality of the connection."""
        return await self._sampler.quality()

    async def stats(self) -> Statistics:
        """The statistics of the connection, without those of data channels."""
        return await connection_statistics(self.peer)

    def stop(self) -> None:
        """Stop what is measured and changed, because the session ends. The peer is watched until `Watch.stop`."""
        if self._path_alarm is not None:
            self._path_alarm.cancel()
        if self._asking is not None:
            # The callable may never return.
            self._asking.cancel()
        self.clocks.stop()
        self.changes.stop()

    def _send_candidate(self, candidate: str, sdp_m_line_index: int) -> None:
        if not self._link.is_ending:
            self._path.send_candidate(candidate, sdp_m_line_index)

    async def _ask_servers(self) -> tuple[IceServer, ...]:
        """Call the callable that returns the ICE servers, on a thread of its own.

        Raises:
            SessionClosed: The callable raised an error, or did not return servers; or the session ended meanwhile.
        """
        ice, named = self._settings.ice, self._link.session.named
        waiter: Future[Callable[[], tuple[IceServer, ...]]] = Future()
        try:
            # Of this callable, which the call keeps alive.
            call = SLOW_CALLS.begin(("ice", id(ice.servers)), partial(ask_servers, ice), "resolver", waiter)
            self._asking = asyncio.wrap_future(waiter)
            try:
                outcome = await self._asking
            finally:
                SLOW_CALLS.give_up(call)
            return outcome()
        except asyncio.CancelledError:
            if self._link.is_ending:
                raise SessionClosed(f"{named}: it ended during the negotiation", "not connected") from None
            raise
        except Exception as error:
            text = f"the callable for ICE servers failed: {type(error).__name__}: {error}"
            raise SessionClosed(f"{named}: {text}", "not connected") from error

    def _on_state(self) -> None:
        link = self._link
        if link.is_ending:
            return
        state = self.peer.state
        if state == "connected" and link.session.state is SessionState.CONNECTING:
            self.watch.start()
            self.clocks.start()
            link.session.enter(SessionState.CONNECTED)
            self.changes.connected()
            later = asyncio.get_running_loop().call_later
            self._path_alarm = later(_PATH_SECONDS, lambda: link.spawn(self._find_largest_payload()))
        elif state == "failed":
            link.spawn(link.terminate(*self._failure()))
        elif state == "closed":
            link.spawn(link.terminate())

    def _failure(self) -> tuple[SessionClosed, str]:
        """The error of a connection that failed, and what the peer is told."""
        session = self._link.session
        what: str
        ways: str
        reason: SessionClosedReason
        if session.state.is_open:
            what, ways, reason = "the connection to the peer was lost", "", "lost"
        else:
            what, ways, reason = "no connection to the peer", f"; {describe_ways(self.peer)}", "not connected"
        told = f"{what} (ICE {self.peer.ice_state})"
        return SessionClosed(f"{session.named}: {told}{ways}", reason), told

    async def _find_largest_payload(self) -> None:
        """Probe the path's MTU, and log a warning if the path loses the largest packets of this library."""
        path = next((each for each in self.peer.paths if each.selected_pair is not None), None)
        if path is None:
            return
        self._largest_payload = await largest_payload(path.check)
        if self._largest_payload is not None and self._largest_payload < PAYLOAD:
            logger.warning(
                "%s: the path to the peer loses UDP payloads over %d bytes without a word; video and large messages need %d."
                " A VPN or tunnel on the way has an MTU that is too small.",
                self._link.session.named,
                self._largest_payload,
                PAYLOAD,
            )

    def _frame_rates_in(self) -> tuple[float, ...]:
        return tuple(video.fps for video in self._link.session.media.videos)

    def _frames_out(self) -> tuple[int, ...]:
        return self._tracks.frames_sent

    def _on_liveness(self, state: SessionState) -> None:
        self._link.session.enter(state)

    def _on_transport_goodbye(self) -> None:
        """Handle a close_notify, an ABORT or a SHUTDOWN of the peer, after aiortc's code that calls this has returned."""
        self._loop.call(self._link.on_goodbye, Goodbye())

    def _on_control_message(self, message: ControlMessage) -> None:
        link = self._link
        if link.is_ending and not isinstance(message, Goodbye):
            return
        match message:
            case Goodbye():
                link.on_goodbye(message)
            case InBandDescription(kind, sdp):
                self._path.answers_in_band = True
                link.negotiate(self.receive(kind, sdp))
            case InBandCandidate(candidate, index):
                link.on_candidate(candidate, index)
            case ClockQuestion():
                self.clocks.on_question(message)
            case ClockAnswer():
                self.clocks.on_answer(message)
            case OfferWanted():
                if self._settings.offers:
                    self.changes.on_offer_wanted(message)
            case Paused():
                self.changes.on_paused(message)

    def _on_control_open(self) -> None:
        if not self._link.is_ending:
            self.changes.control_opened()

    def _on_settled(self) -> None:
        if not self._link.is_ending:
            self.changes.settled()

    def _on_track(self, receiver: MediaReceiver) -> None:
        session = self._link.session
        if not self._link.is_ending:
            session.media.add(receiver, session.named)

    def _on_track_end(self, receiver: MediaReceiver) -> None:
        session = self._link.session
        if not self._link.is_ending:
            session.media.remove(receiver, session.named)
