"""`Commons`: what all connections of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..protocol.limits import ServerLimits
from ..protocol.quota import Pool, Rates
from .breather import Breather
from .reception import Reception
from .refusals import Refusals
from .tally import Tally
from .turns import Turns

__all__ = ["Commons", "Holder"]


class Holder(Protocol):
    """Holds bytes of what all share, and can be made to let go of them."""

    def __hash__(self) -> int:
        """Of its identity."""

    def exceed(self, rule: str, details: str) -> None:
        """Drop the connection, because it holds the most."""


@dataclass(frozen=True, slots=True)
class Commons:
    """What a connection is given.

    Attributes:
        loop: The event loop that they all run on.
        clock: The time, in seconds.
        limits: What they may use.
        rates: How fast.
        reception: What answers their requests.
        refusals: Where it is noted what they were refused.
        breather: Lets other threads run, after each piece of work.
        turns: Where those wait that have more to do than one turn allows.
        comings_and_goings: Where handshakes and ends of connections wait, so that a crowd of them keeps no peer waiting.
        unread: The bytes that wait for those that do not read.
        incomplete: The bytes of messages that have begun to arrive, or wait for their turn.
        tally: Counts what passes.
    """

    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    limits: ServerLimits
    rates: Rates
    reception: Reception
    refusals: Refusals
    breather: Breather
    turns: Turns
    comings_and_goings: Turns
    unread: Pool[Holder]
    incomplete: Pool[Holder]
    tally: Tally
