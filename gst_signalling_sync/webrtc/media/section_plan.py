"""Plans which media section carries which track of this end, for each description (RFC 8829 sections 5.2.2 and 5.3.2).

A section never vanishes. If its track is removed, it becomes inactive, and carries the next track of its kind and name. If
there are many sections, idle ones are given up (port 0), so that others take their places. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .encoded_frame import MediaKind
from .sending.sent_tracks import SentTrack

__all__ = ["FRUGAL", "LAVISH", "Frugality", "Plan", "SectionState", "plan_answer", "plan_offer"]


@dataclass(frozen=True, slots=True)
class Frugality:
    """How sections are used again. Not every peer supports this.

    Attributes:
        reuses: Whether an inactive section carries the next track of its kind and name.
        many: Number of sections from which on idle ones are given up.
        maximum: Maximum number of sections.
    """

    reuses: bool
    many: int
    maximum: int


FRUGAL: Final = Frugality(True, 8, 16)
"""A peer of this library takes 16 sections by default. A browser recognizes a track that comes back only on the same
section."""

LAVISH: Final = Frugality(False, 64, 80)
"""webrtcsrc 0.15 stops if an inactive section carries a track again, or if a section is given up."""


@dataclass(frozen=True, slots=True)
class SectionState:
    """A media section, as far as this end sends on it.

    Attributes:
        kind: Kind of its media.
        track: Number of the track that it carries; None: it carries no track.
        name: Name of the last track that it carried; None: that had no name, or there was no track.
        is_used: Whether it has ever carried a track.
        sends: Whether this end sends on it, as both ends last agreed.
        receives: Whether the peer sends on it.
        is_given_up: Whether it has port 0.
        is_tagged: Whether the BUNDLE group uses its transport (RFC 9143 section 7.2), so that it cannot be given up.
    """

    kind: MediaKind
    track: int | None = None
    name: str | None = None
    is_used: bool = False
    sends: bool = False
    receives: bool = False
    is_given_up: bool = False
    is_tagged: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether the peer knows that nothing is sent on it."""
        return self.track is None and not self.sends and not self.is_given_up


@dataclass
class Plan:
    """The next state of the sections.

    Attributes:
        tracks: Numbers of the tracks by the places of their sections; sections that are not listed carry no track.
        added: Tracks that get a new section each.
        asked: Kinds of the new sections on which only the peer may send.
        given_up: Places of the sections that are given up.
        unplaced: Tracks for which there is no section.
    """

    tracks: dict[int, int] = field(default_factory=dict)
    added: list[SentTrack] = field(default_factory=list)
    asked: list[MediaKind] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    unplaced: list[SentTrack] = field(default_factory=list)


def plan_offer(
    sections: Sequence[SectionState],
    tracks: Sequence[SentTrack],
    described: int,
    free: int,
    asked: Mapping[MediaKind, int],
    frugality: Frugality = FRUGAL,
    may_carry: Callable[[int, SentTrack], bool] = lambda place, track: True,
) -> Plan:
    """Plan an offer.

    Args:
        sections: The sections of video and audio.
        tracks: The tracks to send, in order.
        described: Number of sections of the last description, including data and those with port 0.
        free: Number of these whose places can be taken (RFC 8829 section 5.2.2).
        asked: Number of sections of each kind on which the peer wants to send.
        frugality: How sections may be used again with this peer. Defaults to `FRUGAL`.
        may_carry: Whether the idle section of a place can carry a track, beside the track that the peer sends on it. Defaults
            to yes.
    """
    plan, waiting = _kept(sections, tracks)
    room = max(0, frugality.maximum - described + free)
    taken = set(plan.tracks)
    for track in waiting:
        place = _idle_place(sections, track, taken, may_carry) if frugality.reuses else None
        if place is not None:
            taken.add(place)
            plan.tracks[place] = track.number
        elif room:
            room -= 1
            plan.added.append(track)
        else:
            plan.unplaced.append(track)
    for kind, wanted in asked.items():
        there = sum(each.kind == kind and not each.is_given_up for each in sections)
        there += sum(each.kind == kind for each in plan.added)
        more = min(max(0, wanted - there), room)
        room -= more
        plan.asked += [kind] * more
    if described >= frugality.many:
        plan.given_up = [
            place
            for place, each in enumerate(sections)
            if each.is_idle and not each.receives and each.is_used and not each.is_tagged and place not in taken
        ]
    return plan


def plan_answer(
    sections: Sequence[SectionState],
    tracks: Sequence[SentTrack],
    may_carry: Callable[[int, SentTrack], bool],
) -> Plan:
    """Plan an answer.

    Args:
        sections: The sections of video and audio.
        tracks: The tracks to send, in order.
        may_carry: Whether the peer takes a track on the section of a place.
    """
    plan, waiting = _kept(sections, tracks)
    taken = set(plan.tracks)
    for track in waiting:
        fitting = (
            place
            for place, each in enumerate(sections)
            if each.is_idle and place not in taken and each.kind == track.kind and may_carry(place, track)
        )
        place = next(fitting, None)
        if place is None:
            plan.unplaced.append(track)
        else:
            taken.add(place)
            plan.tracks[place] = track.number
    return plan


def _kept(sections: Sequence[SectionState], tracks: Sequence[SentTrack]) -> tuple[Plan, list[SentTrack]]:
    """A plan in which each track keeps its section, and the tracks that have no section yet."""
    numbers = {track.number for track in tracks}
    plan = Plan(
        {place: each.track for place, each in enumerate(sections) if each.track in numbers and each.track is not None}
    )
    placed = set(plan.tracks.values())
    return plan, [track for track in tracks if track.number not in placed]


def _idle_place(
    sections: Sequence[SectionState],
    track: SentTrack,
    taken: set[int],
    may_carry: Callable[[int, SentTrack], bool],
) -> int | None:
    """The first idle section of a track's kind that never had another name: a browser keeps the first name."""
    return next(
        (
            place
            for place, each in enumerate(sections)
            if each.is_idle
            and place not in taken
            and each.kind == track.kind
            and (not each.is_used or each.name == track.source.name)
            and may_carry(place, track)
        ),
        None,
    )
