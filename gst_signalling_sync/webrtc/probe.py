"""`ask_ice_servers`: asks STUN and TURN servers for this machine's candidates, without a session."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConnectionLost, WaitTimeout
from ..ice_options import IceOptions, ask_servers, resolve_ice
from ..threads.native import check_native
from ..threads.shared_loop import acquire_shared_loop, release_shared_loop
from ..threads.waiting import Deadline
from .engine.probe import probe

__all__ = ["ServerAnswer", "ask_ice_servers"]

_PATIENCE_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The answer of one STUN or TURN server.

    Example:
        answers, _ = ask_ice_servers()
        print([answer.outcome for answer in answers if not answer.is_usable])

    Attributes:
        server: The server, without its credentials.
        is_usable: Whether it gave a candidate.
        outcome: Its candidates, or what failed, in one line.
        seconds: Seconds until it answered; None: it did not answer.
    """

    server: str
    is_usable: bool
    outcome: str
    seconds: float | None


def ask_ice_servers(ice: IceOptions | None = None) -> tuple[list[ServerAnswer], list[str]]:
    """Ask all STUN and TURN servers at the same time, as a session does, and wait for their answers.

    Example:
        answers, candidates = ask_ice_servers(IceOptions(["turn://user:password@relay.example"]))
        print(answers[0].outcome)

    Args:
        ice: The servers, and the addresses and ports to use. Defaults to the environment's.

    Returns:
        The answer of each server, in the servers' order, and this machine's candidates, such as ``"host 192.0.2.1:40000"``.

    Raises:
        WaitTimeout: The servers have not all been asked within 12 s.
        ValueError: A server does not have its form.
        TypeError: The callable for the servers did not return a list.
        RuntimeError: gevent or eventlet has patched threads or sockets.
        Exception: The callable for the servers raised this error.
    """
    check_native()
    options = resolve_ice(ice)
    servers = ask_servers(options)
    loop = acquire_shared_loop(ConnectionLost, WaitTimeout)
    try:
        reports, candidates = loop.run(probe(options, servers), Deadline(_PATIENCE_SECONDS), "asking the ICE servers")
    finally:
        release_shared_loop()
    answers = [
        ServerAnswer(report.server, bool(report.candidates), report.outcome, report.seconds) for report in reports
    ]
    return answers, candidates
