"""The cable of a robot is pulled: what both ends report, and when. Server and operator are on another machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from ..figures import Figures
from ..peers.gst_pipelines import SentMedia
from ..peers.gst_signalling import find_gst_signalling, gst_producer
from ..peers.library import library_consumer, library_producer, library_server
from ..peers.peer_process import PeerProcess
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink
from .network import Machine, Network, require_namespaces

pytestmark = pytest.mark.slow

INTERRUPTED_AFTER = 2.0


@dataclass
class Scene:
    """A robot, an operator, and their session."""

    robot: PeerProcess
    operator: PeerProcess
    machine: Machine
    """The robot's machine."""

    robot_tells: bool
    """Whether the robot is of this library, and reports the state of its session."""


def of_this_library(*options: str) -> Callable[[str], PeerProcess]:
    return lambda uri: library_producer(uri, "robot", *options)


def webrtcsink(uri: str) -> PeerProcess:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    return run_webrtcsink(uri, "robot", SentMedia(frequency=None))


def webrtcbin(uri: str) -> PeerProcess:
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
    return gst_producer(uri, "robot")


ROBOTS = {
    "data": of_this_library(),
    "video": of_this_library("--video", "--no-channel"),
    "webrtcsink": webrtcsink,
    "webrtcbin": webrtcbin,
}


@pytest.fixture
def network() -> Iterator[Network]:
    yield from require_namespaces()


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.interop if "webrtc" in each else ()) for each in ROBOTS])
def scene(request: pytest.FixtureRequest, network: Network) -> Iterator[Scene]:
    desk, machine = network.machine(), network.machine()
    with ExitStack() as stack:
        with desk.processes():
            server = stack.enter_context(library_server(desk.address))
        uri = server.wait_for("ready")["uri"]
        with machine.processes():
            robot = stack.enter_context(ROBOTS[request.param](uri))
        with desk.processes():
            operator = stack.enter_context(library_consumer(uri, "robot"))
        operator.wait_for("session")
        tells = "webrtc" not in request.param
        if tells:
            robot.wait_for("session")
        yield Scene(robot, operator, machine, tells)
        # A robot that is cut off would take long to end.
        robot.kill()


def told(scene: Scene) -> list[tuple[str, PeerProcess]]:
    """The ends that report the session's state."""
    return [("operator", scene.operator), *([("robot", scene.robot)] if scene.robot_tells else [])]


@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
def test_interrupts_the_session_until_it_is_back(scene: Scene, figures: Figures) -> None:
    # The cut is at the switch, because Linux takes up to a second to use a cable that is plugged in again.
    scene.machine.cut_off()
    pulled = time.monotonic()
    for name, end in told(scene):
        end.wait_for("state", state="interrupted")
        figures.add(f"{name}: interrupted", time.monotonic() - pulled, INTERRUPTED_AFTER + 0.5)
    scene.machine.reconnect()
    plugged_in = time.monotonic()
    for name, end in told(scene):
        end.wait_for("state", state="connected")
        figures.add(f"{name}: connected again", time.monotonic() - plugged_in, 0.5)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_ends_the_session_as_lost_if_it_is_not_back(scene: Scene, figures: Figures) -> None:
    scene.machine.pull_cable()
    pulled = time.monotonic()
    for name, end in told(scene):
        assert end.wait_for("session_closed", 60.0)["reason"] == "lost"
        figures.add(f"{name}: closed", time.monotonic() - pulled, 35.0)
