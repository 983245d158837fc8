"""Happy Eyeballs (RFC 8305): the order of addresses and the times of attempts, without a network."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.signalling.happy_eyeballs import ATTEMPT_SECONDS, Race, interleaved


def test_families_alternate_and_the_system_s_first_choice_stays_first() -> None:
    addresses = [(6, "a6"), (6, "b6"), (6, "c6"), (4, "a4"), (4, "b4")]

    assert interleaved(addresses) == ["a6", "a4", "b6", "b4", "c6"]


def test_repeated_addresses_are_tried_once() -> None:
    assert interleaved([(4, "a"), (4, "a"), (6, "b")]) == ["a", "b"]


def test_first_attempt_begins_at_once_and_has_its_time_alone() -> None:
    race = Race(["a", "b"])

    assert race.begin(100.0) == "a"
    assert race.begin(100.0) is None
    assert race.next_at == 100.0 + ATTEMPT_SECONDS
    assert race.begin(100.0 + ATTEMPT_SECONDS) == "b"
    assert race.next_at is None


def test_failure_begins_the_next_attempt_at_once() -> None:
    race = Race(["a", "b"])
    race.begin(100.0)

    race.failed("a")

    assert race.begin(100.0) == "b"


def test_race_is_lost_when_all_have_failed() -> None:
    race = Race(["a", "b"])
    race.begin(0)
    race.failed("a")
    assert not race.is_lost
    race.begin(0)

    race.failed("b")

    assert race.is_lost


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=100))
def test_every_address_is_tried_once_and_no_two_begin_closer_unless_one_failed(
    number: int, steps: list[tuple[float, bool]]
) -> None:
    race = Race(range(number))
    now, begun, running = 0.0, [], []
    last_at, failed_since = None, False

    def go_on() -> None:
        nonlocal last_at, failed_since
        while (address := race.begin(now)) is not None:
            assert last_at is None or failed_since or not running or now >= last_at + ATTEMPT_SECONDS
            begun.append(address)
            running.append(address)
            last_at, failed_since = now, False

    go_on()
    for seconds, fails in steps:
        now += seconds
        if fails and running:
            race.failed(running.pop(0))
            failed_since = True
        go_on()

    assert begun == sorted(set(begun))
    assert race.is_lost == (len(begun) == number and not running)
