"""`Link`: a session's peer connection, from its negotiation to its end. Lives on the loop.

Methods that only post to the loop are marked as such, and are callable from any thread. The session ends exactly once, in
`_terminate`, whether this end, the other end, the signalling server or the network ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    SESSION_CLOSED_REASONS,
    ChannelClosed,
    SessionClosed,
    SessionClosedReason,
    SignallingError,
)
from ..ice_options import IceOptions
from ..ice_servers import IceServer
from ..limit_counts import LimitCounts
from ..protocol.control import (
    TRACKS_VERSION,
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
from ..protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from ..signalling import SignallingClient
from ..signalling.repeated import RepeatedWarnings
from ..threads import clock
from ..threads.loop_thread import LoopThread
from .changes import Changes
from .channel_options import ChannelOptions
from .clock_comparison import ClockComparison
from .clock_offset import ClockOffset
from .description import MAX_CANDIDATE_CHARACTERS
from .drain import Drain
from .endings import as_session_closed, reason_in
from .engine.data import WireChannel
from .engine.peer_connection import PeerConnection
from .farewell import FAREWELL_SECONDS, Farewell
from .liveness import DEFAULT_INTERRUPTED_AFTER, Ending
from .media.codecs import CAPABILITIES
from .media.receiving.media_receiver import MediaReceiver
from .media.sending.sent_tracks import SentTracks
from .media.track_choice import EVERYTHING, TrackChoice
from .media.tracks import Tracks
from .negotiation import Negotiation
from .path_size import PAYLOAD, largest_payload
from .peer_channels import ChannelRefusal, PeerChannels
from .quality import Quality
from .route import describe_ways
from .sampling import Sampler
from .session_state import SessionState
from .signalling_path import SignallingPath
from .statistics import Statistics, connection_statistics
from .watch import Watch

if TYPE_CHECKING:
    from .channel import DataChannel
    from .session import Session

__all__ = ["ENDING_SECONDS", "Link"]

logger = logging.getLogger(__name__)

_PATH_SECONDS: Final = 1.0
"""Seconds from the connection to the probing of the path's MTU, which leaves the path to the session's first packets."""

_DECODING_SECONDS: Final = 2.0
"""Seconds that a decoder may take for its last frame."""

ENDING_SECONDS: Final = FAREWELL_SECONDS + _DECODING_SECONDS + 1.0
"""Seconds that `Link.terminate` may take beyond the time for draining, including the loop's delay."""

_WAITING_DESCRIPTIONS: Final = 4
"""Maximum number of a peer's descriptions that wait because of the rate limit."""

_HANDSHAKE_SECONDS: Final = 3.0
"""Seconds that the DTLS handshake may still take with a peer that has lost its signalling connection, or may have died. DTLS
sends a lost packet again after 1 s."""

_MAX_ALARM_SECONDS: Final = 86400.0


class Link:
    """The part of a session that lives on the loop.

    Args:
        session: The session, which is told of channels and changes of state.
        signalling: The connection to the signalling server.
        loop: The loop of this process's WebRTC.
        ice: Addresses, ports and servers to use.
        interrupted_after: Seconds without any packet from the peer after which the session is interrupted. Defaults to 2.
        limits: What the peer may use.
        tracks: The peer's tracks that are taken. Defaults to all.
        met: Counts the limits that the peer meets.
        sent: The tracks that this end sends; None: it sends none.
        offers: Whether this end makes the offers of the session once it runs. Defaults to True.
    """

    def __init__(
        self,
        session: Session,
        signalling: SignallingClient,
        loop: LoopThread,
        ice: IceOptions,
        interrupted_after: float = DEFAULT_INTERRUPTED_AFTER,
        limits: SessionLimits = DEFAULT_SESSION_LIMITS,
        tracks: TrackChoice = EVERYTHING,
        met: LimitCounts | None = None,
        *,
        sent: SentTracks | None = None,
        offers: bool = True,
    ) -> None:
        self.met = LimitCounts() if met is None else met
        """Counts the limits that the peer meets."""
        self._session = session
        self._signalling = signalling
        self._path = SignallingPath(session, signalling)
        self._loop = loop
        self._ice = ice
        self._interrupted_after = interrupted_after
        self._limits = limits
        self._choice = tracks
        self._sent = SentTracks() if sent is None else sent
        self._offers = offers
        self._changes: Changes | None = None
        self._connection: PeerConnection | None = None
        self._watch: Watch | None = None
        self._tracks: Tracks | None = None
        self._sampler: Sampler | None = None
        self._clocks = ClockComparison(lambda: self._path.control)
        self._negotiation: Negotiation | None = None
        self._termination: asyncio.Task[None] | None = None
        self._peer_channels = PeerChannels(limits)
        self._descriptions = None if limits.descriptions is None else TokenBucket(limits.descriptions)
        self._waiting_descriptions = 0
        # Made at the first warning, since the session has no id before.
        self._warnings: RepeatedWarnings | None = None
        self._drain = Drain()
        # The number of candidates of the peer, counted on the reader.
        self._candidates = 0
        self._early_candidates: list[tuple[str, int]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._path_alarm: asyncio.TimerHandle | None = None
        self._handshake_alarm: asyncio.TimerHandle | None = None
        self._largest_payload: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Written on the loop only. Closed channels stay here, so that one that was closed on purpose is not created again.
        self._role_channels: dict[ChannelOptions, DataChannel] = {}

    @property
    def connection(self) -> PeerConnection | None:
        """The peer connection; None before the negotiation."""
        return self._connection

    @property
    def max_message_size(self) -> int | None:
        """Maximum size of a message that the other end accepts, in bytes; None: it is not known yet, or there is none."""
        negotiation = self._negotiation
        return None if negotiation is None else negotiation.max_message_size

    @property
    def takes_data(self) -> bool:
        """Whether the peer has not refused data channels."""
        negotiation = self._negotiation
        return negotiation is None or negotiation.takes_data

    @property
    def refused(self) -> dict[str, list[str]]:
        """Why media sections are not used: reasons by kind of media."""
        negotiation = self._negotiation
        return {} if negotiation is None else negotiation.refused

    @property
    def has_answer(self) -> bool:
        """Whether the peer has sent a session description."""
        connection = self._connection
        return connection is not None and connection.has_remote_description

    @property
    def progress(self) -> str:
        """The progress of the connection, for an error message."""
        connection = self._connection
        if connection is None or not connection.has_remote_description:
            return "the peer sent no session description"
        state = f"ICE {connection.ice_state}, connection {connection.state}"
        return state if connection.ice_state == "completed" else f"{state}; {describe_ways(connection)}"

    @property
    def why_fixed(self) -> str | None:
        """Why this end cannot add tracks to the running session; None: it can. Callable from any thread."""
        control = self._path.control
        if self._offers or not self._session.state.is_open:
            return None
        if control is not None and control.version >= TRACKS_VERSION:
            return None
        return "the producer is not this library's, or an older version of it, and only a producer can offer tracks"

    def role_channel(self, options: ChannelOptions) -> DataChannel | None:
        """The channel that `ensure_channel` has created with these options, which may be closed. Callable from any thread."""
        return self._role_channels.get(options)

    @property
    def silence(self) -> float:
        """Seconds since the last packet from the peer; 0 before the session is connected."""
        watch = self._watch
        return 0.0 if watch is None else watch.silence

    @property
    def clock_offset(self) -> ClockOffset | None:
        """The value of `Session.clock_offset`."""
        return self._clocks.offset

    # What follows posts to the loop and returns at once.

    def abandon(self, error: Exception | None, told_peer: str | None = None) -> None:
        """End the session at both ends without delivering queued messages; returns at once.

        Args:
            error: Error that the signal ``closed`` reports; None: there is no error.
            told_peer: Reason that the other end is told; None: it is told no reason.
        """
        self._loop.call(lambda: self._spawn(self.terminate(error, told_peer)))

    def give_up_after(self, seconds: float) -> None:
        """End the session if it is not connected in time, since a peer may request sessions and never answer.

        Args:
            seconds: Seconds from now.
        """

        def give_up() -> None:
            if self._session.state is SessionState.CONNECTING and self._termination is None:
                error = self._session.not_connected_error(seconds)
                self._spawn(self.terminate(error, f"not connected within {seconds:g} s"))

        def start() -> None:
            self._alarm = asyncio.get_running_loop().call_later(min(seconds, _MAX_ALARM_SECONDS), give_up)

        self._loop.call(start)

    def start_as_offerer(self, channels: Sequence[ChannelOptions]) -> None:
        """Make the offer and send it."""

        async def offer() -> None:
            self._open(channels)
            self._path.send_sdp(SdpType.OFFER, await self._make_offer(asks_for_everything=False))
            assert self._negotiation is not None
            self._negotiation.trickle()

        self._loop.call(lambda: self._negotiate(offer()))

    def start_as_answerer(self, offer: str | None, channels: Sequence[ChannelOptions] = ()) -> None:
        """Answer the offer that came with the request; None: wait for the offer."""

        async def answer() -> None:
            self._open(channels)
            if offer is not None:
                assert self._negotiation is not None
                await self._negotiation.receive(SdpType.OFFER, offer)

        self._loop.call(lambda: self._negotiate(answer()))

    def offer_sent(self) -> None:
        """Handle that the server has accepted the request with the offer of `make_offer`, so that candidates can follow."""

        def trickle() -> None:
            if self._negotiation is not None and self._termination is None:
                self._negotiation.trickle()

        self._loop.call(trickle)

    def tracks_changed(self) -> None:
        """Handle a change of the tracks that this end sends."""

        def change() -> None:
            if self._changes is not None and self._termination is None:
                self._changes.changed()

        self._loop.call(change)

    def on_description(self, kind: SdpType, sdp: str) -> None:
        """Handle the other end's description."""
        self._loop.call(lambda: self._negotiate(self._receive(kind, sdp)))

    def on_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Handle the other end's candidate. Candidates beyond the limit are dropped, because aioice pairs all of them."""
        self._candidates += 1
        most = self._limits.candidates
        if len(text) > MAX_CANDIDATE_CHARACTERS or (most is not None and self._candidates > most):
            self.met.note("candidates")
            self._warn("dropped a candidate", f"the peer sent {self._candidates}, of {len(text)} characters the last")
            return

        async def add() -> None:
            if self._negotiation is None:
                # The receivers of `session_requested` have not returned yet.
                self._early_candidates.append((text, sdp_m_line_index))
            else:
                await self._negotiation.add_candidate(text, sdp_m_line_index)

        self._loop.call(lambda: self._spawn(add()))

    def on_end(self, error: str | None, mark: str | None = None) -> None:
        """Handle that the server ended the session, for the other end or by itself.

        A connected session goes on if its peer answers, because the server also ends it when only the peer's signalling
        connection broke.

        Args:
            error: The other end's error; None: the other end gave none.
            mark: The server's reason if it ended the session by itself; None: it did not.
        """

        def end() -> None:
            self._path.is_relayed = False
            named = self._session.named
            if self._termination is not None and (self._watch is None or not self._session.state.is_open):
                self._drain.abandon()
            elif mark is not None:
                reason: SessionClosedReason = next((each for each in SESSION_CLOSED_REASONS if each == mark), "left")
                told = f"ended by the signalling server: {mark}"
                # Told in-band too: otherwise the end that hears of it first would seem to have left on purpose.
                self._fail(f"{named}: {told}", reason, told_peer=told)
            elif error is not None:
                connecting = self._session.state is SessionState.CONNECTING
                reason, text = reason_in(error, "rejected" if connecting else "left")
                ways = f"; {self.progress}" if reason == "not connected" else ""
                self._fail(f"{named}: ended by the peer: {text}{ways}", reason)
            elif self._watch is None or not self._session.state.is_open:
                self._fail(f"{named}: the peer ended it, or left, before it was connected", "left")
            else:
                self._watch.ended_by_server(None)

        self._loop.call(end)

    def on_peer_away(self) -> None:
        """Handle that the peer's signalling connection broke, and may be made again.

        A session that still needs the server to connect ends, as it does at the peer. In a connected session, the peer is asked
        for a sign of life, since its process may have been killed. A session whose handshake is under way has some seconds to
        connect.
        """

        def decide() -> None:
            if self._termination is not None:
                return
            if self._watch is not None and self._session.state.is_open:
                self._watch.ended_by_server(None)
            else:
                text = "the peer's signalling connection broke before it was connected"
                self._fail(f"{self._session.named}: {text}", "left", told_peer=text)

        def look_after() -> None:
            if self._termination is None and self._session.state is SessionState.CONNECTING and not self._needs_server:
                self._handshake_alarm = asyncio.get_running_loop().call_later(_HANDSHAKE_SECONDS, decide)
            else:
                decide()

        self._loop.call(look_after)

    def on_signalling_lost(self, error: Exception) -> None:
        """Handle the loss of this end's signalling connection. Later messages go in-band, if the peer is this library's.

        Args:
            error: Error that ends the session, if it still needs the server to connect.
        """

        def lose() -> None:
            self._path.is_relayed = False
            if self._termination is None and self._needs_server:
                self._spawn(self.terminate(error))

        self._loop.call(lose)

    def on_signalling_back(self, signalling: SignallingClient) -> None:
        """Handle a new signalling connection of this end to a server that still knows the session.

        Args:
            signalling: The connection.
        """

        def come_back() -> None:
            self._signalling = signalling
            self._path.come_back(signalling)
            if self._changes is not None and self._termination is None:
                self._changes.reachable()
            if self._termination is not None:
                # The session ended meanwhile, when the server could not be told.
                self._path.tell_end()

        self._loop.call(come_back)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop; returns at once."""
        self._loop.call(function, *arguments)

    # What follows runs on the loop.

    @property
    def _needs_server(self) -> bool:
        """Whether ICE has not found a candidate pair yet. From then on DTLS and SCTP need no server."""
        if self._session.state is not SessionState.CONNECTING:
            return False
        return self._connection is None or self._connection.ice_state not in ("connected", "completed")

    async def make_offer(self) -> str:
        """Make the offer of a request, which asks for video and audio, whether or not the peer sends them; on the loop."""
        self._open(())
        return await self._make_offer(asks_for_everything=True)

    async def _make_offer(self, asks_for_everything: bool) -> str:
        tracks, negotiation = self._tracks, self._negotiation
        assert tracks is not None
        assert negotiation is not None
        return await negotiation.make_offer(lambda places: tracks.prepare_offer(places, {}, asks_for_everything))

    async def terminate(
        self,
        error: Exception | None = None,
        told_peer: str | None = None,
        *,
        tell_peer: bool = True,
        drain_seconds: float = 0.0,
    ) -> None:
        """End the session, or wait for the end that is under way; on the loop."""
        if self._termination is None:
            self._termination = asyncio.ensure_future(self._terminate(error, told_peer, tell_peer, drain_seconds))
        elif self._session.state is SessionState.RESUMING and self._session.link is self:
            # The connection broke before. Now the session is given up instead of resumed.
            self._termination = asyncio.ensure_future(self._finish(self._termination, as_session_closed(error)))
        elif not drain_seconds:
            self._drain.abandon()
        # Shielded, since a caller that gives up must not cancel the end for others.
        await asyncio.shield(self._termination)

    def add_channel(self, options: ChannelOptions) -> DataChannel:
        """Create a data channel.

        Raises:
            SessionClosed: The session has ended, or is about to.
            ChannelClosed: The peer accepts no data channels.
        """
        if self._termination is not None:
            raise self._session.closed_error(f"creating data channel {options.label!r}")
        if not self.takes_data:
            raise ChannelClosed(
                f"creating data channel {options.label!r} on {self._session.named}: the peer takes none"
            )
        return self._session.adopt(self._open_connection().create_channel(options), options)

    def ensure_channel(self, options: ChannelOptions) -> DataChannel:
        """Create one of the role's channels, unless this session has it or has had it.

        Args:
            options: The channel's options, which no other channel of the role has.

        Returns:
            The channel, which may be closed.

        Raises:
            SessionClosed: The session has ended, or is about to.
            ChannelClosed: The peer accepts no data channels.
        """
        channel = self._role_channels.get(options)
        if channel is None:
            channel = self._role_channels[options] = self.add_channel(options)
        return channel

    def go_on_for(self, session: Session) -> None:
        """Belong to the session that this link resumes from now on, and create the channels again that this end created."""
        self._session = self._path.session = session
        connection = self._open_connection()
        for channel in session.channels:
            if channel.is_suspended and channel.options is not None:
                channel.resume(connection.create_channel(channel.options))

    async def quality(self) -> Quality:
        """Measure the quality of the connection.

        Raises:
            SessionClosed: There is no connection.
        """
        if self._sampler is None or self._termination is not None:
            raise self._session.closed_error("measuring the quality")
        return await self._sampler.quality()

    async def stats(self) -> Statistics:
        """The statistics of the connection, without those of data channels."""
        return {} if self._connection is None else await connection_statistics(self._connection)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        # Held here, since asyncio holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _negotiate(self, step: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await step
            except Exception as error:  # noqa: BLE001 - whatever it was, the peers cannot come together
                await self._on_negotiation_failure(error)

        self._spawn(run())

    async def _on_negotiation_failure(self, error: Exception) -> None:
        if self._session.state.is_open:
            logger.warning("%s: renegotiation failed: %s", self._session.named, error)
            if self._changes is not None:
                self._changes.failed()
        elif self._termination is None:
            if not isinstance(error, SignallingError):
                logger.exception("%s: negotiation failed", self._session.named, exc_info=error)
            # The other end puts its own name of the session before the reason.
            reason = str(error).removeprefix(f"{self._session.named}: ")
            await self.terminate(error, reason)

    async def _receive(self, kind: SdpType, sdp: str) -> None:
        if self._descriptions is not None and self._session.state.is_open:
            if self._descriptions.wait(1, clock.now()):
                self.met.note("descriptions")
            if self._waiting_descriptions >= _WAITING_DESCRIPTIONS:
                self._warn("dropped a description", "the peer describes its end faster than it is taken")
                return
            self._waiting_descriptions += 1
            try:
                await asyncio.sleep(self._descriptions.spend(1, clock.now()))
            finally:
                self._waiting_descriptions -= 1
        if self._negotiation is not None and self._termination is None:
            await self._negotiation.receive(kind, sdp)

    def _open(self, channels: Sequence[ChannelOptions]) -> None:
        if self._termination is not None:
            return
        self._open_connection()
        for options in channels:
            self.ensure_channel(options)

    def _open_connection(self) -> PeerConnection:
        if self._connection is None:
            ask = self._ask_servers if self._ice.asks_for_servers else None
            connection = PeerConnection(CAPABILITIES, self._ice, ask, self._limits.candidates)
            connection.on_state(lambda: self._on_connection_state(connection))
            connection.on_channel(self._on_channel)
            connection.on_refused_candidate(lambda: self.met.note("candidates"))
            connection.on_goodbye(lambda how: self._on_transport_goodbye(connection))
            self._connection = connection
            session = self._session
            self._watch = Watch(connection, self._interrupted_after, self._enter, self._on_watch_end)
            self._sampler = Sampler(connection, self._frame_rates_in, self._frames_out, lambda: self._largest_payload)
            self._tracks = Tracks(
                connection,
                self._loop,
                session.named,
                self._on_track,
                self._choice,
                self._on_track_end,
                lambda: self._sent.snapshot,
            )
            early, self._early_candidates = self._early_candidates, []
            self._negotiation = Negotiation(
                connection,
                self._tracks,
                session.named,
                self._path.send_sdp,
                early,
                lambda: self._path.open_control(connection, self._on_control_message, self._on_control_open),
                self._send_candidate,
                self._limits,
                self.met,
                self._on_settled,
            )
            self._changes = Changes(self._offers, self._tracks, self._negotiation, self._path, self._spawn)
        return self._connection

    def _frame_rates_in(self) -> tuple[float, ...]:
        return tuple(video.fps for video in self._session.media.videos)

    def _frames_out(self) -> tuple[int, ...]:
        return () if self._tracks is None else self._tracks.frames_sent

    def _enter(self, state: SessionState) -> None:
        self._session.enter(state)

    def _send_candidate(self, candidate: str, sdp_m_line_index: int) -> None:
        if self._termination is None:
            self._path.send_candidate(candidate, sdp_m_line_index)

    async def _ask_servers(self) -> tuple[IceServer, ...]:
        """Call the callable that returns the ICE servers, on a thread of the executor.

        Raises:
            SessionClosed: The callable raised an error, or did not return servers.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._ice.ask_servers)
        except Exception as error:
            text = f"{self._session.named}: the callable for ICE servers failed: {type(error).__name__}: {error}"
            raise SessionClosed(text, "not connected") from error

    def _on_connection_state(self, connection: PeerConnection) -> None:
        if connection is not self._connection or self._termination is not None:
            return
        state = connection.state
        if state == "connected" and self._session.state is SessionState.CONNECTING:
            assert self._watch is not None
            self._watch.start()
            self._clocks.start()
            self._session.enter(SessionState.CONNECTED)
            assert self._changes is not None
            self._changes.connected()
            later = asyncio.get_running_loop().call_later
            self._path_alarm = later(_PATH_SECONDS, lambda: self._spawn(self._find_largest_payload(connection)))
        elif state == "failed":
            was_open = self._session.state.is_open
            what = "the connection to the peer was lost" if was_open else "no connection to the peer"
            told = f"{what} (ICE {connection.ice_state})"
            ways = "" if was_open else f"; {describe_ways(connection)}"
            error = SessionClosed(f"{self._session.named}: {told}{ways}", "lost" if was_open else "not connected")
            self._spawn(self.terminate(error, told))
        elif state == "closed":
            self._spawn(self.terminate())

    async def _find_largest_payload(self, connection: PeerConnection) -> None:
        """Probe the path's MTU, and log a warning if the path loses the largest packets of this library."""
        path = next((each for each in connection.paths if each.selected_pair is not None), None)
        if path is None:
            return
        self._largest_payload = await largest_payload(path.check)
        if self._largest_payload is not None and self._largest_payload < PAYLOAD:
            logger.warning(
                "%s: the path to the peer loses UDP payloads over %d bytes without a word; video and large messages need %d."
                " A VPN or tunnel on the way has an MTU that is too small.",
                self._session.named,
                self._largest_payload,
                PAYLOAD,
            )

    def _on_transport_goodbye(self, connection: PeerConnection) -> None:
        """Handle a close_notify, an ABORT or a SHUTDOWN of the peer, after aiortc's code that calls this has returned."""
        if connection is self._connection:
            self._loop.call(self._take_goodbye, Goodbye())

    def _on_control_message(self, message: ControlMessage) -> None:
        if self._termination is not None and not isinstance(message, Goodbye):
            return
        match message:
            case Goodbye():
                self._take_goodbye(message)
            case InBandDescription(kind, sdp):
                self._negotiate(self._receive(kind, sdp))
            case InBandCandidate(candidate, index):
                self.on_candidate(candidate, index)
            case ClockQuestion():
                self._clocks.on_question(message)
            case ClockAnswer():
                self._clocks.on_answer(message)
            case OfferWanted():
                if self._changes is not None and self._offers:
                    self._changes.on_offer_wanted(message)
            case Paused():
                if self._changes is not None:
                    self._changes.on_paused(message)

    def _take_goodbye(self, goodbye: Goodbye) -> None:
        if self._termination is not None:
            # The peer has closed the session too, and receives nothing any more.
            self._drain.abandon()
        elif not self._session.state.is_open:
            self._fail(f"{self._session.named}: the peer ended it before it was connected", goodbye.reason)
        elif goodbye.text or goodbye.reason != "left":
            self._fail(f"{self._session.named}: ended by the peer: {goodbye.text or goodbye.reason}", goodbye.reason)
        else:
            self._drain.abandon()
            self._spawn(self.terminate(tell_peer=self._path.is_relayed))

    def _on_watch_end(self, ending: Ending) -> None:
        if ending.reason == "lost":
            text = f"nothing was heard from the peer for {self.silence:.1f} s"
            self._fail(f"{self._session.named}: {text}", "lost", told_peer=text)
        else:
            self._path.tell_end()
            text = "the peer left: the signalling server does not know it any more, and it does not answer"
            self._fail(f"{self._session.named}: {text}", ending.reason)

    def _fail(self, message: str, reason: SessionClosedReason, told_peer: str | None = None) -> None:
        self._drain.abandon()
        error = SessionClosed(message, reason)
        self._spawn(self.terminate(error, told_peer, tell_peer=told_peer is not None and self._path.is_relayed))

    def _on_track(self, receiver: MediaReceiver) -> None:
        if self._termination is None:
            self._session.media.add(receiver, self._session.named)

    def _on_track_end(self, receiver: MediaReceiver) -> None:
        if self._termination is None:
            self._session.media.remove(receiver, self._session.named)

    def _on_settled(self) -> None:
        if self._changes is not None and self._termination is None:
            self._changes.settled()

    def _on_control_open(self) -> None:
        if self._changes is not None and self._termination is None:
            self._changes.control_opened()

    def _on_channel(self, channel: WireChannel) -> None:
        if self._termination is not None:
            return
        channels = sum(each.options is None for each in self._session.channels)
        refusal = self._peer_channels.refusal(channel.label, channel.protocol, channels, clock.now())
        if refusal is None and self._session.is_overwhelmed:
            refusal = ChannelRefusal("callbacks", "the receivers of this end's signals take too long")
        if refusal is None:
            self._session.announce_channel(self._session.adopt(channel))
            return
        self.met.note(refusal.limit)
        self._warn("closed a data channel of the peer", refusal.text)
        channel.close()
        if self._peer_channels.is_too_much:
            text = f"the peer opens more data channels than it may: {refusal}"
            self._fail(f"{self._session.named}: {text}", "limit", told_peer=text)

    def _warn(self, kind: str, details: str) -> None:
        """Log a warning of what the peer does, once for each kind."""
        if self._warnings is None:
            self._warnings = RepeatedWarnings(logger, self._session.named)
        self._warnings.warn(kind, details)

    async def _terminate(
        self, error: Exception | None, told_peer: str | None, tell_peer: bool, drain_seconds: float
    ) -> None:
        """End the session. This never raises, since all callers wait for it."""
        for alarm in (self._alarm, self._path_alarm, self._handshake_alarm):
            if alarm is not None:
                alarm.cancel()
        self._clocks.stop()
        if self._changes is not None:
            self._changes.stop()
        failure = as_session_closed(error)
        is_resumed = failure is not None and self._session.break_off(failure)
        farewell = Farewell(self._session, self._signalling, self._connection, self._drain)
        try:
            await farewell.deliver(drain_seconds)
            if tell_peer:
                farewell.tell_server(failure, told_peer)
            if self._watch is not None:
                self._watch.stop()
            if tell_peer or told_peer is not None:
                await farewell.say_goodbye(self._path.control, failure, told_peer)
            await farewell.close(self._negotiation)
        except Exception:
            logger.exception("%s: internal error while it was ended", self._session.named)
        if self._watch is not None:
            self._watch.stop()
        if self._warnings is not None:
            self._warnings.report()
        if not is_resumed:
            await self._finish(None, failure)

    async def _finish(self, before: asyncio.Task[None] | None, failure: SessionClosed | None) -> None:
        """End the session after its connection."""
        if before is not None:
            await before
        session = self._session
        for channel in session.channels:
            channel.end(str(failure) if failure else "the session is closed")
        session.enter(SessionState.CLOSED, failure)
        session.media.end(failure)
        await session.media.wait_ended(_DECODING_SECONDS)
        session.finished(session)
