"""`Commons`: what all connections of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from ..protocol.limits import ServerLimits
from ..protocol.quota import Pool, Rates
from .breather import Breather
from .reception import Reception
from .refusals import Refusals
from .settings import Settings
from .tally import Tally
from .turns import Turns

__all__ = ["Commons", "Holder"]


class Holder(Protocol):
    """Holds bytes of a shared pool, and can be made to free them."""

    def __hash__(self) -> int:
        """The hash of its identity."""

    def exceed(self, rule: str, details: str) -> None:
        """Drop the connection, because it holds the most bytes."""


@dataclass(frozen=True, slots=True)
class Commons:
    """The objects that all connections of a server share.

    Attributes:
        loop: The event loop.
        clock: Returns the time, in seconds.
        limits: What connections may use.
        rates: The rates at which they may use it.
        reception: Answers their requests.
        refusals: Counts and logs what they were refused.
        breather: Lets other threads run, after each piece of work.
        turns: The queue of connections with more work than one turn allows.
        comings_and_goings: The queue of handshakes and ends of connections, so that a crowd of them delays no peer.
        unread: The bytes that wait for peers that do not read.
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

    @classmethod
    def of(
        cls,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        refusals: Refusals,
        is_ready: Callable[[], bool],
    ) -> Self:
        """Make what the connections of a server share.

        Args:
            settings: The server's settings.
            loop: The event loop.
            clock: Returns the time, in seconds.
            refusals: Counts and logs what they are refused.
            is_ready: Whether the server accepts new peers.
        """
        limits, breather = settings.limits, Breather()
        return cls(
            loop=loop,
            clock=clock,
            limits=limits,
            rates=Rates(limits),
            reception=Reception(
                settings.origins,
                settings.proxies,
                is_secure=settings.certificate is not None,
                asks_for_tokens=settings.asks_for_tokens,
                is_ready=is_ready,
            ),
            refusals=refusals,
            breather=breather,
            turns=Turns(loop, breather),
            comings_and_goings=Turns(loop, breather),
            unread=Pool(limits.unread_bytes_in_all),
            incomplete=Pool(limits.incomplete_bytes_in_all),
            tally=Tally(),
        )
