"""The offset between the clocks of two peers: the core with random delays, and robots in processes of their own."""

from __future__ import annotations

import contextlib
import math
import random
import subprocess
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import ClockOffset, Consumer, Producer, Session, connect
from gst_signalling_sync.webrtc.clock_offset import OffsetBounds

from ..helpers.processes import start_script
from ..helpers.waiting import wait_until

AHEAD = {"left": 0.0, "right": 1.0}
"""Seconds by which the clock of each robot is ahead of this machine's."""

ROBOT = """
    import sys, time

    uri, name, ahead = sys.argv[1:]
    true_time = time.time
    # Debian's faketime breaks time.sleep of this Python, and what waits by the monotonic clock.
    time.time = lambda: true_time() + float(ahead)

    import numpy as np
    from gst_signalling_sync import Producer

    with Producer(uri, name=name) as producer:
        camera = producer.add_video(fps=30)
        print("ready", flush=True)
        for line in sys.stdin:
            before = time.time()
            camera.write(np.full((240, 320, 3), int(line), np.uint8))
            print(before, time.time(), flush=True)
"""

ways = st.floats(0.0, 10.0)
pauses = st.floats(0.0, 3600.0)


def ask(bounds: OffsetBounds, offset: float, at: float, there: float, back: float) -> float:
    """Add one round trip, where the peer's clock is ahead by the offset, and return when it was over."""
    received = at + there + offset
    bounds.add(at, received, received, at + there + back)
    return at + there + back


def compared(session: Session) -> ClockOffset:
    """Wait for the offset."""
    wait_until(lambda: session.clock_offset, "the clocks are compared")
    offset = session.clock_offset
    assert offset is not None
    return offset


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(ways, ways, pauses), min_size=1))
def test_offset_is_within_its_bounds_whatever_the_ways_take(
    offset: float, trips: list[tuple[float, float, float]]
) -> None:
    bounds = OffsetBounds()
    now = 0.0
    for there, back, pause in trips:
        now = ask(bounds, offset, now + pause, there, back)

        found = bounds.at(now)
        assert found is not None
        assert found[0] - 1e-6 <= offset <= found[1] + 1e-6


@given(st.floats(-200e-6, 200e-6), st.lists(st.tuples(ways, ways, pauses), min_size=1))
def test_offset_is_within_its_bounds_where_the_clocks_drift_apart(
    drift: float, trips: list[tuple[float, float, float]]
) -> None:
    bounds = OffsetBounds()
    now = 0.0
    for there, back, pause in trips:
        asked = now + pause
        received = (asked + there) * (1 + drift)
        now = asked + there + back
        bounds.add(asked, received, received, now)

        found = bounds.at(now)
        assert found is not None
        assert found[0] - 1e-6 <= now * drift <= found[1] + 1e-6


def test_nothing_is_known_before_the_first_answer() -> None:
    assert OffsetBounds().at(0.0) is None


def test_uncertainty_grows_with_time() -> None:
    bounds = OffsetBounds()
    now = ask(bounds, 5.0, 0.0, 0.01, 0.01)

    assert bounds.at(now) == pytest.approx((4.99, 5.01), abs=1e-5)
    assert bounds.at(now + 100.0) == pytest.approx((4.97, 5.03), abs=1e-5)


def test_quickest_way_of_each_direction_counts() -> None:
    bounds = OffsetBounds()
    ask(bounds, 0.0, 0.0, 0.001, 0.5)
    now = ask(bounds, 0.0, 1.0, 0.5, 0.002)

    assert bounds.at(now) == pytest.approx((-0.002, 0.001), abs=0.001)


def test_clock_that_was_set_is_known_by_the_next_answer() -> None:
    bounds = OffsetBounds()
    ask(bounds, 0.0, 0.0, 0.01, 0.01)
    now = ask(bounds, 3600.0, 1.0, 0.02, 0.02)

    assert bounds.at(now) == pytest.approx((3599.98, 3600.02))


@pytest.mark.parametrize(("received", "answered"), [(1.0, 5.0), (1e300, 2e300), (0.0, math.inf)])
def test_round_trip_that_cannot_be_is_not_counted(received: float, answered: float) -> None:
    bounds = OffsetBounds()
    bounds.add(0.0, received, answered, 1.0)

    assert bounds.at(1.0) is None


def test_twenty_answers_over_a_jittery_link_tell_it_within_five_milliseconds() -> None:
    chance = random.Random(1)
    errors = []
    for _ in range(500):
        bounds = OffsetBounds()
        now = 0.0
        for _ in range(20):
            now = ask(bounds, 1.0, now + 0.1, chance.uniform(0.03, 0.07), chance.uniform(0.03, 0.07))
        lower, upper = bounds.at(now) or (0.0, 0.0)
        errors.append(abs((lower + upper) / 2 - 1.0))

    assert sorted(errors)[494] < 0.005


def test_two_peers_of_one_machine_have_one_clock(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot") as producer, connect(signalling_uri, name="robot") as session:
        wait_until(lambda: producer.sessions, "connected at both ends")
        for each in (session, producer.sessions[0]):
            offset = compared(each)
            # The clock of capture times is set once, when the process begins; the wall clock may be set afterwards.
            assert abs(offset.seconds) <= offset.uncertainty + 0.05


def test_closed_session_keeps_what_it_knew(signalling_uri: str) -> None:
    with Producer(signalling_uri, name="robot"), Consumer(signalling_uri) as consumer:
        session = consumer.start_session(name="robot")
        compared(session)
        session.close()

        assert session.clock_offset is not None


@contextlib.contextmanager
def robot(uri: str, name: str) -> Iterator[subprocess.Popen[str]]:
    with start_script(ROBOT, uri, name, str(AHEAD[name])) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def show(process: subprocess.Popen[str], grey: int) -> tuple[float, float]:
    """Have a robot write a frame, and return the times before and after it by the robot's clock."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(grey, file=process.stdin, flush=True)
    before, after = map(float, process.stdout.readline().split())
    return before, after


def captured_here(session: Session, grey: int) -> float:
    """The capture time of the frame with that grey, by this machine's clock."""
    while True:
        frame = session.video.read_frame()
        if abs(int(frame.array.mean()) - grey) < 8:
            offset = session.clock_offset
            assert offset is not None
            assert frame.captured_at is not None
            return frame.captured_at - offset.seconds


@pytest.mark.slow
@pytest.mark.parametrize("signalling_uri", ["embedded"], indirect=True)
def test_frames_of_two_robots_are_placed_within_10_ms(signalling_uri: str) -> None:
    with contextlib.ExitStack() as stack:
        robots = {name: stack.enter_context(robot(signalling_uri, name)) for name in AHEAD}
        for name, process in robots.items():
            assert show(process, 16)[0] - time.time() == pytest.approx(AHEAD[name], abs=0.5)
        sessions = {name: stack.enter_context(connect(signalling_uri, name=name)) for name in AHEAD}
        for session in sessions.values():
            wait_until(lambda session=session: compared(session).uncertainty < 0.005, "the clocks are known", 60)  # type: ignore[misc]

        for grey in range(40, 240, 20):
            for name, process in robots.items():
                before, after = show(process, grey)
                captured = captured_here(sessions[name], grey) + AHEAD[name]
                assert before - 0.010 <= captured <= after + 0.010, name
