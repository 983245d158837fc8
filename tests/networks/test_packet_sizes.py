"""No UDP payload is larger than 1200 bytes, so that a path with an MTU of 1280 carries every packet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gst_signalling_sync import SignallingServer, connect

from ..faults.network import Machine, Network, require_namespaces
from ..helpers.waiting import wait_until
from ..peers.browser import Browser, find_browser
from ..peers.gst_pipelines import SentMedia
from ..peers.gst_signalling import find_gst_signalling, gst_producer
from ..peers.library import LibraryProcess
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink
from .machines import Firewall, inside
from .sessions import robot_and_operator

pytestmark = pytest.mark.slow

MTU_OF_IPV6 = 1280
BIG = "x" * 60_000


@pytest.fixture
def network() -> Iterator[Network]:
    yield from require_namespaces()


def talk(stack: ExitStack, robot_machine: Machine, desk: Machine, codec: str) -> LibraryProcess:
    """Connect a session with video in large frames and large messages in both directions, and return the consumer."""
    robot, operator = robot_and_operator(robot_machine, desk, desk.address, stack, "--noise", codec)
    operator.wait_for("session")
    robot.wait_for("session")
    operator.wait_for("frame")
    operator.command("send", text=f"echo {BIG}")
    assert operator.wait_for("message", 30.0)["text"] == f"echo {BIG}"
    return operator


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_no_payload_is_larger_than_1200_bytes(network: Network, codec: str) -> None:
    machines = network.machine(), network.machine()
    firewalls = [Firewall(machine) for machine in machines]
    for firewall in firewalls:
        firewall.count_big_payloads()
        firewall.count("udp", "length", ">", "1100")
        # Lost packets are sent again inside other packets (RTX, RFC 4588).
        firewall.drop("udp", "length", ">", "900", "numgen", "random", "mod", "100", "<", "3")
    with ExitStack() as stack:
        talk(stack, *machines, codec)

        for firewall in firewalls:
            too_big, nearly = firewall.counted
            assert too_big == 0
            assert nearly > 10


def test_session_lives_on_a_path_of_the_smallest_mtu_of_ipv6_that_reports_nothing(network: Network) -> None:
    machines = network.machine(), network.machine()
    for machine in machines:
        firewall = Firewall(machine)
        firewall.drop("udp", "length", ">", str(MTU_OF_IPV6 - 40))
        inside(machine, "ip", "link", "set", "eth0", "mtu", str(MTU_OF_IPV6))
    with ExitStack() as stack:
        talk(stack, *machines, "VP8")


def test_path_that_takes_less_is_named(network: Network) -> None:
    robot_machine, desk = network.machine(), network.machine()
    Firewall(robot_machine).drop_big_payloads(950)
    with ExitStack() as stack:
        robot, operator = robot_and_operator(robot_machine, desk, desk.address, stack)
        operator.wait_for("session")
        wait_until(lambda: "loses UDP payloads over 900 bytes" in robot.describe(), robot.describe, 30)


@pytest.mark.interop
@pytest.mark.parametrize("kind", ["webrtcsink", "webrtcbin", "chromium"])
def test_foreign_peers_answer_checks_of_that_size(embedded_server: SignallingServer, kind: str) -> None:
    with ExitStack() as stack:
        if kind == "webrtcsink":
            require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
            stack.enter_context(run_webrtcsink(embedded_server.uri, "robot", SentMedia(frequency=None)))
        elif kind == "webrtcbin":
            require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
            stack.enter_context(gst_producer(embedded_server.uri, "robot"))
        else:
            require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
            stack.enter_context(Browser()).producer(embedded_server.uri, "robot")
        session = stack.enter_context(connect(embedded_server.uri, name="robot", timeout=45))

        wait_until(lambda: session.quality().largest_payload == 1200, "the path is known", 20.0)
