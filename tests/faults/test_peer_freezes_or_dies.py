"""A peer's process freezes, is killed, or ends in order: what our end reports, and when."""

from __future__ import annotations

import ctypes
import queue
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import Session, SessionClosed, SignallingServer
from gst_signalling_sync.webrtc.liveness import DEPARTURE_SECONDS

from ..figures import Figures, Stopwatch
from ..helpers.waiting import Heard, wait_until
from . import scenes
from .scenes import Scene

pytestmark = pytest.mark.slow

INTERRUPTED_AFTER = 2.0


@pytest.fixture
def scene(request: pytest.FixtureRequest, embedded_server: SignallingServer, tmp_path: Path) -> Iterator[Scene]:
    with scenes.scene_with(request.param, embedded_server.uri, tmp_path) as scene:
        assert scene.session.state == "connected"
        yield scene
        scene.process.thaw()


class Changes:
    """The state changes of a connected session, each with its time.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._last = "connected"
        self._changes: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        session.state_changed.connect(self._note)

    def wait_for(self, state: str, timeout: float) -> float:
        """Wait for the next change, which must be to a given state.

        Returns:
            The time of the change, by `time.monotonic`.
        """
        found, at = self._changes.get(timeout=timeout)
        assert found == state
        return at

    @property
    def are_none(self) -> bool:
        """Whether there are no changes left that were not waited for."""
        return self._changes.empty()

    def _note(self, session: Session, state: str) -> None:
        # The first state change may be reported late.
        if state != self._last:
            self._last = state
            self._changes.put((state, time.monotonic()))


@pytest.mark.parametrize("scene", scenes.parameters(), indirect=True)
def test_frozen_peer_interrupts_the_session_until_it_is_back(scene: Scene, figures: Figures) -> None:
    changes = Changes(scene.session)
    scene.process.freeze()
    began = time.monotonic()
    figures.add("interrupted", changes.wait_for("interrupted", 10.0) - began, INTERRUPTED_AFTER + 1.5)
    assert scene.session.is_open
    assert scene.session.silence > 1.0

    wait_until(lambda: scene.session.silence > 4.0, "the peer stands still for a while")
    scene.process.thaw()
    thawed = time.monotonic()
    figures.add("connected again", changes.wait_for("connected", 10.0) - thawed, 1.5)
    wait_until(lambda: scene.session.silence < 1.0, "the peer is heard")


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    "scene",
    [
        "producer-data",
        *(
            pytest.param(name, marks=(pytest.mark.long, *(() if name in scenes.OURS else (pytest.mark.interop,))))
            for name in scenes.PEERS
            if name != "producer-data"
        ),
    ],
    indirect=True,
)
def test_peer_that_stays_frozen_is_lost(scene: Scene, figures: Figures) -> None:
    changes = Changes(scene.session)
    began = time.monotonic()
    scene.process.freeze()
    changes.wait_for("interrupted", 10.0)
    figures.add("closed", changes.wait_for("closed", 60.0) - began, 35.0)
    error = scene.session.error
    assert isinstance(error, SessionClosed)
    assert error.reason == "lost"
    # If the server is not answered either, it reports the peer's end before our own timeout.
    assert re.search(r"nothing was heard from the peer for \d\d", str(error))


@pytest.mark.parametrize("scene", scenes.parameters(), indirect=True)
def test_killed_peer_has_left_soon(scene: Scene, figures: Figures) -> None:
    closed = Heard(scene.session.closed)
    scene.process.kill()
    watch = Stopwatch()
    error = closed.next()["error"]
    # Linux closes the sockets of a killed Chromium, which has some ten processes, after a quarter of a second. The next
    # later time at which the end could be known is that of the interruption, after two seconds.
    figures.add("closed", watch.seconds, DEPARTURE_SECONDS + 0.7)
    assert isinstance(error, SessionClosed)
    assert error.reason == "left"


IN_ORDER: dict[str, str | None] = {
    **dict.fromkeys(scenes.PEERS, None),
    # webrtcbin sends its peer nothing when it stops, so that only the signalling server reports it, as for a killed peer.
    "webrtcbin-producer-data": "left",
    "webrtcbin-producer-video": "left",
    "webrtcbin-consumer": "left",
    "webrtcsink": "left",
    "webrtcsrc": "left",
}


@pytest.mark.parametrize("scene", scenes.parameters(), indirect=True)
def test_peer_that_ends_the_session_in_order(scene: Scene, figures: Figures, request: pytest.FixtureRequest) -> None:
    changes = Changes(scene.session)
    began = time.monotonic()
    scene.close_session()
    figures.add("closed", changes.wait_for("closed", 10.0) - began, 2.0)
    error: Any = scene.session.error
    expected = IN_ORDER[request.node.callspec.params["scene"]]
    assert getattr(error, "reason", None) == expected


@pytest.mark.parametrize("whose", ["theirs", "ours"])
@pytest.mark.parametrize("scene", scenes.parameters("producer-data", "consumer-data"), indirect=True)
def test_interpreter_that_is_held_for_a_second_raises_no_alarm(scene: Scene, whose: str) -> None:
    changes = Changes(scene.session)
    watch = Stopwatch()
    for number in range(1, 4):
        if whose == "theirs":
            scene.process.command("hold", seconds=1.0)
        else:
            # A C function that does not release the interpreter's lock.
            ctypes.PyDLL(None).usleep(1_000_000)
        heard_again = partial(is_heard, scene.session, watch, number * 1.5)
        wait_until(heard_again, "it is heard again")
    assert changes.are_none


def is_heard(session: Session, watch: Stopwatch, after: float) -> bool:
    """Whether a peer is heard again after a number of seconds."""
    return watch.seconds > after and session.silence < 0.6
