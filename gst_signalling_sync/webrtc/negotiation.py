"""`Negotiation`: offer, answer (RFC 8829) and candidates (RFC 8838) of one peer connection. Lives on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..errors import ProtocolError, SessionClosed
from ..limit_counts import LimitCounts
from ..protocol.control import announce_control, control_version
from ..protocol.messages import SdpType
from ..protocol.session_limits import DEFAULT_SESSION_LIMITS, SessionLimits
from .control_channel import ControlChannel
from .description import (
    DEFAULT_MAX_MESSAGE_SIZE,
    BeyondLimit,
    check_description,
    has_candidates,
    has_streams,
    leaves_setup_open,
    max_message_size,
    media_codecs,
    parse_candidate,
    with_names_of_sources,
    with_passive_setup,
)
from .engine.peer_connection import PeerConnection
from .engine.rollback import Snapshot
from .engine.section import NO_COMMON_CODEC
from .media.codecs import AUDIO, VIDEO
from .media.tracks import Places, Tracks
from .route import why_no_candidate
from .sdp import Description
from .sections import REFUSED_BY_PEER, Applied, Sections
from .trickle import Trickle

__all__ = ["Negotiation"]

logger = logging.getLogger(__name__)


class Negotiation:
    """The signalling state of a peer connection.

    Args:
        connection: The connection, which is not negotiated yet.
        tracks: The connection's tracks.
        named: Name of the session in log lines and errors.
        send: Sends a description to the peer; must not block.
        early_candidates: Candidates of the peer that came before the negotiation began, as in `add_candidate`.
        open_control: Returns the control channel, which the first call creates.
        send_candidate: Sends a candidate and the index of its section to the peer; must not block. An empty candidate ends the
            candidates.
        limits: What the peer may use.
        met: Counts the limits that the peer meets.
        settled: Called each time either end has answered an offer.
    """

    def __init__(
        self,
        connection: PeerConnection,
        tracks: Tracks,
        named: str,
        send: Callable[[SdpType, str], None],
        early_candidates: Iterable[tuple[str, int]],
        open_control: Callable[[], ControlChannel],
        send_candidate: Callable[[str, int], None],
        limits: SessionLimits = DEFAULT_SESSION_LIMITS,
        met: LimitCounts | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._settled = settled
        self._trickle = Trickle(send_candidate, self._wire_index)
        connection.on_candidate(self._trickle.on_candidate)
        connection.on_gathered(self._trickle.on_gathered)
        self._tracks = tracks
        self._named = named
        self._send = send
        self._early_candidates = list(early_candidates)
        self._open_control = open_control
        self._limits = limits
        self._met = LimitCounts() if met is None else met
        # Held while a description is applied: that awaits, and another description may arrive meanwhile.
        self._lock = asyncio.Lock()
        self._stopped = False
        self._sections = Sections()
        self._before_offer: tuple[Snapshot, Sections] | None = None
        self._refused: list[tuple[str, str]] = []
        self.takes_data = True
        """Whether the peer has not refused the data section."""
        self.max_message_size: int | None = DEFAULT_MAX_MESSAGE_SIZE
        self.peer_has_streams = False
        """Whether the peer's description has streams, see `has_streams`."""

    @property
    def refused(self) -> dict[str, list[str]]:
        """Why media sections of the peer's last description are not used: reasons by kind of media."""
        found: dict[str, list[str]] = {}
        for kind, reason in self._refused:
            found.setdefault(kind, []).append(reason)
        return found

    async def make_offer(self, prepare: Callable[[Places], Iterable[str]] | None = None) -> str:
        """Make an offer with the candidates of this end that are known; `trickle` sends the others.

        Args:
            prepare: Prepares the transceivers for the offer, and returns the mids of the sections to refuse. Defaults to None:
                the transceivers stay as they are.

        Returns:
            The SDP.

        Raises:
            SessionClosed: There is no candidate, or the session ended.
            ProtocolError: Another offer is outstanding.
        """
        async with self._lock:
            self._check_open()
            if self._connection.signaling_state != "stable":
                raise ProtocolError(f"{self._named}: no offer can be made while another one is outstanding")
            await self._connection.prepare()
            given_up = () if prepare is None else prepare(self._places)
            self._before_offer = (self._connection.snapshot(), self._sections)
            self._open_control()
            self._trickle.hold()
            await self._connection.offer()
            said = self._sections.give_up(given_up)
            sdp, self._sections = said.offer(Description.parse(self._local_description()))
            return sdp

    async def withdraw(self) -> None:
        """Roll back the outstanding offer, if there is one. An answer to it is then ignored."""
        async with self._lock:
            if self._connection.signaling_state == "have-local-offer" and self._before_offer is not None:
                before, self._sections = self._before_offer
                await before.restore()

    @property
    def _places(self) -> Places:
        sections = self._sections
        return Places(len(sections.wire), sections.refused, sections.free, sections.tagged)

    async def receive(self, kind: SdpType, sdp: str) -> None:
        """Apply the peer's description, and answer an offer.

        A section that cannot be used is refused by itself. If no section can be used, the former state is restored.

        Raises:
            ProtocolError: No section can be used.
            SessionClosed: There is no candidate, or the session ended.
        """
        async with self._lock:
            self._check_open()
            if kind is SdpType.OFFER and self._connection.signaling_state != "stable":
                logger.warning("%s: ignored an offer that crossed ours", self._named)
                return
            if kind is SdpType.ANSWER and self._connection.signaling_state != "have-local-offer":
                logger.warning("%s: ignored an answer to no offer", self._named)
                return
            await self._connection.prepare()
            if kind is SdpType.OFFER:
                await self._apply_offer(sdp)
            else:
                await self._apply_answer(sdp)

    async def stop(self) -> None:
        """Wait for the step that is under way, and have every later step raise an error.

        aiortc must not be closed during a step: sockets that it opens after its ``close()`` stay open forever.
        """
        async with self._lock:
            self._stopped = True

    async def add_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Add a trickled candidate, or keep it until there is a description that it belongs to.

        A candidate that cannot be used is logged and dropped, since others may be usable.

        Args:
            text: The candidate, as in SDP; an empty string ends the candidates.
            sdp_m_line_index: Index of its media section, from 0.
        """
        if self._connection.signaling_state == "closed":
            return
        if not self._connection.has_remote_description:
            self._early_candidates.append((text, sdp_m_line_index))
            return
        index = self._sections.inner_index(sdp_m_line_index)
        try:
            if not text.strip():
                await self._connection.add_candidate(None)
                return
            candidate = None if index is None else parse_candidate(text, index)
            if candidate is not None:
                await self._connection.add_candidate(candidate)
        except ProtocolError as error:
            logger.warning("%s: dropped a candidate: %s", self._named, error)
        except (OSError, ValueError, AssertionError) as error:
            logger.warning("%s: cannot use the candidate %r: %s", self._named, text[:200], error)

    def trickle(self) -> None:
        """Send the candidates that were found since the description was made, and later ones when they are found (RFC 8838).

        This is called once the peer has been sent the description.
        """
        self._trickle.release(is_gathering=self._connection.is_gathering)

    def _wire_index(self, mid: str) -> int | None:
        return self._sections.wire_index(mid)

    def _check_open(self) -> None:
        if self._stopped:
            raise SessionClosed(f"{self._named}: it ended during the negotiation", "not connected")

    async def _apply_offer(self, sdp: str) -> None:
        before, sections = self._connection.snapshot(), self._sections
        undo: Callable[[], None] | None = None
        try:
            applied = self._applied(SdpType.OFFER, sdp)
            await self._connection.apply(SdpType.OFFER, str(applied.inner))
            # Before anything is awaited, since aiortc starts the transceivers as soon as it can.
            undo = self._tracks.on_remote_offer(applied.track_ids, applied.used)
            self._sections = applied.sections
            await self._connection.answer(lambda answer: self._with_setup(answer, str(applied.inner)))
        # The peer is not trusted, and a malformed description makes aiortc raise any kind of error.
        except Exception as error:
            if undo is not None:
                undo()
            self._sections = sections
            await before.restore()
            raise self._unusable(SdpType.OFFER, sdp, error) from error
        await self._settle(sdp, applied)
        self._send(SdpType.ANSWER, applied.sections.answer(Description.parse(self._local_description())))
        self.trickle()
        await self._forget_replaced()
        self._settled()

    async def _apply_answer(self, sdp: str) -> None:
        assert self._before_offer is not None
        try:
            applied = self._applied(SdpType.ANSWER, sdp)
            await self._connection.apply(SdpType.ANSWER, str(applied.inner))
        # The peer is not trusted, and a malformed description makes aiortc raise any kind of error.
        except Exception as error:
            before, self._sections = self._before_offer
            await before.restore()
            raise self._unusable(SdpType.ANSWER, sdp, error) from error
        self._tracks.on_remote_answer()
        self._sections = applied.sections
        await self._settle(sdp, applied)
        await self._forget_replaced()
        self._settled()

    async def _forget_replaced(self) -> None:
        """Have aiortc forget sections whose places others have taken, since their number would grow without bound."""
        replaced = self._sections.replaced
        self._tracks.forget(replaced)
        for mid in replaced:
            await self._connection.forget(mid)
        self._sections = self._sections.without(replaced)

    def _applied(self, kind: SdpType, sdp: str) -> Applied:
        """Decide which sections of a description are used.

        Raises:
            ProtocolError: No section can be used.
        """
        try:
            check_description(sdp, self._limits if kind is SdpType.OFFER else self._limits_of_answer)
        except BeyondLimit as error:
            self._met.note(error.limit)
            raise
        apply = self._sections.apply_offer if kind is SdpType.OFFER else self._sections.apply_answer
        description = Description.parse(sdp)
        applied = apply(description, lambda text, mid: self._why_unusable(kind, text, mid))
        if not applied.used:
            raise ProtocolError("; ".join(dict.fromkeys(applied.refused.values())))
        for index, reason in applied.refused.items():
            level = logging.INFO if reason == REFUSED_BY_PEER else logging.WARNING
            section = applied.sections.wire[index]
            logger.log(
                level, "%s: refused the %.40s section %r: %s", self._named, section.kind, section.mid[:40], reason
            )
        return applied

    @property
    def _limits_of_answer(self) -> SessionLimits:
        """The peer's limits for an answer, which has to have a section for each section of the offer."""
        maximum, offered = self._limits.media_sections, len(self._sections.wire)
        return self._limits if maximum is None or offered <= maximum else replace(self._limits, media_sections=offered)

    def _why_unusable(self, kind: SdpType, sdp: str, mid: str) -> str | None:
        reason = self._connection.why_unusable(kind, sdp, mid)
        return _without_common_codec(kind, sdp) if reason == NO_COMMON_CODEC else reason

    def _with_setup(self, answer: str, offer: str) -> str:
        # In a running session, each end keeps its DTLS role (RFC 8842 section 5.5).
        if leaves_setup_open(offer) and self._connection.state in ("new", "connecting"):
            return with_passive_setup(answer)
        return answer

    async def _settle(self, sdp: str, applied: Applied) -> None:
        """Update the tracks and the data section after a description was applied."""
        await self._tracks.settle(applied.track_ids)
        self.max_message_size = max_message_size(sdp)
        self.peer_has_streams = has_streams(sdp)
        self._refused = [(applied.sections.wire[index].kind, reason) for index, reason in applied.refused.items()]
        self.takes_data = applied.has_data
        if not applied.has_data and self._connection.data is not None:
            await self._connection.refuse_data()
        elif (version := control_version(sdp)) and self._connection.data is not None:
            self._open_control().version = version
            self._connection.data.peer_reads_dates = True
        for text, index in self._early_candidates:
            await self.add_candidate(text, index)
        self._early_candidates.clear()

    def _unusable(self, kind: SdpType, sdp: str, error: Exception) -> ProtocolError:
        reason = str(error) or type(error).__name__
        return ProtocolError(f"{self._named}: unusable {kind} from the peer: {reason}: {sdp[:200]!r}")

    def _local_description(self) -> str:
        sdp = self._connection.local_sdp
        if not has_candidates(sdp):
            raise SessionClosed(f"{self._named}: {why_no_candidate(self._connection)}", "not connected")
        self._trickle.leave_out(sdp)
        return announce_control(with_names_of_sources(sdp))


def _without_common_codec(kind: SdpType, sdp: str) -> str:
    codecs = "; ".join(f"{media} as {', '.join(names) or 'nothing'}" for media, names in media_codecs(sdp).items())
    what = "offers" if kind is SdpType.OFFER else "accepts"
    known = f"{', '.join(VIDEO)} for video and {', '.join(AUDIO)} for audio"
    profiles = "; ".join(f"{name} as {codec.taken}" for name, codec in VIDEO.items() if codec.taken)
    return (
        f"no codec that both ends have: the peer {what} {codecs}. Here it can be {known}, or what `codecs` of the source"
        f" restricts it to; {profiles}."
    )
