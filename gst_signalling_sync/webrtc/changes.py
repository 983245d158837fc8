"""`Changes`: carries out the decisions of a session's `Renegotiation`, and tells the other end of pauses. Lives on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from ..errors import ConnectionLost, SessionClosed
from ..protocol.control import TRACKS_VERSION, OfferWanted, Paused
from ..protocol.messages import SdpType
from ..threads import clock
from .media.encoded_frame import MediaKind
from .media.section_plan import FRUGAL, LAVISH
from .media.tracks import Places, Tracks
from .negotiation import Negotiation
from .renegotiation import Renegotiation, Step
from .signalling_path import SignallingPath

__all__ = ["Changes"]

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.1
"""Minimum seconds between two messages about pauses, since the other end accepts 20 messages per second."""


class Changes:
    """The changes of what both ends send, from the session's connection to its end.

    Args:
        offers: Whether this end makes the offers of a running session; if not, it asks the other end for them.
        tracks: The session's tracks.
        negotiation: The session's negotiation.
        path: The signalling path to the other end.
        spawn: Runs a coroutine on the loop.
    """

    def __init__(
        self,
        offers: bool,
        tracks: Tracks,
        negotiation: Negotiation,
        path: SignallingPath,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._core = Renegotiation(offers)
        self._tracks = tracks
        self._negotiation = negotiation
        self._path = path
        self._spawn = spawn
        self._asked: dict[MediaKind, int] = {}
        self._asks_when_open = False
        self._alarm: asyncio.TimerHandle | None = None
        self._told_paused: frozenset[str] = frozenset()
        self._pause_alarm: asyncio.TimerHandle | None = None
        self._has_stopped = False

    def connected(self) -> None:
        """Handle that the session is connected."""
        self._do(self._core.connected(self._tracks.follow(), clock.now()))

    def changed(self) -> None:
        """Handle a change of what this end wants to send."""
        if self._has_stopped:
            return
        if not self._tracks.follow():
            self._do(self._core.changed(clock.now()))
        self._tell_paused()

    def settled(self) -> None:
        """Handle that either end has answered an offer."""
        self._do(self._core.settled(self._tracks.follow(), clock.now()))
        self._tell_paused()

    def failed(self) -> None:
        """Handle a description of the other end that cannot be used."""
        self._do(self._core.failed(clock.now()))

    def may_be_lost(self) -> None:
        """Handle that messages to or from the other end may have been lost with a signalling connection."""
        if self._core.is_waiting:
            self._core.may_be_lost()
        else:
            self.changed()

    def reachable(self) -> None:
        """Handle that the other end may be reachable again."""
        self._do(self._core.reachable(clock.now()))

    def control_opened(self) -> None:
        """Handle the opening of the control channel."""
        if self._asks_when_open:
            self._ask()
        self._tell_paused()

    def on_offer_wanted(self, wanted: OfferWanted) -> None:
        """Handle the other end's request for an offer."""
        self._asked = {"video": wanted.video, "audio": wanted.audio}
        self._do(self._core.asked(clock.now()))

    def on_paused(self, paused: Paused) -> None:
        """Handle the pauses of the other end's tracks."""
        self._tracks.on_paused(paused.mids)

    def stop(self) -> None:
        """Stop, and cancel the timers."""
        self._has_stopped = True
        for alarm in (self._alarm, self._pause_alarm):
            if alarm is not None:
                alarm.cancel()

    def _do(self, step: Step | None) -> None:
        self._set_alarm()
        if self._has_stopped:
            return
        match step:
            case Step.OFFER:
                self._spawn(self._offer())
            case Step.ASK:
                self._ask()
            case Step.GIVE_UP:
                self._tracks.report_unsent()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self._core.deadline
        if deadline is not None and not self._has_stopped:
            seconds = max(0.0, deadline - clock.now())
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        steps = self._core.on_time(clock.now())
        if not steps:
            self._set_alarm()
            return
        named = self._path.session.named
        logger.warning("%s: the peer did not answer a change of tracks within %g s", named, self._core.answer_seconds)
        self._spawn(self._withdraw(steps[1:]))

    async def _withdraw(self, then: Iterable[Step]) -> None:
        await self._negotiation.withdraw()
        for step in then:
            self._do(step)

    async def _offer(self) -> None:
        try:
            sdp = await self._negotiation.make_offer(self._prepare)
            self._path.send_sdp(SdpType.OFFER, sdp)
        except SessionClosed:
            # The end of the session is reported elsewhere.
            return
        except ConnectionLost as error:
            logger.info("%s: a change of tracks waits until the peer can be told: %s", self._path.session.named, error)
            self._core.cut_off()
            await self._withdraw(())
        except Exception:
            logger.exception("%s: internal error while changing tracks", self._path.session.named)
            await self._withdraw(())
            self._do(self._core.failed(clock.now()))
        else:
            self._negotiation.trickle()

    def _prepare(self, places: Places) -> list[str]:
        frugality = FRUGAL if self._negotiation.peer_has_streams else LAVISH
        return self._tracks.prepare_offer(places, self._asked, frugality=frugality)

    def _ask(self) -> None:
        control = self._path.control
        self._asks_when_open = control is not None and control.version >= TRACKS_VERSION and not control.is_open
        if control is None or control.version < TRACKS_VERSION:
            self._tracks.report_unsent()
            self._do(self._core.failed(clock.now()))
        elif control.is_open:
            wanted = self._tracks.sections_wanted
            control.say(OfferWanted(wanted["video"], wanted["audio"]))

    def _tell_paused(self) -> None:
        """Tell the other end which tracks are paused, at a limited rate."""
        control, mids = self._path.control, self._tracks.paused_mids
        if self._has_stopped or self._pause_alarm is not None or mids == self._told_paused:
            return
        if control is not None and control.is_open and control.version >= TRACKS_VERSION:
            control.say(Paused(mids))
            self._told_paused = mids
            self._pause_alarm = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._on_pause_alarm)

    def _on_pause_alarm(self) -> None:
        self._pause_alarm = None
        self._tell_paused()
