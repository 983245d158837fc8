"""Machines with addresses of only one IP version, or with many addresses."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..faults.network import Machine, Network, require_namespaces
from ..peers.peer_process import PeerProcess
from .machines import add_bridges, inside
from .sessions import robot_and_operator

pytestmark = pytest.mark.slow

BRIDGES = 12
PREFIX = "fd00:201:7"


@pytest.fixture
def network() -> Iterator[Network]:
    yield from require_namespaces()


def use_ipv6_only(machine: Machine, number: int) -> str:
    """Replace the IPv4 address of a machine by an IPv6 address, and return that."""
    address = f"{PREFIX}::{number}"
    inside(machine, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.eth0.accept_dad=0")
    inside(machine, "ip", "address", "delete", f"{machine.address}/24", "dev", "eth0")
    inside(machine, "ip", "-6", "address", "add", f"{address}/64", "dev", "eth0", "nodad")
    return address


def use_ipv4_only(machine: Machine) -> None:
    """Disable IPv6 on a machine."""
    inside(machine, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")


def session_between(robot_machine: Machine, desk: Machine, host: str, stack: ExitStack) -> tuple[PeerProcess, float]:
    """Connect a session. Returns its consumer, and the seconds from the request to the first message."""
    _, operator = robot_and_operator(robot_machine, desk, host, stack)
    began = time.monotonic()
    operator.wait_for("session")
    seconds = time.monotonic() - began
    operator.command("send", text="echo")
    operator.wait_for("message", text="echo")
    return operator, seconds


def test_ipv6_alone(network: Network) -> None:
    robot, desk = network.machine(), network.machine()
    try:
        use_ipv6_only(robot, 1)
        host = use_ipv6_only(desk, 2)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no IPv6 here: {error.stderr}")
    with ExitStack() as stack:
        session_between(robot, desk, host, stack)


def test_ipv4_alone(network: Network) -> None:
    robot, desk = network.machine(), network.machine()
    for machine in (robot, desk):
        with contextlib.suppress(subprocess.CalledProcessError):
            use_ipv4_only(machine)
    with ExitStack() as stack:
        session_between(robot, desk, desk.address, stack)


def test_bridges_to_containers_cost_no_time(network: Network) -> None:
    robot, desk = network.machine(), network.machine()
    for machine in (robot, desk):
        add_bridges(machine, BRIDGES)
    with ExitStack() as stack:
        _, seconds = session_between(robot, desk, desk.address, stack)

        # If the pairs with a bridge were checked first, a hundred of them would cost two seconds.
        assert seconds < 1.0
