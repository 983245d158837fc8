"""`Link`: a session's way to its peer, from the request to the end, over one peer connection.

Methods that only post to the loop are marked as such, and are callable from any thread; the rest runs on the loop. The session
ends exactly once, in its `Termination`, whether this end, the other end, the signalling server or the network ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from ..errors import SignallingError, WaitTimeout
from ..limit_counts import LimitCounts
from ..protocol.control import TRACKS_VERSION, Goodbye
from ..protocol.messages import SdpType
from ..signalling import SignallingClient
from ..signalling.repeated import RepeatedWarnings
from ..threads import clock
from ..threads.loop_thread import LoopThread
from .channel_options import ChannelOptions
from .clock_offset import ClockOffset
from .engine.data import WireChannel
from .engine.peer_connection import PeerConnection
from .linked_session import LinkedSession
from .live_channel import LiveChannel
from .liveness import Ending
from .peer_channels import ChannelRefusal, PeerChannels
from .quality import Quality
from .server_messages import ServerMessages
from .session_connection import SessionConnection
from .session_settings import SessionSettings
from .session_state import SessionState
from .signalling_path import SignallingPath
from .statistics import Statistics
from .termination import Termination

__all__ = ["Link"]

logger = logging.getLogger(__name__)

_MAX_ALARM_SECONDS: Final = 86400.0


class Link:
    """The link of a session.

    Args:
        session: The session.
        signalling: The connection to the signalling server.
        loop: The loop of this process's WebRTC.
        settings: The settings of the session.
        met: Counts the limits that the peer meets.
    """

    def __init__(
        self,
        session: LinkedSession,
        signalling: SignallingClient,
        loop: LoopThread,
        settings: SessionSettings,
        met: LimitCounts,
    ) -> None:
        self.met = met
        """Counts the limits that the peer meets."""
        self.session = session
        """The session, or the one that is resumed with this link. Written on the loop."""
        self.opened: SessionConnection | None = None
        """The connection; None: there is none before the negotiation. Written on the loop."""
        self._path = SignallingPath(session, signalling)
        self.termination = Termination(self, self._path)
        """The end of the session."""
        self.server = ServerMessages(self, self.termination, self._path, loop, settings.limits.candidates, met)
        """What the signalling server says of the session."""
        self._loop = loop
        self._settings = settings
        self._peer_channels = PeerChannels(settings.limits)
        # Made at the first warning, since the session has no id before.
        self._warnings: RepeatedWarnings | None = None
        self._alarm: asyncio.TimerHandle | None = None
        # Whether the loop was asked to look at the tracks, and has not begun to.
        self._change_is_due = False
        # Held here, since asyncio holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connection(self) -> PeerConnection | None:
        """The peer connection; None before the negotiation."""
        connection = self.opened
        return None if connection is None else connection.peer

    @property
    def is_ending(self) -> bool:
        """Whether the end of the session has begun."""
        return self.termination.has_begun

    @property
    def max_message_size(self) -> int | None:
        """Maximum size of a message that the other end accepts, in bytes; None: it is not known yet, or there is none."""
        connection = self.opened
        return None if connection is None else connection.negotiation.max_message_size

    @property
    def takes_data(self) -> bool:
        """Whether the peer has not refused data channels."""
        connection = self.opened
        return connection is None or connection.takes_data

    @property
    def refused(self) -> dict[str, list[str]]:
        """Why media sections are not used: reasons by kind of media."""
        connection = self.opened
        return {} if connection is None else connection.negotiation.refused

    @property
    def has_answer(self) -> bool:
        """Whether the peer has sent a session description."""
        connection = self.opened
        return connection is not None and connection.peer.has_remote_description

    @property
    def progress(self) -> str:
        """The progress of the connection, for an error message."""
        connection = self.opened
        return "the peer sent no session description" if connection is None else connection.progress

    @property
    def why_fixed(self) -> str | None:
        """Why this end cannot add tracks to the running session; None: it can. Callable from any thread."""
        control = self._path.control
        if self._settings.offers or not self.session.state.is_open:
            return None
        if control is not None and control.version >= TRACKS_VERSION:
            return None
        return "the producer is not this library's, or an older version of it, and only a producer can offer tracks"

    @property
    def silence(self) -> float:
        """Seconds since the last packet from the peer; 0 before the session is connected."""
        connection = self.opened
        return 0.0 if connection is None else connection.watch.silence

    @property
    def clock_offset(self) -> ClockOffset | None:
        """The value of `Session.clock_offset`."""
        connection = self.opened
        return None if connection is None else connection.clocks.offset

    def not_connected_error(self, seconds: float) -> WaitTimeout:
        """The error of a session that did not connect in time."""
        return WaitTimeout(f"starting {self.session.named}: not connected within {seconds:g} s ({self.progress})")

    # What follows posts to the loop and returns at once.

    def give_up_after(self, seconds: float) -> None:
        """End the session if it is not connected in time, since a peer may request sessions and never answer.

        Args:
            seconds: Seconds from now.
        """

        def give_up() -> None:
            if self.session.state is SessionState.CONNECTING and not self.is_ending:
                error = self.not_connected_error(seconds)
                self.spawn(self.termination.run(error, f"not connected within {seconds:g} s"))

        def start() -> None:
            self._alarm = asyncio.get_running_loop().call_later(min(seconds, _MAX_ALARM_SECONDS), give_up)

        self._loop.call(start)

    def start_as_offerer(self, channels: Sequence[ChannelOptions]) -> None:
        """Make the offer and send it."""

        async def offer() -> None:
            connection = self._open(channels)
            self._path.send_sdp(SdpType.OFFER, await connection.make_offer(asks_for_everything=False))
            connection.negotiation.trickle()

        self._loop.call(lambda: self.negotiate(offer()))

    def start_as_answerer(self, offer: str | None, channels: Sequence[ChannelOptions] = ()) -> None:
        """Answer the offer that came with the request; None: wait for the offer."""

        async def answer() -> None:
            connection = self._open(channels)
            if offer is not None:
                await connection.negotiation.receive(SdpType.OFFER, offer)

        self._loop.call(lambda: self.negotiate(answer()))

    def offer_sent(self) -> None:
        """Handle that the server has accepted the request with the offer of `make_offer`, so that candidates can follow."""

        def trickle() -> None:
            if self.opened is not None and not self.is_ending:
                self.opened.negotiation.trickle()

        self._loop.call(trickle)

    def tracks_changed(self) -> None:
        """Handle a change of the tracks that this end sends. The loop handles all changes that come meanwhile together."""

        def change() -> None:
            self._change_is_due = False
            if self.opened is not None and not self.is_ending:
                self.opened.changes.changed()

        if self._change_is_due:
            return
        self._change_is_due = True
        try:
            self._loop.call(change)
        except BaseException:
            # Ctrl-C may have come first: the next change asks again.
            self._change_is_due = False
            raise

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop; returns at once."""
        self._loop.call(function, *arguments)

    # What follows runs on the loop.

    async def make_offer(self) -> str:
        """Make the offer of a request, which asks for video and audio, whether or not the peer sends them."""
        return await self._open(()).make_offer(asks_for_everything=True)

    def create_channel(self, options: ChannelOptions) -> LiveChannel:
        """Create a data channel.

        Raises:
            SessionClosed: The session has ended, or is about to.
            ChannelClosed: The peer accepts no data channels.
        """
        return self.session.channels.create(options, self._open_for(options))

    def ensure_channel(self, options: ChannelOptions) -> LiveChannel:
        """Create one of the role's channels, unless this session has it or has had it; see `Channels.ensure`.

        Raises:
            SessionClosed: The session has ended, or is about to.
            ChannelClosed: The peer accepts no data channels.
        """
        return self.session.channels.of_role(options) or self.session.channels.ensure(options, self._open_for(options))

    def go_on_for(self, session: LinkedSession) -> None:
        """Belong to the session that this link resumes from now on, and create the channels again that this end created."""
        self.session = self._path.session = session
        session.channels.resume(self._open_connection())

    async def quality(self) -> Quality:
        """Measure the quality of the connection.

        Raises:
            SessionClosed: There is no connection.
        """
        if self.opened is None or self.is_ending:
            raise self.session.closed_error("measuring the quality")
        return await self.opened.quality()

    async def stats(self) -> Statistics:
        """The statistics of the connection, without those of data channels."""
        return {} if self.opened is None else await self.opened.stats()

    # What follows is called by the connection, the server's messages and the termination.

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def negotiate(self, step: Coroutine[Any, Any, None]) -> None:
        """Run a step of the negotiation, whose errors end a session that is not connected yet."""

        async def run() -> None:
            try:
                await step
            except Exception as error:  # noqa: BLE001 - whatever it was, the peers cannot come together
                await self._on_negotiation_failure(error)

        self.spawn(run())

    def warn(self, kind: str, details: str) -> None:
        """Log a warning of what the peer does, once for each kind."""
        if self._warnings is None:
            self._warnings = RepeatedWarnings(logger, self.session.named)
        self._warnings.warn(kind, details)

    def on_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Handle a candidate that the peer has sent in-band."""
        self.server.on_candidate(text, sdp_m_line_index)

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """Handle that the peer ends the session, and said so in-band."""
        self.termination.on_goodbye(goodbye)

    def on_watch_end(self, ending: Ending) -> None:
        """Handle that the peer is not heard any more."""
        self.termination.on_watch_end(ending, self.silence)

    async def terminate(self, error: Exception | None = None, told_peer: str | None = None) -> None:
        """End the session; see `Termination.run`."""
        await self.termination.run(error, told_peer)

    def stop_timers(self) -> None:
        """Cancel what was to happen later."""
        self.server.stop_timers()
        if self._alarm is not None:
            self._alarm.cancel()

    def report_warnings(self) -> None:
        """Log how often the peer did what was warned of."""
        if self._warnings is not None:
            self._warnings.report()

    def on_channel(self, channel: WireChannel) -> None:
        """Handle a data channel that the peer has opened."""
        if self.is_ending:
            return
        channels = sum(each.options is None for each in self.session.channels.all)
        refusal = self._peer_channels.refusal(channel.label, channel.protocol, channels, clock.now())
        if refusal is None and self.session.is_overwhelmed:
            refusal = ChannelRefusal("callbacks", "the receivers of this end's signals take too long")
        if refusal is None:
            self.session.channels.adopt(channel)
            return
        self.met.note(refusal.limit)
        self.warn("closed a data channel of the peer", refusal.text)
        channel.close()
        if self._peer_channels.is_too_much:
            text = f"the peer opens more data channels than it may: {refusal}"
            self.termination.fail(f"{self.session.named}: {text}", "limit", told_peer=text)

    async def _on_negotiation_failure(self, error: Exception) -> None:
        named = self.session.named
        if self.session.state.is_open:
            logger.warning("%s: renegotiation failed: %s", named, error)
            if self.opened is not None:
                self.opened.changes.failed()
        elif not self.is_ending:
            if not isinstance(error, SignallingError):
                logger.exception("%s: negotiation failed", named, exc_info=error)
            # The other end puts its own name of the session before the reason.
            await self.termination.run(error, str(error).removeprefix(f"{named}: "))

    def _open(self, channels: Sequence[ChannelOptions]) -> SessionConnection:
        if self.is_ending:
            raise self.session.closed_error("negotiating")
        connection = self._open_connection()
        for options in channels:
            self.session.channels.ensure(options, connection)
        return connection

    def _open_for(self, options: ChannelOptions) -> SessionConnection:
        if self.is_ending:
            raise self.session.closed_error(f"creating data channel {options.label!r}")
        return self._open_connection()

    def _open_connection(self) -> SessionConnection:
        if self.opened is None:
            early = self.server.take_early_candidates()
            self.opened = SessionConnection(self, self._path, self._settings, self._loop, self.met, early)
        return self.opened
