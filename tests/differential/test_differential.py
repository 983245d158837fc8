"""The embedded server says what the reference server says."""

from __future__ import annotations

import json
from random import Random
from urllib.parse import urlsplit

import pytest

from benchmarks.processes import embedded_server

from ..peers.reference import ReferenceServer
from ..proofs import short_and_long
from .conversation import Say, conversation
from .rooms import Heard, Hotel

ROOMS = 8

pytestmark = pytest.mark.interop


@short_and_long("count", 200, 100_000)
def test_random_conversations_are_the_same(reference_server: ReferenceServer, count: int) -> None:
    with (
        embedded_server() as embedded,
        Hotel(urlsplit(embedded.uri).port or 0, ROOMS) as ours,
        Hotel(reference_server.port, ROOMS) as theirs,
    ):
        for first in range(0, count, ROOMS):
            said = [conversation(Random(seed)) for seed in range(first, min(count, first + ROOMS))]
            for seed, (here, there) in enumerate(zip(ours.carry_on(said), theirs.carry_on(said), strict=True), first):
                assert here == there, difference(seed, said[seed - first], here, there)


def difference(seed: int, said: list[Say], ours: list[Heard], theirs: list[Heard]) -> str:
    """Where two servers begin to differ in a conversation, and what was said until then."""
    step = next(number for number, (here, there) in enumerate(zip(ours, theirs, strict=True)) if here != there)
    lines = [f"conversation {seed} differs at step {step}"]
    lines += [f"  peer {say.peer} says {say.text if say.message is None else say.message}" for say in said[: step + 1]]
    return "\n".join([*lines, f"ours:      {json.dumps(ours[step])}", f"reference: {json.dumps(theirs[step])}"])


def test_conversations_are_the_same_in_each_run() -> None:
    assert conversation(Random(7)) == conversation(Random(7))
