"""A firewall lets nothing pass between the robot and its operator: sessions come about through a TURN server."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..certificates import PrivateCA
from ..faults.network import Machine, Network, require_namespaces
from ..peers.browser import Browser, find_browser
from ..peers.coturn import PASSWORD, USER, Coturn, run_coturn
from ..peers.gst_pipelines import SentMedia
from ..peers.library import LibraryProcess, library_consumer, library_producer, library_server
from ..peers.peer_process import PeerProcess
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink, run_webrtcsrc
from .machines import Firewall

pytestmark = pytest.mark.interop

PORTS = (3478, 5349)
FLOW_SECONDS = 40.0
LONG_FLOW_SECONDS = 300.0
MAX_GAP = 0.2

SHORT_LIFETIMES = ("--max-allocate-lifetime=30", "--permission-lifetime=30", "--channel-lifetime=30")


@dataclass
class Site:
    """A robot and an operator that cannot reach each other, and a machine that both reach.

    Attributes:
        robot: The robot's machine.
        operator: The operator's machine.
        uri: Of the signalling server on the third machine.
        turn: The TURN server there.
        stack: Ends what runs here.
    """

    robot: Machine
    operator: Machine
    uri: str
    turn: Coturn
    stack: ExitStack

    def start_robot(self, *options: str, servers: str = "") -> LibraryProcess:
        with self.robot.processes(), environment(servers):
            robot = self.stack.enter_context(library_producer(self.uri, "robot", *options))
        robot.wait_for("ready")
        return robot

    def start_operator(self, servers: str = "") -> LibraryProcess:
        with self.operator.processes(), environment(servers):
            return self.stack.enter_context(library_consumer(self.uri, "robot"))


@contextlib.contextmanager
def environment(servers: str) -> Iterator[None]:
    """Programs that are started here use these ICE servers."""
    before = os.environ.get("GST_SIGNALLING_ICE_SERVERS")
    os.environ["GST_SIGNALLING_ICE_SERVERS"] = servers
    try:
        yield
    finally:
        del os.environ["GST_SIGNALLING_ICE_SERVERS"]
        if before is not None:
            os.environ["GST_SIGNALLING_ICE_SERVERS"] = before


@contextlib.contextmanager
def site(folder: Path, *turn_options: str) -> Iterator[Site]:
    for network in require_namespaces():
        with ExitStack() as stack:
            yield _site(network, folder, stack, turn_options)


def _site(network: Network, folder: Path, stack: ExitStack, turn_options: tuple[str, ...]) -> Site:
    middle, robot, operator = (network.machine() for _ in range(3))
    Firewall(robot).drop("ip", "daddr", operator.address)
    Firewall(operator).drop("ip", "daddr", robot.address)
    ca = PrivateCA(folder)
    os.environ["SSL_CERT_FILE"] = str(ca.cafile)
    stack.callback(os.environ.pop, "SSL_CERT_FILE")
    with middle.processes():
        server = stack.enter_context(library_server(middle.address))
        turn = stack.enter_context(run_coturn(folder, (middle.address,), ports=PORTS, ca=ca, options=turn_options))
    return Site(robot, operator, server.wait_for("ready")["uri"], turn, stack)


def route(operator: PeerProcess) -> tuple[str, str]:
    """The types of the operator's candidate and of the robot's."""
    operator.command("route")
    told = operator.wait_for("route")
    return told["local"], told["remote"]


def is_short(transport: str, ends: str) -> bool:
    """Whether it is in every run: each transport once, and each end."""
    return (transport, ends) in (("udp", "both"), ("tcp", "robot"), ("tls", "operator"))


@pytest.mark.parametrize(
    ("transport", "ends"),
    [
        pytest.param(transport, ends, marks=() if is_short(transport, ends) else pytest.mark.long)
        for transport in ("udp", "tcp", "tls")
        for ends in ("robot", "operator", "both")
    ],
)
def test_both_ends_of_this_library(tmp_path: Path, transport: str, ends: str) -> None:
    with site(tmp_path) as here:
        uri = here.turn.uri(transport)
        here.start_robot("--video", servers=uri if ends != "operator" else "")
        operator = here.start_operator(uri if ends != "robot" else "")
        operator.wait_for("session")
        operator.wait_for("frame")
        operator.command("send", text="echo")
        operator.wait_for("message", text="echo")
        local, remote = route(operator)

        assert "relay" in (local, remote)
        assert here.turn.allocations >= 1


def test_nobody_connects_without_a_relay(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.start_robot()
        operator = here.start_operator()

        with pytest.raises(ChildProcessError) as raised:
            operator.wait_for("session", 60.0)

        assert "candidates here: host" in str(raised.value)


@pytest.mark.parametrize("transport", ["udp", pytest.param("tcp", marks=pytest.mark.long)])
def test_webrtcsink_is_seen(tmp_path: Path, transport: str) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    with site(tmp_path) as here:
        with here.robot.processes():
            here.stack.enter_context(run_webrtcsink(here.uri, "robot", SentMedia(frequency=None)))
        operator = here.start_operator(here.turn.uri(transport))
        operator.wait_for("session")
        operator.wait_for("frame")

        assert route(operator)[0] == "relay"


@pytest.mark.parametrize("transport", ["udp", pytest.param("tls", marks=pytest.mark.long)])
def test_webrtcsrc_sees(tmp_path: Path, transport: str) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    save_to = tmp_path / "received"
    save_to.mkdir()
    with site(tmp_path) as here:
        with here.robot.processes(), environment(here.turn.uri(transport)):
            robot = here.stack.enter_context(library_producer(here.uri, "robot", "--video", "--no-channel"))
        peer_id = robot.wait_for("ready")["peer_id"]
        with here.operator.processes():
            operator = here.stack.enter_context(run_webrtcsrc(here.uri, peer_id, save_to, audio=False))
        robot.wait_for("session")
        operator.received.wait_for_picture()


def test_chromium_sees(tmp_path: Path) -> None:
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    with site(tmp_path) as here:
        robot = here.start_robot("--video", "--no-channel", servers=here.turn.uri())
        plain = f"turn:{here.turn.host}:{here.turn.port}"
        with here.operator.processes():
            servers = [{"urls": plain, "username": USER, "credential": PASSWORD}]
            browser = here.stack.enter_context(Browser(servers))
            page = browser.consumer(here.uri, "robot")
            page.wait_for("picture")
        robot.wait_for("session")


def flows(here: Site, seconds: float) -> None:
    """Data and video flow through relays at both ends without a gap."""
    servers = here.turn.uri()
    here.start_robot("--video", "--ticks", servers=servers)
    operator = here.start_operator(servers)
    operator.wait_for("session")
    operator.wait_for("frame")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(5.0, seconds))
        operator.command("flow")
        told = operator.wait_for("flow")
        assert told["message_gap"] < MAX_GAP, told
        assert told["frame_gap"] < MAX_GAP, told
    assert told["messages"] > seconds * 40
    assert told["frames"] > seconds * 10


@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@pytest.mark.timeout(150)
def test_relay_with_short_lifetimes_has_no_gap(tmp_path: Path) -> None:
    with site(tmp_path, *SHORT_LIFETIMES) as here:
        flows(here, FLOW_SECONDS)


@pytest.mark.long
@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@pytest.mark.timeout(900)
def test_relay_with_short_lifetimes_has_no_gap_for_long(tmp_path: Path) -> None:
    with site(tmp_path, *SHORT_LIFETIMES) as here:
        flows(here, LONG_FLOW_SECONDS)


@pytest.mark.long
@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@pytest.mark.timeout(1200)
def test_relay_with_default_lifetimes_outlives_a_channel(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        flows(here, 660.0)
