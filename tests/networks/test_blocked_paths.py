"""A firewall drops everything between the robot and its operator: their sessions use a TURN server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..faults.network import Machine, Network, require_namespaces
from ..helpers.certificates import PrivateCA
from ..peers.browser import Browser, BrowserMedia, find_browser
from ..peers.coturn import PASSWORD, USER, Coturn, run_coturn
from ..peers.gst_pipelines import SentMedia
from ..peers.library import LibraryProcess, library_consumer, library_producer, library_server
from ..peers.peer_process import PeerProcess
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink, run_webrtcsrc
from .machines import Firewall

pytestmark = pytest.mark.interop

PORTS = (3478, 5349)
MAX_GAP = 0.2


def lifetimes(seconds: int) -> tuple[str, ...]:
    """Options of coturn for allocations, permissions, channels and nonces with a lifetime in seconds."""
    names = ("max-allocate-lifetime", "permission-lifetime", "channel-lifetime", "stale-nonce")
    return tuple(f"--{name}={seconds}" for name in names)


@dataclass
class Site:
    """A robot and an operator that cannot reach each other, and a machine that both can reach.

    Attributes:
        robot: The robot's machine.
        operator: The operator's machine.
        uri: The signalling server's, on the third machine.
        turn: The TURN server on the third machine.
        stack: Closes what runs on the machines.
    """

    robot: Machine
    operator: Machine
    uri: str
    turn: Coturn
    stack: ExitStack

    def start_robot(self, *options: str, servers: str = "", relay_only: bool = False) -> LibraryProcess:
        with self.robot.processes(), environment(servers, relay_only):
            robot = self.stack.enter_context(library_producer(self.uri, "robot", *options))
        robot.wait_for("ready")
        return robot

    def start_operator(self, servers: str = "", relay_only: bool = False) -> LibraryProcess:
        with self.operator.processes(), environment(servers, relay_only):
            return self.stack.enter_context(library_consumer(self.uri, "robot"))


@contextlib.contextmanager
def environment(servers: str, relay_only: bool = False) -> Iterator[None]:
    """Have programs that are started in the block use these ICE servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GST_SIGNALLING_ICE_SERVERS", servers)
        patch.setenv("GST_SIGNALLING_RELAY_ONLY", "1" if relay_only else "")
        yield


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
    stack.enter_context(pytest.MonkeyPatch.context()).setenv("GST_SIGNALLING_ICE_CAFILE", str(ca.cafile))
    with middle.processes():
        server = stack.enter_context(library_server(middle.address))
        turn = stack.enter_context(run_coturn(folder, (middle.address,), ports=PORTS, ca=ca, options=turn_options))
    return Site(robot, operator, server.wait_for("ready")["uri"], turn, stack)


def route(operator: PeerProcess) -> tuple[str, str]:
    """The candidate types of the operator and of the robot."""
    operator.command("route")
    told = operator.wait_for("route")
    return told["local"], told["remote"]


def combinations(*ends: str, short: set[tuple[str, str]], impossible: set[tuple[str, str]]) -> pytest.MarkDecorator:
    """Each transport to the server with each end that uses it; only the short ones are in every run."""
    cases = [
        pytest.param(transport, end, marks=() if (transport, end) in short else pytest.mark.long)
        for transport in ("udp", "tcp", "tls")
        for end in ends
        if (transport, end) not in impossible
    ]
    return pytest.mark.parametrize(("transport", "ends"), cases)


transports = pytest.mark.parametrize(
    "transport", ["udp", pytest.param("tcp", marks=pytest.mark.long), pytest.param("tls", marks=pytest.mark.long)]
)


@combinations(
    "robot", "operator", "both", short={("udp", "both"), ("tcp", "robot"), ("tls", "operator")}, impossible=set()
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


@transports
def test_webrtcsink_is_seen(tmp_path: Path, transport: str) -> None:
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    with site(tmp_path) as here:
        with here.robot.processes():
            here.stack.enter_context(run_webrtcsink(here.uri, "robot", SentMedia(frequency=None)))
        operator = here.start_operator(here.turn.uri(transport))
        operator.wait_for("session")
        operator.wait_for("frame")

        assert route(operator)[0] == "relay"


@transports
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
        operator.received.wait_for_frame()


def browser(here: Site, transport: str) -> Browser:
    """A browser with the TURN server. It trusts no private CA, so over TLS it uses no TURN server."""
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    uri = f"turn:{here.turn.host}:{here.turn.port}?transport={transport}"
    servers = [{"urls": uri, "username": USER, "credential": PASSWORD}] if transport in ("udp", "tcp") else []
    return here.stack.enter_context(Browser(servers))


# Chromium trusts only the system's authorities.
@combinations("robot", "browser", "both", short={("udp", "browser")}, impossible={("tls", "browser"), ("tls", "both")})
def test_chromium_sees(tmp_path: Path, transport: str, ends: str) -> None:
    with site(tmp_path) as here:
        robot = here.start_robot(
            "--video", "--no-channel", servers=here.turn.uri(transport) if ends != "browser" else ""
        )
        with here.operator.processes():
            page = browser(here, transport if ends != "robot" else "").consumer(here.uri, "robot")
            page.wait_for("frame")
        robot.wait_for("session")

        assert here.turn.allocations >= 1


@pytest.mark.long
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_chromium_is_seen(tmp_path: Path, transport: str) -> None:
    with site(tmp_path) as here:
        with here.robot.processes():
            media = BrowserMedia(codec="VP8", frequency=None)
            page = here.stack.enter_context(browser(here, "").producer(here.uri, "robot", media))
            page.wait_for("registered")
        operator = here.start_operator(here.turn.uri(transport))
        operator.wait_for("session")
        operator.wait_for("frame")

        assert route(operator)[0] == "relay"


def flows(here: Site, seconds: float) -> None:
    """Assert that data and video flow through relays at both ends without a gap."""
    servers = here.turn.uri()
    here.start_robot("--video", "--ticks", servers=servers, relay_only=True)
    operator = here.start_operator(servers, relay_only=True)
    operator.wait_for("session")
    operator.wait_for("frame")
    assert route(operator) == ("relay", "relay")
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
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("lifetime", "seconds"), [(3, 6.0), pytest.param(30, 300.0, marks=pytest.mark.long)])
def test_relay_with_short_lifetimes_has_no_gap(tmp_path: Path, lifetime: int, seconds: float) -> None:
    with site(tmp_path, *lifetimes(lifetime)) as here:
        flows(here, seconds)

        # Both ends refresh at half of the lifetime.
        refreshed = 2 * (seconds // (lifetime / 2) - 1)
        assert here.turn.refreshes >= refreshed
        assert here.turn.bindings >= refreshed


@pytest.mark.long
@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@pytest.mark.timeout(1200)
def test_relay_with_default_lifetimes_outlives_a_channel(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        flows(here, 660.0)
