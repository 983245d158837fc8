"""`Tracks`: the transceivers of one peer connection, their sent tracks and their receivers; used on the loop."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...threads.loop_thread import LoopThread
from ..engine.peer_connection import PeerConnection
from ..engine.transceiver import Transceiver
from .encoded_frame import MEDIA_KINDS, MediaKind
from .receiving.media_receiver import MediaReceiver
from .section_plan import FRUGAL, Frugality, Plan, SectionState, plan_answer, plan_offer
from .sending.encoded_video_feed import EncodedVideoFeed
from .sending.sender import MediaSender
from .sending.sent_tracks import SentTrack
from .sending.source import AnySource, StreamSource
from .sending.video_feed import VideoFeed
from .track_choice import EVERYTHING, TrackChoice
from .track_names import given_name, mid_for

__all__ = ["Places", "Tracks"]

logger = logging.getLogger(__name__)

_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}
"""Direction of a section, by whether this end sends on it and whether it receives."""


@dataclass(frozen=True, slots=True)
class Places:
    """The sections of the last description.

    Attributes:
        described: Number of its sections.
        refused: Mids of the sections with port 0.
        free: Number of places that another section may take.
        tagged: Mid of the section whose transport the BUNDLE group uses; None: nothing is bundled.
    """

    described: int = 0
    refused: frozenset[str] = frozenset()
    free: int = 0
    tagged: str | None = None


@dataclass(eq=False, slots=True)
class _Section:
    """A transceiver of this end.

    Attributes:
        transceiver: The transceiver.
        sender: Its sender, for the transceiver's life.
        track: Number of the track that it carries; None: no track.
        name: Name of the last track that it carried.
        is_used: Whether it has ever carried a track.
        announced: Its receiver, if the session knows of it.
        is_refused: Whether either end has refused it in the peer's last offer.
    """

    transceiver: Transceiver
    sender: MediaSender
    track: int | None = None
    name: str | None = None
    is_used: bool = False
    announced: MediaReceiver | None = None
    is_refused: bool = False


class Tracks:
    """Puts senders and receivers into a connection's transceivers.

    Args:
        connection: Not negotiated yet.
        loop: The loop that this runs on.
        named: The session as log lines name it.
        received: Called once for each track that the peer sends and this end takes.
        choice: The tracks that this end takes. Defaults to all.
        ended: Called with each of their receivers when the peer has removed the track. Defaults to nothing.
        wanted: Returns the tracks to send, in the order of the media sections. Defaults to no tracks.
    """

    def __init__(
        self,
        connection: PeerConnection,
        loop: LoopThread,
        named: str,
        received: Callable[[MediaReceiver], None],
        choice: TrackChoice = EVERYTHING,
        ended: Callable[[MediaReceiver], None] = lambda receiver: None,
        wanted: Callable[[], Sequence[SentTrack]] = lambda: (),
    ) -> None:
        self._connection = connection
        self._loop = loop
        self._named = named
        self._received = received
        self._choice = choice
        self._ended = ended
        self._wanted = wanted
        self._sections: dict[Transceiver, _Section] = {}
        self._paused_mids: frozenset[str] = frozenset()

    # Tracks that this end sends.

    def follow(self) -> bool:
        """Send the wanted tracks, as far as both ends have described them.

        Returns:
            Whether all are sent; if not, another description is needed.
        """
        tracks = {track.number: track for track in self._wanted()}
        for section in self._sections.values():
            track = None if section.track is None else tracks.get(section.track)
            self._carry(section, track)
        placed = {section.track for section in self._sections.values()}
        silent = (section for section in self._sections.values() if section.track is None)
        return all(number in placed for number in tracks) and not any(each.transceiver.sends for each in silent)

    def prepare_offer(
        self,
        places: Places,
        asked: Mapping[MediaKind, int],
        asks_for_everything: bool = False,
        frugality: Frugality = FRUGAL,
    ) -> list[str]:
        """Prepare the transceivers for an offer with the wanted tracks.

        Args:
            places: The sections of the last description.
            asked: Number of sections of each kind on which the peer wants to send.
            asks_for_everything: Whether to ask for each kind of media that this end takes, beside what it sends. Defaults to
                False.
            frugality: How sections may be used again. Defaults to `FRUGAL`.

        Returns:
            The mids of the sections that are given up.
        """
        self.follow()
        sections = list(self._sections.values())
        states = [self._state(each, places) for each in sections]
        tracks = self._wanted()
        if asks_for_everything:
            kinds = [track.kind for track in tracks]
            asked = {kind: 1 for kind in MEDIA_KINDS if kind not in kinds and self._choice.takes_any(kind)}

        def may_carry(place: int, track: SentTrack) -> bool:
            transceiver = sections[place].transceiver
            return not transceiver.receives or transceiver.has_codec(track.source.codecs)

        plan = plan_offer(states, tracks, places.described, places.free, asked, frugality, may_carry)
        for place, number in plan.tracks.items():
            if number != sections[place].track:
                source = next(track.source for track in tracks if track.number == number)
                sections[place].transceiver.prefer_codecs(source.codecs, isinstance(source, StreamSource))
        self._apply(plan, sections, tracks)
        for section in sections:
            takes = self._choice.takes_any(section.transceiver.kind)
            section.transceiver.set_direction(_DIRECTIONS[section.track is not None, takes])
        is_bundled = places.tagged is not None
        for track in plan.added:
            direction = "sendrecv" if self._choice.takes_any(track.kind) else "sendonly"
            mid = mid_for(track.source.name)
            transceiver = self._connection.add_transceiver(track.kind, direction, mid, is_bundled)
            transceiver.prefer_codecs(track.source.codecs, isinstance(track.source, StreamSource))
            self._carry(self._add_section(transceiver), track)
        for kind in plan.asked:
            self._add_section(self._connection.add_transceiver(kind, "recvonly", is_bundled=is_bundled))
        mids = (sections[place].transceiver.mid for place in plan.given_up)
        return [mid for mid in mids if mid is not None]

    def on_remote_offer(self, track_ids: Mapping[str, str], used: Collection[str]) -> Callable[[], None]:
        """Apply the peer's offer, before the answer.

        Args:
            track_ids: The identifiers that it gives to tracks, by the mid of the section.
            used: The mids of the sections that both ends use.

        Returns:
            A function that undoes it, should the answer fail.
        """
        before = dict(self._sections)
        carried = {section: (section.track, section.name, section.is_used) for section in before.values()}

        def undo() -> None:
            self._sections = before
            for section, (track, name, is_used) in carried.items():
                section.track, section.name, section.is_used = track, name, is_used
            self.follow()

        self._add_sections()
        sections = list(self._sections.values())
        unused = frozenset(mid for each in sections if (mid := each.transceiver.mid) is not None and mid not in used)
        for section in sections:
            section.is_refused = section.transceiver.mid in unused
            if section.is_refused:
                self._carry(section, None)
        states = [self._state(each, Places(refused=unused)) for each in sections]
        tracks = self._wanted()

        def may_carry(place: int, track: SentTrack) -> bool:
            transceiver = sections[place].transceiver
            return transceiver.may_send and transceiver.has_codec(track.source.codecs)

        self._apply(plan_answer(states, tracks, may_carry), sections, tracks)
        sources = {track.number: track.source for track in tracks}
        for section in sections:
            if section.track is not None:
                section.transceiver.restrict_codecs(sources[section.track].codecs)
            wanted = self._is_wanted(section.transceiver, track_ids)
            section.transceiver.set_direction(_DIRECTIONS[section.track is not None, wanted])
        return undo

    def on_remote_answer(self) -> None:
        """Apply the peer's answer, before anything is awaited."""
        self._add_sections()

    async def settle(self, track_ids: Mapping[str, str]) -> None:
        """Begin and end sending, and report new and removed tracks, once an offer is answered by either end.

        Args:
            track_ids: As in `on_remote_offer`.
        """
        left: list[MediaReceiver] = []
        for section in self._sections.values():
            transceiver = section.transceiver
            section.sender.negotiated(transceiver.codecs)
            receiver = transceiver.receiver
            is_received = transceiver.receives and self._is_wanted(transceiver, track_ids)
            if section.announced is not None and not is_received:
                left.append(section.announced)
                section.announced = None
                transceiver.replace_receiver(MediaReceiver(transceiver.kind, transceiver.transport))
            elif section.announced is None and is_received and isinstance(receiver, MediaReceiver):
                section.announced = receiver
                receiver.name = self._name(transceiver, track_ids)
                receiver.mid = transceiver.mid or ""
                receiver.is_paused = receiver.mid in self._paused_mids
                self._received(receiver)
        for receiver in left:
            self._ended(receiver)
            await receiver.stop()

    def forget(self, mids: Sequence[str]) -> None:
        """Forget sections that no longer exist; before the connection forgets them."""
        for transceiver in [each for each in self._sections if each.mid in mids]:
            del self._sections[transceiver]

    @property
    def paused_mids(self) -> frozenset[str]:
        """The mids of the sections whose tracks are paused at this end."""
        paused = {track.number for track in self._wanted() if track.is_paused}
        mids = (each.transceiver.mid for each in self._sections.values() if each.track in paused)
        return frozenset(mid for mid in mids if mid is not None)

    def on_paused(self, mids: frozenset[str]) -> None:
        """Record the sections whose tracks the peer has paused."""
        self._paused_mids = mids
        for section in self._sections.values():
            if section.announced is not None:
                section.announced.is_paused = section.announced.mid in mids

    @property
    def sections_wanted(self) -> dict[MediaKind, int]:
        """Number of sections of each kind that this end needs if the peer makes the offers.

        It is the number of tracks. If some tracks have no section, because none is free or of their codec, it is the number
        of sections plus that of these tracks.
        """
        placed = {section.track for section in self._sections.values()}
        wanted: dict[MediaKind, int] = {}
        for kind in MEDIA_KINDS:
            tracks = [track for track in self._wanted() if track.kind == kind]
            unplaced = sum(track.number not in placed for track in tracks)
            there = sum(each.transceiver.kind == kind and not each.is_refused for each in self._sections.values())
            wanted[kind] = there + unplaced if unplaced else len(tracks)
        return wanted

    @property
    def frames_sent(self) -> tuple[int, ...]:
        """Number of frames that each sent video source has encoded, in the order of the sections."""
        sources = (section.sender.source for section in self._sections.values())
        return tuple(each.frames_encoded for each in sources if isinstance(each, VideoFeed | EncodedVideoFeed))

    def report_unsent(self) -> None:
        """Log the tracks that the peer does not take."""
        placed = {section.track for section in self._sections.values()}
        for track in self._wanted():
            if track.number not in placed:
                logger.warning(
                    "%s: %s is not sent: the peer's offer has no %s section for it in %s",
                    self._named,
                    track.source,
                    track.kind,
                    " or ".join(track.source.codecs),
                )

    # Helpers.

    def _apply(self, plan: Plan, sections: Sequence[_Section], tracks: Sequence[SentTrack]) -> None:
        by_number = {track.number: track for track in tracks}
        for place, section in enumerate(sections):
            number = plan.tracks.get(place)
            self._carry(section, None if number is None else by_number[number])

    def _carry(self, section: _Section, track: SentTrack | None) -> None:
        """Have a section carry a track, or no track."""
        source: AnySource | None = None if track is None else track.source
        if track is not None and track.number != section.track:
            section.sender.track_id = track.source.name or str(uuid.uuid4())
            section.name, section.is_used = track.source.name, True
        section.track = None if track is None else track.number
        if not section.sender.carry(source, track is not None and track.is_paused):
            # The track's source was replaced by one of other codecs, which needs another section in a new description.
            section.track = None
            section.sender.carry(None)

    def _state(self, section: _Section, places: Places) -> SectionState:
        mid = section.transceiver.mid
        return SectionState(
            section.transceiver.kind,
            section.track,
            section.name,
            section.is_used,
            section.transceiver.sends,
            section.transceiver.receives,
            mid is not None and mid in places.refused,
            mid is not None and mid == places.tagged,
        )

    def _name(self, transceiver: Transceiver, track_ids: Mapping[str, str]) -> str:
        mid = transceiver.mid or ""
        return given_name(track_ids.get(mid)) or mid

    def _is_wanted(self, transceiver: Transceiver, track_ids: Mapping[str, str]) -> bool:
        return self._choice.takes(transceiver.kind, self._name(transceiver, track_ids))

    def _add_sections(self) -> None:
        """Add a section for each transceiver that the peer's description made."""
        for transceiver in self._connection.transceivers:
            if transceiver not in self._sections:
                self._add_section(transceiver)

    def _add_section(self, transceiver: Transceiver) -> _Section:
        sender = MediaSender(transceiver.kind, transceiver.transport, self._loop, None)
        transceiver.replace(sender, MediaReceiver(transceiver.kind, transceiver.transport))
        section = self._sections[transceiver] = _Section(transceiver, sender)
        return section
