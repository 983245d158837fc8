"""What STUN and TURN servers say to this machine, asked without a session."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConnectionLost, WaitTimeout
from ..ice_options import IceOptions, IceServer
from ..threads.shared_loop import acquire_shared_loop, release_shared_loop
from ..threads.waiting import Deadline
from .engine.ice import probe

__all__ = ["ServerAnswer", "ask_ice_servers"]

_PATIENCE_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What one server said.

    Attributes:
        server: The server, without its credentials.
        is_usable: Whether it told of a candidate.
        outcome: One line: its candidates, or what failed.
        seconds: Until it answered; None: it did not.
    """

    server: str
    is_usable: bool
    outcome: str
    seconds: float | None


def ask_ice_servers(options: IceOptions, servers: tuple[IceServer, ...]) -> tuple[list[ServerAnswer], list[str]]:
    """Ask servers as a session does; the answers come at the same time, and this waits for all of them.

    Args:
        options: Which addresses and ports to use.
        servers: Those to ask.

    Returns:
        What each said, in their order, and this machine's candidates, such as ``"host 192.0.2.1:40000"``.

    Raises:
        WaitTimeout: The event loop was too busy.
    """
    loop = acquire_shared_loop(ConnectionLost, WaitTimeout)
    try:
        reports, candidates = loop.run(probe(options, servers), Deadline(_PATIENCE_SECONDS), "asking the ICE servers")
    finally:
        release_shared_loop()
    answers = [
        ServerAnswer(report.server, bool(report.candidates), report.outcome, report.seconds) for report in reports
    ]
    return answers, candidates
