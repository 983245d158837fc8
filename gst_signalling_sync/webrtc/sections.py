"""Media sections of offers and answers: which are used, and which are refused by themselves (RFC 8829 sections 5.3.1 and 5.10).

aiortc accepts or rejects a description as a whole: a section that it cannot use makes it fail, it cannot read a refused section
(port 0, RFC 3264 section 6), and it cannot refuse a section. So aiortc gets descriptions of its own, the inner ones. They have
the sections that both ends use, in the order in which these were first used. A section that either end refuses later stays
there, inactive. `Sections` converts the descriptions on the wire to inner ones and back. No I/O. States are immutable: each
step returns the next state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .sdp import Description, Section

__all__ = ["REFUSED_BY_PEER", "Applied", "Sections"]

KINDS: Final = ("audio", "video", "application")

REFUSED_BY_PEER: Final = "the peer refuses it"

Check = Callable[[str, str], str | None]
"""Called with a description of one section and the section's mid; returns why it cannot be used, or None."""


@dataclass(frozen=True)
class Applied:
    """The result of applying a description of the peer.

    Attributes:
        inner: The description that aiortc gets.
        refused: Why sections are not used, by their index on the wire.
        used: The mids of the sections that are used.
        has_data: Whether one of these is for data channels.
        sections: The next state, once aiortc has accepted the inner description.
    """

    inner: Description
    refused: dict[int, str]
    used: frozenset[str]
    has_data: bool
    sections: Sections

    @property
    def track_ids(self) -> dict[str, str]:
        """The peer's identifiers of its tracks, by the mid of the section."""
        ids = ((section.mid, section.track_id) for section in self.inner.sections)
        return {mid: track_id for mid, track_id in ids if track_id is not None}


@dataclass(frozen=True)
class Sections:
    """The state of the sections of a session.

    Attributes:
        wire: The sections on the wire, as this end last received or sent them.
        inner: The sections of aiortc's descriptions by mid, in order, as aiortc last accepted them.
        used: The mids of the sections that both ends use now.
        bundle: The mids of the bundle on the wire, used or not.
    """

    wire: tuple[Section, ...] = ()
    inner: dict[str, Section] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    bundle: tuple[str, ...] = ()

    def inner_index(self, wire_index: int) -> int | None:
        """Convert the index of a section on the wire to aiortc's index, for a candidate of the peer.

        Returns:
            The index. For a refused section in a bundle, that of the tagged section, since candidates are those of the whole
            bundle. None: aiortc has no such section.
        """
        if not 0 <= wire_index < len(self.wire):
            return None
        mid = self.wire[wire_index].mid
        if mid not in self.used:
            tagged = next((each for each in self.bundle if each in self.used), None)
            if mid not in self.bundle or tagged is None:
                return None
            mid = tagged
        return list(self.inner).index(mid)

    def wire_index(self, mid: str) -> int | None:
        """The index of a section on the wire, for a candidate of this end; None: it is not on the wire."""
        return next((place for place, section in enumerate(self.wire) if section.mid == mid), None)

    @property
    def refused(self) -> frozenset[str]:
        """The mids of sections on the wire that are not used: they had port 0, or either end has refused them."""
        return frozenset(section.mid for section in self.wire if section.mid not in self.used)

    @property
    def free(self) -> int:
        """The number of sections with port 0 on the wire, whose places new sections may take."""
        return sum(section.is_refused for section in self.wire)

    @property
    def tagged(self) -> str | None:
        """The mid of the tagged section, whose transport the bundle uses; None: there is no bundle."""
        return next((mid for mid in self.bundle if mid in self.used), None)

    @property
    def replaced(self) -> tuple[str, ...]:
        """The mids of aiortc's sections whose places others have taken."""
        known = {section.mid for section in self.wire}
        return tuple(mid for mid in self.inner if mid not in known)

    def give_up(self, mids: Iterable[str]) -> Sections:
        """The state in which the next offer refuses some sections."""
        return replace(self, used=self.used - frozenset(mids))

    def without(self, mids: Iterable[str]) -> Sections:
        """The state in which aiortc no longer has some sections."""
        gone = frozenset(mids)
        return replace(self, inner={mid: section for mid, section in self.inner.items() if mid not in gone})

    def apply_offer(self, offer: Description, check: Check) -> Applied:
        """Decide which sections of the peer's offer are used.

        Args:
            offer: The offer on the wire.
            check: Tells which sections aiortc can use.
        """
        tagged = offer.tagged
        refused: dict[int, str] = {}
        accepted: dict[str, Section] = {}
        seen: set[str] = set()
        for index, section in enumerate(offer.sections):
            completed = section.completed(tagged if section.mid in offer.bundle else None, offer.session)
            reason = self._refusal(index, section, accepted, seen)
            if not section.is_refused:
                seen.add(section.mid)
            reason = reason or check(str(offer.alone(completed)), section.mid)
            if reason is None:
                accepted[section.mid] = completed
            else:
                refused[index] = reason
        bundle = self._established_first(mid for mid in offer.bundle if mid in accepted)
        if bundle and tagged is not None and tagged.mid not in accepted:
            accepted[bundle[0]] = accepted[bundle[0]].with_candidates_of(tagged)
        inner = {
            **{mid: accepted.get(mid, section.inactive()) for mid, section in self.inner.items()},
            **accepted,
        }
        left_over = [mid for mid in self.inner if mid not in accepted]
        used = frozenset(accepted)
        return Applied(
            Description(offer.session, tuple(inner.values()), (*bundle, *left_over) if bundle else ()),
            refused,
            used,
            any(each.is_data for each in accepted.values()),
            Sections(offer.sections, inner, used, offer.bundle),
        )

    def answer(self, local: Description) -> str:
        """The answer to the peer's offer.

        Args:
            local: aiortc's answer to the inner offer.
        """
        sections = {section.mid: section for section in local.sections if section.mid in self.used}
        transport = next(iter(sections.values()), None)
        said = []
        for section in self.wire:
            # Of several sections with the same mid, the first one is used.
            answered = sections.pop(section.mid, None) if not section.is_refused else None
            said.append(answered if answered is not None else section.refusal(transport))
        bundle = tuple(mid for mid in self.bundle if mid in self.used)
        return str(Description(local.session, tuple(said), bundle))

    def offer(self, local: Description) -> tuple[str, Sections]:
        """The offer of this end.

        Args:
            local: aiortc's offer.

        Returns:
            The offer, and the state until it is answered.
        """
        sections = {section.mid: section for section in local.sections}
        transport = local.sections[0] if local.sections else None
        known = [section.mid for section in self.wire]
        said = [
            sections[section.mid] if section.mid in self.used else section.refusal(transport) for section in self.wire
        ]
        # A section that the peer has refused is not offered again. It keeps its place until a new section takes it.
        new = [section for mid, section in sections.items() if mid not in known and mid not in self.inner]
        for place, section in enumerate(self.wire):
            if section.is_refused and new:
                said[place] = new.pop(0)
        said += new
        offered = tuple(section.mid for section in said if not section.is_refused)
        sdp = str(Description(local.session, tuple(said), tuple(mid for mid in local.bundle if mid in offered)))
        return sdp, replace(self, wire=tuple(said), inner={**sections, **self.inner}, bundle=local.bundle)

    def apply_answer(self, answer: Description, check: Check) -> Applied:
        """Decide which sections of the peer's answer to this end's offer are used.

        Args:
            answer: The answer on the wire.
            check: Tells which sections aiortc can use.
        """
        tagged = answer.tagged
        refused: dict[int, str] = {}
        accepted: dict[str, Section] = {}
        for index, offered in enumerate(self.wire):
            if offered.is_refused:
                continue
            section = answer.sections[index] if index < len(answer.sections) else offered.refusal(None)
            completed = section.completed(tagged if section.mid in answer.bundle else None, answer.session)
            if section.is_refused:
                reason: str | None = REFUSED_BY_PEER
            elif section.kind != offered.kind or section.mid not in ("", offered.mid):
                reason = f"{offered.kind} {offered.mid!r} was offered, {section.kind} {section.mid!r} is answered"
            else:
                if not section.mid:
                    completed = Section((*completed.lines, f"a=mid:{offered.mid}"))
                reason = check(str(answer.alone(completed)), offered.mid)
            if reason is None:
                accepted[offered.mid] = completed
            else:
                refused[index] = reason
        used = frozenset(accepted)
        inner = dict(self.inner)
        bundle = self._established_first(mid for mid in answer.bundle if mid in accepted) or list(accepted)[:1]
        for mid, section in self.inner.items():
            if mid in accepted:
                inner[mid] = accepted[mid]
            elif bundle:
                # The section gets a transport that is used. Otherwise aiortc would wait for a transport of its own.
                inner[mid] = section.at_transport_of(accepted[bundle[0]]).inactive()
                bundle.append(mid)
        return Applied(
            Description(
                answer.session, tuple(inner.values()), tuple(bundle) if answer.bundle or len(bundle) > 1 else ()
            ),
            refused,
            used,
            any(each.is_data for each in accepted.values()),
            replace(self, inner=inner, used=used),
        )

    def _established_first(self, bundle: Iterable[str]) -> list[str]:
        """Sort a bundle so that it keeps its transport, since aiortc moves it to the transport of the first section."""
        return sorted(bundle, key=lambda mid: mid not in self.used)

    def _refusal(self, index: int, section: Section, accepted: dict[str, Section], seen: set[str]) -> str | None:
        """Why a section of an offer cannot be used, whatever its codecs are."""
        known = self.inner.get(section.mid)
        places = [place for place, each in enumerate(self.wire) if each.mid == section.mid]
        if section.is_refused:
            return REFUSED_BY_PEER
        if section.kind not in KINDS:
            return f"{section.kind!r:.40} is no kind of media that is known here"
        if section.mid in seen:
            return f"there is another with the identifier {section.mid!r:.40}"
        if known is not None and (known.kind != section.kind or index not in places):
            return f"the identifier {section.mid!r:.40} was that of another section"
        if section.is_data and any(
            each.is_data for mid, each in {**self.inner, **accepted}.items() if mid != section.mid
        ):
            return "there is another section for data channels"
        return None
