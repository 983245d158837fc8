"""The address of one end is replaced by another: the end registers again, and the session is resumed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from ..figures import Figures
from ..helpers.proofs import short_and_long
from ..peers.library import library_consumer, library_producer, library_server
from ..peers.peer_process import PeerProcess
from .network import Machine, Network, require_namespaces

# Four programs are started, possibly on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class End:
    """One end of a session, and the machine on which it runs."""

    process: PeerProcess
    machine: Machine


@pytest.fixture
def network() -> Iterator[Network]:
    yield from require_namespaces()


@pytest.fixture
def ends(network: Network) -> Iterator[dict[str, End]]:
    """A robot and an operator with a session to be resumed, each on a machine of its own; a third machine has the server."""
    office, field, desk = network.machine(), network.machine(), network.machine()
    with ExitStack() as stack:
        with office.processes():
            server = stack.enter_context(library_server(office.address))
        uri = server.wait_for("ready")["uri"]
        with field.processes():
            robot = stack.enter_context(library_producer(uri, "robot"))
        robot.wait_for("ready")
        with desk.processes():
            operator = stack.enter_context(library_consumer(uri, "robot", "--resume"))
        for end in (robot, operator):
            end.wait_for("session")
        yield {"robot": End(robot, field), "operator": End(operator, desk)}


@pytest.mark.parametrize("who", ["robot", "operator"])
@short_and_long("rounds", 1, 10)
def test_the_session_is_resumed(ends: dict[str, End], figures: Figures, who: str, rounds: int) -> None:
    robot, operator = ends["robot"].process, ends["operator"].process
    for number in range(rounds):
        ends[who].machine.change_address()
        changed = time.monotonic()
        ends[who].process.wait_for("registered")
        registered = time.monotonic()
        figures.add(f"{who}: registered again", registered - changed, 5.0)
        operator.wait_for("state", state="connected")
        figures.add(f"{who}: resumed after that", time.monotonic() - registered, 5.0)
        operator.command("send", text=f"echo {number}")
        robot.wait_for("message", text=f"echo {number}")
        operator.wait_for("message", text=f"echo {number}")
