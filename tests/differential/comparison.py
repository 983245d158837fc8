"""Holds the conversations of some seeds at both servers, and compares what the peers receive."""

from __future__ import annotations

import json
from random import Random
from urllib.parse import urlsplit

from benchmarks.processes import ServerProcess, embedded_server, reference_server

from .conversation import Say, conversation
from .rooms import Heard, Hotel

__all__ = ["first_difference"]

ROOMS = 8
"""Number of rooms at the same time."""


def first_difference(seeds: range) -> str | None:
    """Hold the conversations of some seeds at both servers, until they differ.

    Args:
        seeds: One seed for each conversation.

    Returns:
        Where the servers begin to differ, and what was sent until then; None: there is no difference.
    """
    with (
        embedded_server() as embedded,
        reference_server() as reference,
        Hotel(_port_of(embedded), ROOMS) as ours,
        Hotel(_port_of(reference), ROOMS) as theirs,
    ):
        for first in range(seeds.start, seeds.stop, ROOMS):
            said = [conversation(Random(seed)) for seed in range(first, min(seeds.stop, first + ROOMS))]
            for seed, (here, there) in enumerate(zip(ours.carry_on(said), theirs.carry_on(said), strict=True), first):
                if here != there:
                    return _difference(seed, said[seed - first], here, there)
    return None


def _port_of(server: ServerProcess) -> int:
    port = urlsplit(server.uri).port
    assert port is not None
    return port


def _difference(seed: int, said: list[Say], ours: list[Heard], theirs: list[Heard]) -> str:
    """Where two servers begin to differ in a conversation, and what was sent until then."""
    step = next(number for number, (here, there) in enumerate(zip(ours, theirs, strict=True)) if here != there)
    lines = [f"conversation {seed} differs at step {step}"]
    lines += [f"  peer {say.peer} says {say.text if say.message is None else say.message}" for say in said[: step + 1]]
    return "\n".join([*lines, f"ours:      {json.dumps(ours[step])}", f"reference: {json.dumps(theirs[step])}"])
