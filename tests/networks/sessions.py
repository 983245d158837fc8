"""Sessions of two machines, each end in a process of its own."""

from __future__ import annotations

from contextlib import ExitStack

from ..faults.network import Machine
from ..peers.library import LibraryProcess, library_consumer, library_producer, library_server

__all__ = ["robot_and_operator"]


def robot_and_operator(
    robot_machine: Machine, desk: Machine, host: str, stack: ExitStack, *robot_options: str
) -> tuple[LibraryProcess, LibraryProcess]:
    """Start a server and an operator at the desk, and a robot, which the operator requests a session with.

    Args:
        robot_machine: Where the robot is.
        desk: Where the operator and the server are.
        host: The address of the desk.
        stack: Ends the processes.
        robot_options: Options of the robot's program.

    Returns:
        The robot and the operator.
    """
    with desk.processes():
        server = stack.enter_context(library_server(host))
    uri = server.wait_for("ready")["uri"]
    with robot_machine.processes():
        robot = stack.enter_context(library_producer(uri, "robot", *robot_options))
    robot.wait_for("ready")
    with desk.processes():
        operator = stack.enter_context(library_consumer(uri, "robot"))
    operator.wait_for("ready")
    return robot, operator
