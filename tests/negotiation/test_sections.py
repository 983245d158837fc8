"""The core that decides which sections are used, without aiortc: a section is usable if it has the line ``a=good``."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.sdp import Description, Section
from gst_signalling_sync.webrtc.sections import REFUSED_BY_PEER, Applied, Sections

SESSION = ("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0")
TRANSPORT = ("a=ice-ufrag:u", "a=ice-pwd:p", "a=fingerprint:sha-256 AA", "a=setup:actpass")


def section(mid: str, kind: str = "video", *lines: str, good: bool = True, port: int = 9) -> Section:
    fmt = "UDP/DTLS/SCTP webrtc-datachannel" if kind == "application" else "UDP/TLS/RTP/SAVPF 96"
    own = lines or (*TRANSPORT, *(("a=good",) if good else ()))
    return Section((f"m={kind} {port} {fmt}", f"a=mid:{mid}", *own))


def describe(*sections: Section, bundle: Sequence[str] | None = None) -> Description:
    mids = tuple(each.mid for each in sections) if bundle is None else tuple(bundle)
    return Description(SESSION, sections, tuple(dict.fromkeys(mids)))


def check(sdp: str, mid: str) -> str | None:
    return None if "a=good" in sdp else "it is not good"


def answer(applied: Applied) -> Description:
    """The answer on the wire, where aiortc's inner answer equals the inner offer."""
    return Description.parse(applied.sections.answer(applied.inner))


def ports(description: Description) -> list[bool]:
    """Whether each section is used, by its port."""
    return [not each.is_refused for each in description.sections]


def inner_mids(applied: Applied) -> list[str]:
    return [each.mid for each in applied.inner.sections]


@given(st.text())
def test_any_description_can_be_applied(text: str) -> None:
    description = Description.parse(text)

    applied = Sections().apply_offer(description, check)

    assert len(applied.refused) + len(applied.used) == len(description.sections)


def test_section_that_cannot_be_used_is_refused_by_itself() -> None:
    applied = Sections().apply_offer(describe(section("0", good=False), section("1", "application")), check)

    assert inner_mids(applied) == ["1"]
    assert applied.inner.bundle == ("1",)
    assert applied.refused == {0: "it is not good"}
    assert ports(answer(applied)) == [False, True]
    assert answer(applied).bundle == ("1",)


def test_refused_section_keeps_its_identifier_and_tells_a_transport() -> None:
    applied = Sections().apply_offer(describe(section("0", good=False), section("1", "application")), check)

    refused = answer(applied).sections[0]

    assert refused.mid == "0"
    assert refused.lines[0] == "m=video 0 UDP/TLS/RTP/SAVPF 96"
    assert refused.having(*(line.split(":")[0] for line in TRANSPORT)) == TRANSPORT


def test_section_that_comes_back_is_last_for_aiortc_and_in_its_place_on_the_wire() -> None:
    first = Sections().apply_offer(describe(section("0", good=False), section("1", "application")), check)

    second = first.sections.apply_offer(describe(section("0"), section("1", "application")), check)

    assert inner_mids(second) == ["1", "0"]
    assert second.inner.bundle == ("1", "0")
    assert [each.mid for each in answer(second).sections] == ["0", "1"]
    assert ports(answer(second)) == [True, True]


def test_section_that_goes_stays_inactive_for_aiortc() -> None:
    first = Sections().apply_offer(describe(section("0"), section("1", "application")), check)

    second = first.sections.apply_offer(describe(section("0", port=0), section("1", "application")), check)

    assert inner_mids(second) == ["0", "1"]
    assert "a=inactive" in second.inner.sections[0].lines
    assert second.refused == {0: REFUSED_BY_PEER}
    assert ports(answer(second)) == [False, True]


def test_place_of_a_refused_section_is_taken_by_another() -> None:
    first = Sections().apply_offer(describe(section("0", good=False), section("1", "application")), check)

    second = first.sections.apply_offer(describe(section("new", "audio"), section("1", "application")), check)

    assert inner_mids(second) == ["1", "new"]
    assert ports(answer(second)) == [True, True]


@pytest.mark.parametrize(
    ("offer", "refused"),
    [
        (describe(section("0"), section("0", "audio")), {1: "there is another with the identifier '0'"}),
        (describe(section("0"), section("1", "text")), {1: "'text' is no kind of media that is known here"}),
        (
            describe(section("0", "application"), section("1", "application")),
            {1: "there is another section for data channels"},
        ),
        (
            describe(section("0", good=False), section("0")),
            {0: "it is not good", 1: "there is another with the identifier '0'"},
        ),
    ],
)
def test_offer_of_what_cannot_be(offer: Description, refused: dict[int, str]) -> None:
    applied = Sections().apply_offer(offer, check)

    assert applied.refused == refused


def test_identifier_that_was_another_sections_is_refused() -> None:
    first = Sections().apply_offer(describe(section("0"), section("1", "audio")), check)

    moved = first.sections.apply_offer(describe(section("1", "audio"), section("0")), check)
    turned = first.sections.apply_offer(describe(section("0", "audio"), section("1", "audio")), check)

    assert moved.refused.keys() == {0, 1}
    assert turned.refused.keys() == {0}


@pytest.mark.parametrize("bundle", [["missing", "0", "1"], ["0", "missing", "1"], ["0", "0", "1"]])
def test_bundle_names_only_what_is_used(bundle: list[str]) -> None:
    applied = Sections().apply_offer(describe(section("0"), section("1", "audio"), bundle=bundle), check)

    assert applied.inner.bundle == ("0", "1")
    assert answer(applied).bundle == ("0", "1")


def test_answer_bundles_only_what_the_offer_does() -> None:
    applied = Sections().apply_offer(describe(section("0"), section("1", "audio"), bundle=[]), check)

    assert answer(applied).bundle == ()


def test_section_of_a_bundle_has_what_it_does_not_say_from_the_first() -> None:
    offer = describe(section("0", "audio"), section("1", "video", "a=bundle-only", "a=good", port=0))

    applied = Sections().apply_offer(offer, check)

    assert applied.refused == {}
    assert set(TRANSPORT) <= set(applied.inner.sections[1].lines)


def test_candidates_of_the_bundle_are_not_refused_with_its_first_section() -> None:
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"
    first = section("0", "video", *TRANSPORT, candidate)

    applied = Sections().apply_offer(describe(first, section("1", "application")), check)

    assert candidate in applied.inner.sections[0].lines
    assert applied.sections.inner_index(0) == 0
    assert applied.sections.inner_index(1) == 0


def test_candidate_of_a_refused_section_that_is_in_no_bundle_belongs_nowhere() -> None:
    applied = Sections().apply_offer(
        describe(section("0", good=False), section("1", "application"), bundle=["1"]), check
    )

    assert applied.sections.inner_index(0) is None
    assert applied.sections.inner_index(1) == 0
    assert applied.sections.inner_index(7) is None
    assert applied.sections.inner_index(-1) is None


def test_direction_is_that_of_the_session_or_both_ways() -> None:
    offer = describe(section("0"))
    of_session = Description((*SESSION, "a=recvonly"), offer.sections, offer.bundle)

    assert "a=sendrecv" in Sections().apply_offer(offer, check).inner.sections[0].lines
    assert "a=recvonly" in Sections().apply_offer(of_session, check).inner.sections[0].lines


def own_offer(*kinds: str) -> Sections:
    """The state after this end has offered sections of these kinds."""
    return Sections().offer(describe(*(section(str(number), kind) for number, kind in enumerate(kinds))))[1]


def test_first_offer_is_said_as_aiortc_makes_it() -> None:
    local = describe(section("0"), section("1", "application"))

    assert Sections().offer(local)[0] == str(local)


def test_answer_that_refuses_a_section_leaves_the_others() -> None:
    applied = own_offer("video", "application").apply_answer(
        describe(section("0", port=0), section("1", "application"), bundle=["1"]), check
    )

    assert applied.used == {"1"}
    assert applied.refused == {0: REFUSED_BY_PEER}
    video, data = applied.inner.sections
    assert "a=inactive" in video.lines
    assert data.mid == "1"
    # Otherwise aiortc would wait for the refused section's own transport.
    assert applied.inner.bundle == ("1", "0")


def test_answer_without_identifiers_is_taken_by_place() -> None:
    bare = Section(tuple(line for line in section("0").lines if not line.startswith("a=mid")))

    applied = own_offer("video").apply_answer(describe(bare, bundle=[]), check)

    assert applied.used == {"0"}
    assert applied.inner.sections[0].mid == "0"


def test_answer_of_fewer_sections_refuses_the_others() -> None:
    applied = own_offer("video", "application").apply_answer(describe(section("0")), check)

    assert applied.refused == {1: REFUSED_BY_PEER}
    assert not applied.has_data


@pytest.mark.parametrize("section_", [section("0", "audio"), section("x"), section("0", good=False)])
def test_answer_of_what_was_not_offered_is_not_used(section_: Section) -> None:
    applied = own_offer("video", "application").apply_answer(describe(section_, section("1", "application")), check)

    assert applied.used == {"1"}


def test_refused_section_keeps_its_place_in_later_offers() -> None:
    state = own_offer("video", "application")
    state = state.apply_answer(
        describe(section("0", port=0), section("1", "application"), bundle=["1"]), check
    ).sections

    sdp, _ = state.offer(describe(section("0"), section("1", "application"), section("2", "audio")))

    said = Description.parse(sdp)
    assert [each.mid for each in said.sections] == ["0", "1", "2"]
    assert ports(said) == [False, True, True]
    assert said.bundle == ("1", "2")


offers = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["audio", "video", "application", "text"]), st.booleans(), st.booleans()
    ),
    max_size=5,
)


@given(st.lists(offers, max_size=6), st.data())
def test_whatever_is_offered_is_answered_section_by_section(
    history: list[list[tuple[str, str, bool, bool]]], data: st.DataObject
) -> None:
    state = Sections()
    for parts in history:
        sections = [section(mid, kind, good=good, port=9 if used else 0) for mid, kind, good, used in parts]
        bundle = data.draw(st.lists(st.sampled_from("abcx"), unique=True))
        before = list(state.inner)

        applied = state.apply_offer(describe(*sections, bundle=bundle), check)
        said = answer(applied)

        # There are as many sections, of the same kinds, in the same places.
        assert [each.kind for each in said.sections] == [each.kind for each in sections]
        assert ports(said) == [index not in applied.refused for index in range(len(sections))]
        # aiortc's sections keep their places, and new ones come after them.
        assert inner_mids(applied)[: len(before)] == before
        assert len(set(inner_mids(applied))) == len(inner_mids(applied))
        assert sum(each.is_data for each in applied.inner.sections) <= 1
        # The bundle contains only sections that are used and that were offered in a bundle.
        assert set(said.bundle) <= applied.used & set(bundle)
        assert set(applied.inner.bundle) <= set(inner_mids(applied))
        for index in range(len(sections)):
            inner = applied.sections.inner_index(index)
            assert inner is None or inner_mids(applied)[inner] in applied.used
        state = applied.sections
