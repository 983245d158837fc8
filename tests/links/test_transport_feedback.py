"""TWCC: the feedback message, by an independent parser of the draft, and the feedback for packets that arrive in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.bwe.arrival_recorder import ArrivalRecorder
from gst_signalling_sync.webrtc.bwe.transport_feedback import MAX_PACKETS, TransportFeedback


def read(data: bytes) -> tuple[int, int, int, list[int | None]]:
    """Parse a message bit by bit, as section 3.1 of the draft says: base, reference, number, arrivals in ticks."""
    bits = "".join(f"{byte:08b}" for byte in data)
    base, count, reference, number = (int(bits[a:b], 2) for a, b in ((0, 16), (16, 32), (32, 56), (56, 64)))
    position, symbols = 64, ""
    while len(symbols) < 2 * count:
        chunk, position = bits[position : position + 16], position + 16
        match chunk[0], chunk[1]:
            case "0", _:
                symbols += chunk[1:3] * int(chunk[3:], 2)
            case "1", "0":
                symbols += "".join("0" + bit for bit in chunk[2:])
            case _:
                symbols += chunk[2:]
    arrivals: list[int | None] = []
    time = 0
    for index in range(count):
        match symbols[2 * index : 2 * index + 2]:
            case "00":
                arrivals.append(None)
                continue
            case "01":
                delta, position = int(bits[position : position + 8], 2), position + 8
            case "10":
                delta, position = int(bits[position : position + 16], 2), position + 16
                delta -= 1 << 16 if delta >> 15 else 0
            case symbol:
                raise AssertionError(f"reserved symbol {symbol}")
        time += delta
        arrivals.append(time)
    assert len(data) % 4 == 0
    assert set(bits[position:]) <= {"0"}
    assert len(bits) - position < 32
    return base, reference, number, arrivals


@st.composite
def messages(draw: st.DrawFn) -> TransportFeedback:
    deltas = draw(
        st.lists(
            st.one_of(st.none(), st.integers(0, 300), st.integers(-32767, 32767), st.just(0)), min_size=1, max_size=200
        )
    )
    runs = draw(st.lists(st.integers(1, 40), min_size=len(deltas), max_size=len(deltas)))
    time = 0
    arrivals: list[int | None] = []
    for delta, run in zip(deltas, runs, strict=True):
        for _ in range(run if delta in (None, 0) else 1):
            if delta is None:
                arrivals.append(None)
            else:
                time += delta
                arrivals.append(time)
    return TransportFeedback(
        draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFF)), draw(st.integers(0, 0xFFFFFF)), tuple(arrivals)
    )


@given(message=messages())
def test_message_says_what_it_is_made_of(message: TransportFeedback) -> None:
    data = message.pack()

    assert read(data) == (message.base, message.reference, message.number, list(message.arrivals))
    assert TransportFeedback.parse(data) == message


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    try:
        message = TransportFeedback.parse(data)
    except ValueError:
        return
    assert len(message.arrivals) == int.from_bytes(data[2:4], "big")


def test_message_of_ten_packets_is_these_bytes() -> None:
    arrivals = (0, 4, None, None, 8, 12, 16, 20, 24, 28)

    # Base 5, 10 packets, reference 17, message 3; a one-bit status vector chunk, eight deltas, two bytes of padding.
    assert TransportFeedback(5, 3, 17, arrivals).pack().hex() == "0005000a00001103b3f000040404040404040000"


@pytest.mark.parametrize("arrivals", [(), (0, 40_000)], ids=["empty", "eight seconds apart"])
def test_what_the_format_cannot_say_is_refused(arrivals: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"feedback must be on|successive arrivals"):
        TransportFeedback(0, 0, 0, arrivals).pack()


# The recorder


def told(messages: list[TransportFeedback]) -> dict[int, int | None]:
    """The content of several messages; the last one counts for each packet."""
    return dict(each for message in messages for each in message.ticks)


def test_nothing_came_and_nothing_is_told() -> None:
    recorder = ArrivalRecorder()

    assert not recorder.has_news
    assert recorder.messages() == []


def test_packets_are_told_once_with_their_times() -> None:
    recorder = ArrivalRecorder()
    for number in range(3):
        recorder.add(number, 10.0 + number / 100)

    assert told(recorder.messages()) == {0: 40_000, 1: 40_040, 2: 40_080}
    assert recorder.messages() == []


def test_missing_packets_are_told_with_those_around_them() -> None:
    recorder = ArrivalRecorder()
    for number in (65_534, 65_535, 3):
        recorder.add(number, 1.0)

    assert told(recorder.messages()) == {65_534: 4000, 65_535: 4000, 0: None, 1: None, 2: None, 3: 4000}


def test_packet_that_comes_late_corrects_what_was_told() -> None:
    recorder = ArrivalRecorder()
    recorder.add(0, 1.0)
    recorder.add(2, 1.0)
    assert told(recorder.messages())[1] is None

    recorder.add(1, 1.1)
    assert told(recorder.messages()) == {1: 4400, 2: 4000}


def test_packet_that_comes_twice_came_first() -> None:
    recorder = ArrivalRecorder()
    recorder.add(0, 1.0)
    recorder.add(0, 2.0)

    assert told(recorder.messages()) == {0: 4000}


def test_messages_are_numbered_and_small() -> None:
    recorder = ArrivalRecorder()
    for number in range(0, 3000, 2):
        recorder.add(number, number / 1000)
    messages = recorder.messages()

    assert [message.number for message in messages] == list(range(len(messages)))
    assert all(len(message.pack()) <= 1000 for message in messages)
    assert all(len(message.arrivals) <= MAX_PACKETS for message in messages)
    assert [number for number, ticks in told(messages).items() if ticks is not None] == list(range(0, 3000, 2))


def test_sender_that_restarts_is_followed() -> None:
    recorder = ArrivalRecorder()
    recorder.add(10, 1.0)
    recorder.messages()
    recorder.add(30_000, 1.1)

    assert told(recorder.messages()) == {30_000: 4400}


@given(
    steps=st.lists(
        st.tuples(st.integers(-50, 50), st.floats(0, 9), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_comes_is_told_in_messages_that_can_be_sent(steps: list[tuple[int, float, bool]]) -> None:
    recorder = ArrivalRecorder()
    number, now = 65_500, 1000.0
    arrived: set[int] = set()
    messages: list[TransportFeedback] = []
    for move, seconds, tells in steps:
        number, now = number + move, now + seconds
        recorder.add(number & 0xFFFF, now)
        arrived.add(number & 0xFFFF)
        if tells:
            messages += recorder.messages()
    messages += recorder.messages()

    last_word = {number for number, ticks in told(messages).items() if ticks is not None}
    ever = {number for message in messages for number, ticks in message.ticks if ticks is not None}
    assert last_word == ever
    assert ever <= arrived
    for message in messages:
        assert TransportFeedback.parse(message.pack()) == message


def test_numbers_of_an_hour_wrap() -> None:
    recorder = ArrivalRecorder()
    reported: list[int] = []
    for number in range(150_000):
        recorder.add((60_000 + number) & 0xFFFF, number / 40)
        if number % 3 == 2:
            for message in recorder.messages():
                assert None not in message.arrivals
                reported += [base for base, _ in message.ticks]

    assert reported == [(60_000 + number) & 0xFFFF for number in range(150_000)]
