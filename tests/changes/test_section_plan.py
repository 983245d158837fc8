"""The core that decides which media section carries which track."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.encoded_frame import MediaKind
from gst_signalling_sync.webrtc.media.section_plan import FRUGAL, LAVISH, SectionState, plan_answer, plan_offer
from gst_signalling_sync.webrtc.media.sending.sent_tracks import SentTrack
from gst_signalling_sync.webrtc.media.sending.source import AnySource


def track(number: int, name: str | None = None, kind: MediaKind = "video") -> SentTrack:
    return SentTrack(number, cast(AnySource, SimpleNamespace(kind=kind, name=name)))


def carrying(number: int | None, name: str | None = None, kind: MediaKind = "video") -> SectionState:
    return SectionState(kind, number, name, is_used=True, sends=number is not None)


IDLE = SectionState("video")


def idle(name: str | None) -> SectionState:
    return carrying(None, name)


def test_tracks_stay_where_they_are() -> None:
    plan = plan_offer([carrying(1), carrying(2)], [track(2), track(1)], 3, 0, {})
    assert plan.tracks == {0: 1, 1: 2}
    assert plan.added == []


def test_new_track_gets_a_new_section() -> None:
    plan = plan_offer([carrying(1)], [track(1), track(2)], 2, 0, {})
    assert plan.added == [track(2)]


def test_track_that_is_gone_leaves_its_section() -> None:
    plan = plan_offer([carrying(1), carrying(2)], [track(2)], 3, 0, {})
    assert plan.tracks == {1: 2}


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (idle("wrist"), 0),
        (IDLE, 0),
        (idle("front"), None),
        (idle(None), None),
        (carrying(1, "wrist"), None),
        # The other end does not know yet that the section is silent, and could not distinguish the two tracks.
        (SectionState("video", None, "wrist", is_used=True, sends=True), None),
        (SectionState("video", None, "wrist", is_used=True, is_given_up=True), None),
        (SectionState("audio"), None),
    ],
)
def test_idle_section_carries_a_track_of_its_kind_and_name(section: SectionState, place: int | None) -> None:
    wanted = [track(1, "wrist"), track(2, "wrist")] if section.track == 1 else [track(2, "wrist")]
    plan = plan_offer([section], wanted, 2, 0, {})
    assert (plan.tracks.get(0) == 2) == (place == 0)
    assert bool(plan.added) == (place is None)


def test_a_section_on_which_the_other_end_sends_carries_what_fits_beside_it() -> None:
    plan = plan_offer([IDLE, IDLE], [track(1)], 2, 0, {}, FRUGAL, lambda place, track: place == 1)
    assert plan.tracks == {1: 1}


def test_the_other_end_gets_as_many_sections_as_it_wants_to_send_on() -> None:
    plan = plan_offer([carrying(1)], [track(1), track(2)], 2, 0, {"video": 3, "audio": 1})
    assert plan.asked == ["video", "audio"]
    assert plan_offer([carrying(1)], [track(1)], 2, 0, {"video": 1, "audio": 0}).asked == []


def test_idle_sections_are_given_up_where_there_are_many() -> None:
    tagged = SectionState("video", None, "a", is_used=True, is_tagged=True)
    sections = [tagged, idle("b"), carrying(1), IDLE, idle("c")]
    assert plan_offer(sections, [track(1)], 8, 0, {}).given_up == [1, 4]
    assert plan_offer(sections, [track(1), track(2, "b")], 8, 0, {}).given_up == [4]
    assert plan_offer(sections, [track(1)], 7, 0, {}).given_up == []
    answered = SectionState("video", None, "b", is_used=True, receives=True)
    assert plan_offer([answered], [], 8, 0, {}).given_up == []


def test_with_a_peer_that_does_not_follow_every_track_gets_a_section_of_its_own() -> None:
    plan = plan_offer([idle("wrist"), IDLE], [track(1, "wrist")], 20, 0, {}, LAVISH)
    assert plan.added == [track(1, "wrist")]
    assert plan.given_up == []


def test_a_description_has_no_more_sections_than_a_peer_takes() -> None:
    plan = plan_offer([], [track(number) for number in range(20)], FRUGAL.maximum - 2, 1, {"audio": 1})
    assert len(plan.added) == 3
    assert len(plan.unplaced) == 17
    assert plan.asked == []


def test_answer_puts_a_track_where_the_other_end_takes_it() -> None:
    plan = plan_answer([carrying(1), IDLE, idle("x")], [track(1), track(2), track(3)], lambda place, track: place == 2)
    assert plan.tracks == {0: 1, 2: 2}
    assert plan.unplaced == [track(3)]
    assert plan.added == []


numbers = st.integers(0, 5)
sections_ = st.lists(
    st.builds(
        SectionState,
        st.sampled_from(["video", "audio"]),
        st.none() | numbers,
        st.none() | st.sampled_from("ab"),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.track if each.track is not None else object(),
)
tracks_ = st.lists(
    st.builds(track, numbers, st.none() | st.sampled_from("ab"), st.sampled_from(["video", "audio"])),
    unique_by=lambda each: each.number,
    max_size=6,
)


@given(sections_, tracks_, st.integers(0, 20), st.integers(0, 3), st.integers(0, 4))
def test_every_track_has_one_place(
    sections: list[SectionState], tracks: list[SentTrack], described: int, free: int, asked: int
) -> None:
    plan = plan_offer(sections, tracks, described, free, {"video": asked})

    placed = [*plan.tracks.values(), *(each.number for each in (*plan.added, *plan.unplaced))]
    assert sorted(placed) == sorted(each.number for each in tracks)
    assert len(plan.added) + len(plan.asked) <= max(0, FRUGAL.maximum - described + free)
    assert not set(plan.given_up) & set(plan.tracks)
    for place, number in plan.tracks.items():
        assert sections[place].track == number or sections[place].is_idle
